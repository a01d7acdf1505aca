package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestReadySays: why a server isn't ready stands in the error, whatever the form of /readyz.
func TestReadySays(t *testing.T) {
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{
			http.StatusServiceUnavailable, "{\n  \"ready\": false,\n  \"reasons\": [\"draining\", \"too old: ec2\"]\n}\n",
			": not ready: draining; too old: ec2\n",
		},
		{http.StatusServiceUnavailable, "{\n  \"ready\": false\n}\n", ": 503 Service Unavailable: {\n"},
		{http.StatusServiceUnavailable, "no backend\n", ": 503 Service Unavailable: no backend\n"},
		{http.StatusNotFound, `{"reasons": ["a"]}`, `: 404 Not Found: {"reasons": ["a"]}` + "\n"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		}))
		code, stdout, stderr := command(t, "ready", "--admin", server.URL)
		server.Close()
		if code != exitFailed || stdout != "" || !strings.HasSuffix(stderr, server.URL+test.want) {
			t.Errorf("%q: code %d, output %q, errors %q", test.body, code, stdout, stderr)
		}
	}
}
