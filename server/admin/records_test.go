package admin

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRecords asks for parts of a zone.
func TestRecords(t *testing.T) {
	f := &fake{}
	at := serving(t, f)
	for _, tt := range []struct {
		query string
		want  RecordQuery
		fault string
	}{
		{"zone=Z1", RecordQuery{Zone: "Z1", Limit: recordsLimit}, ""},
		{
			"zone=tags&apex=a.&text=WWW&type=mx&unservable=true&policies=true&merged=1&offset=20&limit=10",
			RecordQuery{
				Zone: "tags", Apex: "a.", Text: "WWW", Type: "mx", Unservable: true, Policies: true, Merged: true,
				Offset: 20, Limit: 10,
			}, "",
		},
		{"zone=Z1&limit=100000", RecordQuery{Zone: "Z1", Limit: recordsLimit}, ""},
		{"", RecordQuery{}, "which zone?"},
		{"zone=Z1&zone=Z2", RecordQuery{}, `parameter "zone": more than one`},
		{"zone=Z1&name=a", RecordQuery{}, `no parameter "name" here`},
		{"zone=Z1&offset=-1", RecordQuery{}, "parameter offset"},
		{"zone=Z1&unservable=some", RecordQuery{}, "parameter unservable"},
	} {
		f.wants = RecordQuery{}
		code, body := ask(t, "GET", at+"/records?"+tt.query)
		if (code == http.StatusOK) != (tt.fault == "") || !strings.Contains(body, tt.fault) || f.wants != tt.want {
			t.Errorf("%s: %d %s, asked %+v", tt.query, code, body, f.wants)
		}
	}
	for query, want := range map[string]RecordQuery{
		"zone=a.&text=W&type=MX&offset=200&limit=50": {
			Zone: "a.", Text: "W", Type: "MX", Merged: true, Offset: 200, Limit: 50,
		},
		"zone=a.&limit=1000": {Zone: "a.", Merged: true, Limit: answersLimit},
	} {
		f.wants = RecordQuery{}
		code, body := ask(t, "GET", at+"/answers?"+query)
		if code != http.StatusOK || f.wants != want {
			t.Errorf("/answers?%s: %d %s, asked %+v", query, code, body, f.wants)
		}
	}
	f.fault = &Refusal{Status: http.StatusNotFound, Err: errors.New("no such zone")}
	code, body := ask(t, "GET", at+"/records?zone=Z1")
	if code != http.StatusNotFound || !strings.Contains(body, "no such zone") {
		t.Errorf("%d %s", code, body)
	}
	f.fault = nil
	res, err := http.Get(at + "/records?zone=Z1")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if got := res.Header.Get(totalHeader); got != "7" {
		t.Errorf("%s %q", totalHeader, got)
	}
}

// TestRootByAccept has browsers get the console, and all others the paths.
func TestRootByAccept(t *testing.T) {
	s := bind(t, &fake{}, io.Discard)
	defer s.Close()
	h := s.paths()
	for accept, page := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/*": false, "text/html;q=0": false, "text/plain, */*": false,
		"text/html": true, "application/json, text/html;q=0.5": true,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		is := strings.HasPrefix(w.Header().Get("Content-Type"), "text/html")
		policy := w.Header().Get("Content-Security-Policy") != ""
		if w.Code != http.StatusOK || is != page || policy != page || w.Header().Get("Vary") != "Accept" ||
			strings.Contains(w.Body.String(), "GET /readyz") == page {
			t.Errorf("Accept %q: %d %v", accept, w.Code, w.Header())
		}
	}
}
