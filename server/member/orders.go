package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"inside53/server/admin"
	"inside53/server/handon"
	"inside53/zonesource"
	"inside53/zonesource/fleet"
)

// Orders are those of people about what is read: they are carried out where that is read, here or at who leads.
type Orders struct {
	keeper *zonesource.Keeper // of what is served
	side   *Side
}

// NewOrders makes those of a server that serves from a keeper.
func NewOrders(k *zonesource.Keeper, s *Side) *Orders { return &Orders{k, s} }

// Accept implements [admin.Accepter].
func (o *Orders) Accept(name string) error {
	if o.side == nil {
		return acceptAt(o.keeper, name)
	}
	return o.side.Handing.accept(name)
}

// Refresh implements that of [admin.Hands]. Of a fleet it is who leads that reads.
func (o *Orders) Refresh(name string) (admin.Scheduled, error) {
	out, err := refreshAt(o.keeper, name)
	if o.side == nil {
		return out, err
	}
	more, fault := o.side.Handing.refresh(name)
	return scheduledBy(out, err, more, fault)
}

// acceptAt has a keeper believe a shrunken listing.
func acceptAt(k *zonesource.Keeper, name string) error {
	err := k.Accept(name)
	if errors.Is(err, zonesource.ErrNothingPending) {
		return &admin.Refusal{Status: http.StatusNotFound, Err: err}
	}
	return err
}

// scheduledBy is what this server reads now, and who leads. What neither does is an error, and so
// is that who leads wasn't reached, unless this server has something to read itself.
func scheduledBy(own admin.Scheduled, err error, led admin.Scheduled, fault error) (admin.Scheduled, error) {
	if fault != nil && len(own.Scheduled) == 0 && (err != nil || !isUnknownPart(fault)) {
		return own, fault
	}
	own.Scheduled = append(own.Scheduled, led.Scheduled...)
	own.WaitSeconds = max(own.WaitSeconds, led.WaitSeconds)
	return own, nil
}

// isUnknownPart reports whether an order was refused because there is no such zone or region.
func isUnknownPart(err error) bool {
	var refused *admin.Refusal
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}

// refreshAt has a zone or region read now, "" for all, of those that a keeper reads.
func refreshAt(k *zonesource.Keeper, name string) (admin.Scheduled, error) {
	out := admin.Scheduled{Scheduled: []string{}}
	keys, wait, err := k.Refresh(name)
	if errors.Is(err, zonesource.ErrUnknownPart) {
		return out, &admin.Refusal{Status: http.StatusNotFound, Err: err}
	}
	for _, key := range keys {
		out.Scheduled = append(out.Scheduled, key.String())
	}
	out.WaitSeconds = wait.Seconds()
	return out, err
}

// paths are those that other servers hand on.
func (h *Handing) paths() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /accept", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("zone")
		err := h.acceptHere(name)
		if err != nil {
			http.Error(w, err.Error(), refusalStatus(err))
			return
		}
		h.side.log.Info("shrunken listing accepted", "zone", name, "client", r.RemoteAddr)
		_, _ = io.WriteString(w, "accepted\n")
	})
	mux.HandleFunc("POST /refresh", func(w http.ResponseWriter, r *http.Request) {
		scheduled, err := h.refreshHere(r.URL.Query().Get("zone"))
		if err != nil {
			http.Error(w, err.Error(), refusalStatus(err))
			return
		}
		_ = json.NewEncoder(w).Encode(scheduled) // who asked may be gone
	})
	mux.HandleFunc("POST /fleet/step-down", func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := context.WithTimeout(r.Context(), orderTime)
		defer stop()
		err := h.side.Member.StepDown(ctx)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "done\n")
	})
	return mux
}

// acceptHere believes a shrunken listing of what this server reads for its fleet.
func (h *Handing) acceptHere(name string) error {
	k := h.side.Leading()
	if k == nil {
		return &admin.Refusal{Status: http.StatusServiceUnavailable, Err: fleet.ErrNotLeader}
	}
	return acceptAt(k, name)
}

// accept believes a shrunken listing, wherever it is read.
func (h *Handing) accept(name string) error {
	_, err := h.order("/accept", url.Values{"zone": {name}}, func() error { return h.acceptHere(name) })
	return err
}

// refreshHere has what this server reads for its fleet read now.
func (h *Handing) refreshHere(name string) (admin.Scheduled, error) {
	k := h.side.Leading()
	if k == nil {
		return admin.Scheduled{}, &admin.Refusal{Status: http.StatusServiceUnavailable, Err: fleet.ErrNotLeader}
	}
	return refreshAt(k, name)
}

// refresh has what is read for the fleet read now, wherever that is.
func (h *Handing) refresh(name string) (out admin.Scheduled, err error) {
	body, err := h.order("/refresh", url.Values{"zone": {name}}, func() error {
		var fault error
		out, fault = h.refreshHere(name)
		return fault
	})
	if err != nil || body == nil {
		return out, err
	}
	err = json.Unmarshal(body, &out)
	if err != nil {
		return out, fmt.Errorf("reading what the leader says: %w", err)
	}
	return out, nil
}

// refusalStatus is the status of HTTP that an error has.
func refusalStatus(err error) int {
	var refused *admin.Refusal
	if errors.As(err, &refused) {
		return refused.Status
	}
	return http.StatusConflict
}

// orderTime bounds how long an order to who leads is tried.
const orderTime = 8 * time.Second

// order has an order carried out that came by way of the admin address: here, or at who leads.
// What the leader refuses is refused here. It returns what the leader says; nil where that is this server.
func (h *Handing) order(target string, query url.Values, here func() error) ([]byte, error) {
	ctx, stop := context.WithTimeout(context.Background(), orderTime)
	defer stop()
	client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	status, body, err := h.client.Request(ctx, client, http.MethodPost, target+"?"+query.Encode())
	if errors.Is(err, handon.ErrLeads) {
		return nil, here()
	}
	if err != nil {
		return nil, &admin.Refusal{Status: http.StatusServiceUnavailable, Err: fmt.Errorf("asking the leader: %w", err)}
	}
	if status >= http.StatusMultipleChoices {
		return nil, &admin.Refusal{Status: status, Err: errors.New(strings.TrimSpace(string(body)))}
	}
	return body, nil
}
