package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestFleetVersionUnknown shows a member that has written no version yet: 0 is none.
func TestFleetVersionUnknown(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"epoch":1,"leader":"m1","members":[{"name":"m1","address":"127.0.0.1:53","version":7},` +
			`{"name":"m2","address":"127.0.0.2:53","version":0}]}`))
	}))
	defer s.Close()
	var rows []string
	for line := range strings.Lines(ok(t, "fleet", "--admin", s.URL)) {
		rows = append(rows, strings.Join(strings.Fields(line)[:3], " "))
	}
	same(t, "fleet", strings.Join(rows, "\n"),
		"NAME ADDRESS VERSION\nm1 127.0.0.1:53 7\nm2 127.0.0.2:53 -")
}
