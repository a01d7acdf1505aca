package admin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// guard keeps browsers from being used against the server: a page of somebody else may make
// them send requests to loopback, under a name of its own that leads there (DNS rebinding) or
// across sites. Host has to be an address, localhost or the name of this host, and the request
// must not come from a page of another site. What a balancer and Prometheus ask changes
// nothing and names nothing of value to such a page; they may ask by any name.
func guard(h http.Handler) http.Handler {
	host, _ := os.Hostname() // without one no name is ours
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics":
		case !ownHost(r.Host, host):
			http.Error(w, "this is asked by an address, localhost or the name of the host, not by another name",
				http.StatusForbidden)
			return
		case crossSite(r):
			http.Error(w, "requests from pages of other sites are refused", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// ownHost reports whether the Host of a request is an address, localhost or the given name
// of this host, as it is or short. HTTP/1.0 may do without; a browser never does.
func ownHost(asked, own string) bool {
	if asked == "" {
		return true
	}
	name, _, err := net.SplitHostPort(asked)
	if err != nil {
		name = asked
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	_, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	if err == nil || name == "localhost" {
		return true
	}
	own = strings.TrimSuffix(strings.ToLower(own), ".")
	short, _, _ := strings.Cut(own, ".")
	return name != "" && (name == own || name == short)
}

// crossSite reports whether a browser says that a request comes from a page of another site.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default: // same-site, too: another port of localhost is another program
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host // "null" has none
}
