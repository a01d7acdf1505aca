package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// explainWithin bounds the time that an explanation may wait for upstreams: longer than
// the forwarder itself needs for all the steps that an answer may have.
const explainWithin = 30 * time.Second

// Question is what /explain is asked.
type Question struct {
	Name, Type string       // as people write them
	Client     netip.Addr   // who asks
	Subnet     netip.Prefix // the client subnet of the query; the zero Prefix for none
	Outside    bool         // also what a client outside would get from Route 53
}

// serveExplain says why the answer to a question is what it is.
func (s *Server) serveExplain(w http.ResponseWriter, r *http.Request) {
	q, err := questionOf(r.URL.Query(), r.RemoteAddr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), explainWithin)
	defer cancel()
	e, err := s.opts.Explainer.Explain(ctx, q)
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, e)
	case ctx.Err() != nil:
		http.Error(w, err.Error(), statusOf(err, http.StatusGatewayTimeout))
	default:
		http.Error(w, err.Error(), statusOf(err, http.StatusBadRequest))
	}
}

// questionOf reads name, type (A), client (the requester), subnet (none), diff (none).
func questionOf(v url.Values, remote string) (Question, error) {
	q := Question{Name: v.Get("name"), Type: v.Get("type")}
	for key, values := range v {
		switch key {
		case "name", "type", "client", "subnet", "diff":
		default:
			return q, fmt.Errorf("parameter %q: there are name, type, client, subnet, diff", key)
		}
		if len(values) > 1 {
			return q, fmt.Errorf("parameter %q: more than one", key)
		}
	}
	if q.Type == "" {
		q.Type = "A"
	}
	if q.Name == "" {
		return q, errors.New("which name? GET /explain?name=NAME&type=TYPE&client=IP&diff=public")
	}
	var err error
	if v.Get("subnet") != "" {
		q.Subnet, err = netip.ParsePrefix(v.Get("subnet"))
		if err != nil || q.Subnet != q.Subnet.Masked() || q.Subnet.Addr().Is4In6() {
			return q, fmt.Errorf("subnet %q: not a prefix like 10.1.2.0/24", v.Get("subnet"))
		}
	}
	switch v.Get("diff") {
	case "":
	case "public":
		q.Outside = true
	default:
		return q, fmt.Errorf("diff %q: there is only public", v.Get("diff"))
	}
	q.Client, err = clientOf(v.Get("client"), remote)
	return q, err
}

// clientOf returns the client to explain for: the one named, else the requester, else the
// host itself.
func clientOf(named, remote string) (netip.Addr, error) {
	if named != "" {
		addr, err := netip.ParseAddr(named)
		if err != nil {
			return addr, fmt.Errorf("client %q: not an address", named)
		}
		return addr.Unmap().WithZone(""), nil
	}
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	}
	return from.Addr().Unmap().WithZone(""), nil
}
