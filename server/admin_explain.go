package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/zonesource"
)

// explainWithin bounds the time that an explanation may wait for upstreams: longer than
// the forwarder itself takes for all the steps that an answer may have.
const explainWithin = 30 * time.Second

// serveExplain tells why the answer to a question is what it is.
func (a *App) serveExplain(w http.ResponseWriter, r *http.Request) {
	req, err := explainRequest(r.URL.Query(), r.RemoteAddr)
	if err == nil && req.ECS.IsValid() && !a.resolver.Snapshot().Trusted(req.Client) {
		err = fmt.Errorf("subnet: that of client %s isn't believed, it is not in ecs.trust", req.Client)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req.Listing = listings(a.keeper.Status())
	ctx, cancel := context.WithTimeout(r.Context(), explainWithin)
	defer cancel()
	e, err := a.resolver.Explain(ctx, req)
	switch {
	case errors.Is(err, resolver.ErrNoOutside):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil && ctx.Err() != nil:
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		writeJSON(w, http.StatusOK, e)
	}
}

// explainRequest reads name, type (A), client (the requester), subnet (none), diff (none).
func explainRequest(v url.Values, remote string) (resolver.ExplainRequest, error) {
	var req resolver.ExplainRequest
	for key, values := range v {
		switch key {
		case "name", "type", "client", "subnet", "diff":
		default:
			return req, fmt.Errorf("parameter %q: there are name, type, client, subnet, diff", key)
		}
		if len(values) > 1 {
			return req, fmt.Errorf("parameter %q: more than one", key)
		}
	}
	rrtype := v.Get("type")
	if rrtype == "" {
		rrtype = "A"
	}
	if v.Get("name") == "" {
		return req, errors.New("which name? GET /explain?name=NAME&type=TYPE&client=IP&diff=public")
	}
	var err error
	if v.Get("subnet") != "" {
		req.ECS, err = netip.ParsePrefix(v.Get("subnet"))
		if err != nil || req.ECS != req.ECS.Masked() || req.ECS.Addr().Is4In6() {
			return req, fmt.Errorf("subnet %q: not a prefix like 10.1.2.0/24", v.Get("subnet"))
		}
	}
	req.Name, req.Type, err = resolver.ParseQuestion(v.Get("name"), rrtype)
	if err != nil {
		return req, err
	}
	switch v.Get("diff") {
	case "":
	case "public":
		req.Outside = true
	default:
		return req, fmt.Errorf("diff %q: there is only public", v.Get("diff"))
	}
	req.Client, err = explainClient(v.Get("client"), remote)
	return req, err
}

// explainClient returns the client to explain for: the one named, else the requester,
// else the host itself.
func explainClient(named, remote string) (netip.Addr, error) {
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

// listings tells of the listings of hosted zones.
func listings(status zonesource.Status) func(*zone.Zone) resolver.Listing {
	known := map[string]resolver.Listing{}
	for _, p := range status.Parts {
		if p.Zone != nil && p.Zone.Origin != zone.File {
			known[p.Zone.ID] = resolver.Listing{Good: p.Listed, Err: p.Err, Held: p.Pending != nil}
		}
	}
	return func(z *zone.Zone) resolver.Listing { return known[z.ID] }
}
