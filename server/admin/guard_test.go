package admin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// TestGuard has browsers ask that were led here by others.
func TestGuard(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	h := guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	const here = "127.0.0.1:8053"
	for _, tt := range []struct {
		method, path, host, site, origin string
		code                             int
	}{
		{"GET", "/zones", here, "", "", 200},
		{"GET", "/zones", "[::1]:8053", "", "", 200},
		{"GET", "/zones", "::1", "", "", 200},
		{"GET", "/zones", "[::1]", "", "", 200},
		{"GET", "/zones", "10.0.0.1", "", "", 200},
		{"GET", "/zones", "LocalHost.:8053", "", "", 200},
		{"GET", "/zones", name + ":8053", "", "", 200},
		{"GET", "/zones", "", "", "", 200},
		{"GET", "/zones", "rebound.example:8053", "", "", 403},
		{"GET", "/zones", "localhost.example", "", "", 403},
		{"GET", "/zones", "127.0.0.1.example", "", "", 403},
		{"GET", "/zones", ":8053", "", "", 403},
		{"POST", "/accept", "rebound.example", "", "", 403},
		{"GET", "/nothing", "rebound.example", "", "", 403},
		{"GET", "/healthz", "balancer.example", "", "", 200},
		{"GET", "/readyz", "balancer.example", "cross-site", "", 200},
		{"GET", "/metrics", "prometheus.example", "", "", 200},

		{"POST", "/accept", here, "none", "", 200},
		{"POST", "/accept", here, "same-origin", "http://" + here, 200},
		{"POST", "/accept", here, "cross-site", "http://" + here, 403},
		{"POST", "/accept", here, "same-site", "", 403},
		{"GET", "/explain", here, "cross-site", "", 403},
		{"POST", "/accept", here, "", "http://" + here, 200},
		{"POST", "/accept", here, "", "https://evil.example", 403},
		{"POST", "/accept", here, "", "http://127.0.0.1:9999", 403},
		{"POST", "/accept", here, "", "null", 403},
	} {
		r := httptest.NewRequest(tt.method, "http://"+here+tt.path, nil)
		r.Host = tt.host
		if tt.site != "" {
			r.Header.Set("Sec-Fetch-Site", tt.site)
		}
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tt.code {
			t.Errorf("%s %s, Host %q, site %q, origin %q: %d", tt.method, tt.path, tt.host, tt.site, tt.origin, w.Code)
		}
	}
}

func TestOwnHost(t *testing.T) {
	for _, tt := range []struct {
		asked, own string
		want       bool
	}{
		{"ns1:8053", "ns1.corp.example", true},
		{"ns1.corp.example.", "NS1.corp.example", true},
		{"ns1.other.example", "ns1.corp.example", false},
		{"ns1", "ns1", true},
		{"ns1", "", false},
	} {
		if got := ownHost(tt.asked, tt.own); got != tt.want {
			t.Errorf("%q on %q: %t", tt.asked, tt.own, got)
		}
	}
}
