package admin

import (
	"net/url"
	"strings"
	"testing"
)

// TestPastQuery reads what /history is asked, and refuses what it doesn't know.
func TestPastQuery(t *testing.T) {
	got, err := pastQueryOf(url.Values{"name": {"www"}, "zone": {"Z1"}, "since": {"2h"}, "until": {"1h"}, "limit": {"7"},
		"version": {"9"}})
	want := PastQuery{Name: "www", Zone: "Z1", Since: "2h", Until: "1h", Limit: 7, Version: 9}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = pastQueryOf(nil)
	if err != nil || got != (PastQuery{Limit: historyLimit}) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"who=me": "there are name", "limit=0": "write a number", "limit=1000000": "write a number", "version=x": "its number",
		"name=a&name=b": "more than one", "version=0": "its number",
	} {
		v, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = pastQueryOf(v)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
