package admin

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestPages asks the paths with lists for parts of them.
func TestPages(t *testing.T) {
	f := &fake{}
	addr := serving(t, f)
	for _, tt := range []struct {
		path string
		want Page
		code int
		text string
	}{
		{"/zones", Page{}, http.StatusOK, ""},
		{"/zones?zone=Example.com&visibility=private&account=lab&failing=true&offset=20&limit=10",
			Page{Zone: "Example.com", Visibility: "private", Account: "lab", Failing: true, Offset: 20, Limit: 10},
			http.StatusOK, ""},
		{"/transfers?view=prod&zone=example.com.", Page{View: "prod", Zone: "example.com."}, http.StatusOK, ""},
		{"/health-checks?id=abc&type=HTTP&failing=1", Page{ID: "abc", Type: "HTTP", Failing: true}, http.StatusOK, ""},
		{"/zones?view=prod", Page{}, http.StatusBadRequest, `no parameter "view" here: zone, visibility,`},
		{"/transfers?limit=-1", Page{}, http.StatusBadRequest, `parameter limit: "-1"`},
		{"/health-checks?failing=perhaps", Page{}, http.StatusBadRequest, "parameter failing"},
	} {
		f.page = Page{}
		res, err := http.Get(addr + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != tt.code || f.page != tt.want || !strings.Contains(string(body), tt.text) {
			t.Errorf("%s: %v, %s, %+v\n%s", tt.path, err, res.Status, f.page, body)
		}
		if total := res.Header.Get(totalHeader); (total == "") != (tt.code != http.StatusOK) {
			t.Errorf("%s: %s %q", tt.path, totalHeader, total)
		}
	}
}

func TestCut(t *testing.T) {
	all := []int{0, 1, 2, 3, 4}
	for _, tt := range []struct {
		page Page
		want []int
	}{
		{Page{}, all}, {Page{Limit: 2}, all[:2]}, {Page{Offset: 4, Limit: 2}, all[4:]}, {Page{Offset: 9}, nil},
		{Page{Offset: 1, Limit: 3}, all[1:4]},
	} {
		if got := Cut(&tt.page, all); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.page, got, tt.want)
		}
	}
	p := Page{Zone: "EXAMPLE.com"}
	if !p.IsZone("example.com.", "Z1") || p.IsZone("sub.example.com.", "Z2") || !(&Page{Zone: "Z2"}).IsZone("b.", "Z2") {
		t.Error("a zone is found by its name, whatever the case and with or without the last dot, or by its id")
	}
}
