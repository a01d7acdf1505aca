package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/handon"
	"inside53/server/metrics"
	"inside53/server/policy"
	"inside53/server/transfer"
	"inside53/server/update"
	"inside53/zonesource/clock"
	"inside53/zonesource/fleet"
	"inside53/zonesource/ledger"
	"inside53/zonesource/refresh"
	"inside53/zonesource/route53"
	zoneupdate "inside53/zonesource/update"
)

// handing is what a server of a fleet hands on to who leads, and lets in while it leads
// itself. It implements [update.Fleet], [update.Updater] and [transfer.Fleet].
type handing struct {
	app    *App
	door   *handon.Door
	client *handon.Client
	now    func() time.Time // by the clock of the store
	// office is what this server does as the leader; nil while it doesn't lead, or isn't ready to.
	office  atomic.Pointer[office]
	members atomic.Pointer[map[netip.Addr]bool]
	claimed atomic.Pointer[transfer.Serials]
	serials atomic.Pointer[adoptedSerials]
}

// office is what a leader does for others.
type office struct {
	term    *fleet.Term
	updater *zoneupdate.Updater
	ending  context.Context // ends with the term
}

// adoptedSerials are those of the ledger, and the version that they are of.
type adoptedSerials struct {
	serials transfer.Serials
	version *ledger.Version
}

// membersEvery is how often the addresses of the members are looked at.
const membersEvery = time.Second

// assembleHandOn makes what hands on and lets in, before the sockets are bound.
func (a *App) assembleHandOn(c *config.Config, store ledger.Store, secrets [][]byte) error {
	count := metrics.NewCounter(a.registry, metrics.Metric{
		Name: "inside53_handed_on_total", Labels: []string{"way", "result"},
		Help: "Messages between servers of a fleet, to the one that leads: in and out, by outcome.",
	})
	h := &handing{app: a, now: time.Now}
	dated, isDated := store.(interface{ Now() time.Time })
	if isDated {
		h.now = dated.Now
	}
	h.members.Store(&map[netip.Addr]bool{})
	h.claimed.Store(&transfer.Serials{})
	h.serials.Store(&adoptedSerials{serials: transfer.Serials{}})
	h.door = handon.NewDoor(handon.DoorOptions{
		Now:    clock.Now,
		Member: h.isMember, Leader: h.leader, HTTP: h.paths(), Count: func(result string) { count("in", result) },
	})
	h.client = handon.NewClient(handon.ClientOptions{
		Now:    clock.Now,
		Leader: h.leader, Member: h.isMember, From: fromOf(c.Fleet), Count: func(result string) { count("out", result) },
	})
	a.handing = h
	return h.setSecrets(secrets)
}

// fromOf is the address that this server's packets to others of its fleet come from, where the configuration has one.
func fromOf(f *config.Fleet) netip.Addr {
	from := f.Address.Addr()
	if from.IsUnspecified() {
		return netip.Addr{}
	}
	return from
}

// opens is what lets in; nil without a fleet.
func (h *handing) opens() *handon.Door {
	if h == nil {
		return nil
	}
	return h.door
}

func (h *handing) setSecrets(secrets [][]byte) error {
	return errors.Join(h.door.SetKeys(secrets), h.client.SetKeys(secrets))
}

// setKeys goes by the keys of another configuration.
func (h *handing) setKeys(c *config.Config) error {
	if h == nil || c.Fleet == nil {
		return nil
	}
	secrets, err := policy.FleetSecrets(c)
	if err != nil {
		return err
	}
	return h.setSecrets(secrets)
}

// leads returns the office while it is held.
func (h *handing) leads() *office {
	o := h.office.Load()
	if o == nil || o.ending.Err() != nil {
		return nil
	}
	return o
}

// leader says whether this server leads and is ready to, or where the one is that does.
func (h *handing) leader() (self bool, address netip.AddrPort) {
	own := h.app.fleetAddress()
	if h.leads() != nil {
		return true, own
	}
	s := h.app.fleet.member.Standing()
	if s.Leads || s.Address == own || s.Leader == "" {
		return false, netip.AddrPort{} // it leads no more, or not yet
	}
	return false, s.Address
}

// isMember reports whether an address is that of a server of the fleet.
func (h *handing) isMember(addr netip.Addr) bool {
	return h != nil && (*h.members.Load())[addr.Unmap()]
}

// run looks at who the members are until ctx ends.
func (h *handing) run(ctx context.Context) error {
	for {
		members, claimed := map[netip.Addr]bool{}, transfer.Serials{}
		own := h.app.fleet.member.Name()
		for _, p := range h.app.fleet.member.Peers() {
			if p.Address.IsValid() {
				members[p.Address.Addr().Unmap()] = true
			}
			if p.Name == own {
				continue
			}
			for _, s := range p.Serials {
				apex, err := zone.ParseName(s.Apex)
				if err == nil {
					claimed[transfer.Name{View: s.View, Apex: string(apex)}] = s.Serial
				}
			}
		}
		h.members.Store(&members)
		if !maps.Equal(claimed, *h.claimed.Load()) {
			h.claimed.Store(&claimed)
			h.app.transfers.Wake()
		}
		err := refresh.Pause(ctx, membersEvery)
		if err != nil {
			return err
		}
	}
}

// Leads implements [update.Fleet].
func (h *handing) Leads() bool { return h.leads() != nil }

// HandOn implements [update.Fleet].
func (h *handing) HandOn(ctx context.Context, m update.Handed) ([]byte, error) {
	answer, err := h.client.Exchange(ctx, handon.Message{Client: m.Client, Datagram: m.Datagram, Octets: m.Packet})
	if err != nil || len(answer) < wire.HeaderSize || answer[wire.AtRcode]&wire.MaskRcode != wire.RcodeNoError {
		return answer, err
	}
	for { // what was made is served here before that is said
		_, err = h.app.fleet.member.Sync(ctx)
		if err == nil {
			return answer, nil
		}
		if refresh.Pause(ctx, refresh.Jitter(syncPause)) != nil {
			return nil, fmt.Errorf("serving what the leader has made: %w", err)
		}
	}
}

// syncPause is the pause before head is read again.
const syncPause = 200 * time.Millisecond

// Submit implements [update.Updater].
func (h *handing) Submit(z *zone.Zone, m *zoneupdate.Message, done func(zoneupdate.Result)) {
	o := h.leads()
	if o == nil {
		done(zoneupdate.Result{Rcode: zoneupdate.ServFail, Text: "this server doesn't lead any more"})
		return
	}
	o.updater.Submit(z, m, done)
}

// Term implements [transfer.Fleet].
func (h *handing) Term() uint64 {
	o := h.leads()
	if o == nil {
		return 0
	}
	return o.term.Epoch()
}

// Committed implements [transfer.Fleet].
func (h *handing) Committed() transfer.Serials { return h.serials.Load().serials }

// Claimed implements [transfer.Fleet].
func (h *handing) Claimed() transfer.Serials { return *h.claimed.Load() }

// serialsPart is the key of the part that has serials: by view, a zero octet and the apex in wire
// form, in decimal digits.
const serialsPart = "serials"

// Commit implements [transfer.Fleet].
func (h *handing) Commit(ctx context.Context, s transfer.Serials) (uint64, error) {
	o := h.leads()
	if o == nil {
		return 0, fleet.ErrNotLeader
	}
	var records []ledger.Record
	for name, serial := range s {
		records = append(records, ledger.Record{
			Key: []byte(name.View + "\x00" + name.Apex), Value: strconv.AppendUint(nil, uint64(serial), 10),
		})
	}
	return o.term.Commit(ctx, fleet.Change{
		Cause: ledger.Listing, Actor: "transfers", Records: map[string][]ledger.Record{serialsPart: records},
	})
}

// serialsTime bounds the reading of serials.
const serialsTime = 10 * time.Second

// adopted notes the serials of a version.
func (h *handing) adopted(v *ledger.Version, changed []string) {
	ctx, stop := context.WithTimeout(context.Background(), serialsTime)
	defer stop()
	is := h.serials.Load()
	if is.version != nil && !slices.Contains(changed, serialsPart) {
		return
	}
	serials, err := h.readSerials(ctx, is, v)
	if err != nil {
		serials, err = h.readSerials(ctx, &adoptedSerials{}, v) // what it was may have been removed since
	}
	if err != nil {
		h.app.opts.Log.Warn("serials not read; those before are told", "version", v.Number(), "error", err)
		return
	}
	h.serials.Store(&adoptedSerials{serials, v})
	h.app.transfers.Wake()
}

// readSerials reads the serials of a version: what differs from those that there are.
func (h *handing) readSerials(
	ctx context.Context, is *adoptedSerials, v *ledger.Version,
) (transfer.Serials, error) {
	serials := transfer.Serials{}
	maps.Copy(serials, is.serials)
	for d, err := range h.app.fleet.member.Ledger().Diff(ctx, serialsPart, is.version, v) {
		if err != nil {
			return nil, err
		}
		view, apex, _ := strings.Cut(string(d.Key), "\x00")
		name := transfer.Name{View: view, Apex: apex}
		serial, err := strconv.ParseUint(string(d.Now), 10, 32)
		if err != nil {
			delete(serials, name)
			continue
		}
		serials[name] = uint32(serial)
	}
	return serials, nil
}

// Await implements [transfer.Fleet].
func (h *handing) Await(ctx context.Context, version uint64) (late bool) {
	o := h.leads()
	return o != nil && len(o.term.AwaitMembers(ctx, version)) > 0
}

// Now implements [transfer.Fleet].
func (h *handing) Now() time.Time { return h.now() }

// Open implements [transfer.Fleet].
func (h *handing) Open(
	ctx context.Context, packet []byte, client netip.AddrPort, datagram bool,
) (transfer.Answers, error) {
	a, err := h.client.Open(ctx, handon.Message{Client: client, Datagram: datagram, Octets: packet})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// claims are serials that this server has told before it joined, for the others.
func (h *handing) claims() []fleet.Serial {
	if h.app.transfers == nil {
		return nil
	}
	var out []fleet.Serial
	for name, serial := range h.app.transfers.Claims() {
		out = append(out, fleet.Serial{View: name.View, Apex: zone.String([]byte(name.Apex)), Serial: serial})
	}
	return out
}

// open makes the updater of a term.
func (h *handing) open(ctx context.Context, l *leading) *office {
	o := &office{term: l.term, ending: ctx}
	o.updater = zoneupdate.New(zoneupdate.Options{
		Source: route53.Name, Hosted: l.keeper.Hosted, Amend: l.keeper.Amend, Synced: l.keeper.Synced,
		Term: &updateTerm{l.term, h.app.fleet.member.Ledger()}, OnCall: h.app.sources.OnCall, Log: h.app.opts.Log,
	})
	h.app.reloading.Lock()
	defer h.app.reloading.Unlock()
	o.updater.SetAccounts(h.app.running.accounts)
	return o
}

// updateTerm is a term as updates know it.
type updateTerm struct {
	term   *fleet.Term
	ledger *ledger.Ledger
}

// Commit implements [zoneupdate.Term].
func (t *updateTerm) Commit(ctx context.Context, actor string, records []ledger.Record) error {
	_, err := t.term.Commit(ctx, fleet.Change{
		Cause: ledger.Update, Actor: actor, Records: map[string][]ledger.Record{zoneupdate.PartName: records},
	})
	return err
}

// Records implements [zoneupdate.Term].
func (t *updateTerm) Records(ctx context.Context) iter.Seq2[ledger.Record, error] {
	return t.ledger.Records(ctx, t.term.Version(), zoneupdate.PartName)
}

// Fresh implements [zoneupdate.Term].
func (t *updateTerm) Fresh(d time.Duration) bool { return t.term.Fresh(d) }

// paths are those that other servers hand on.
func (h *handing) paths() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /accept", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("zone")
		err := h.acceptHere(name)
		if err != nil {
			http.Error(w, err.Error(), refusalStatus(err))
			return
		}
		h.app.opts.Log.Info("shrunken listing accepted", "zone", name, "client", r.RemoteAddr)
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
		err := h.app.fleet.member.StepDown(ctx)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "done\n")
	})
	return mux
}

// acceptHere believes a shrunken listing of what this server reads for its fleet.
func (h *handing) acceptHere(name string) error {
	l := h.app.fleet.leading.Load()
	if l == nil {
		return &admin.Refusal{Status: http.StatusServiceUnavailable, Err: fleet.ErrNotLeader}
	}
	return acceptAt(l.keeper, name)
}

// accept believes a shrunken listing, wherever it is read.
func (h *handing) accept(name string) error {
	_, err := h.order("/accept", url.Values{"zone": {name}}, func() error { return h.acceptHere(name) })
	return err
}

// refreshHere has what this server reads for its fleet read now.
func (h *handing) refreshHere(name string) (admin.Scheduled, error) {
	l := h.app.fleet.leading.Load()
	if l == nil {
		return admin.Scheduled{}, &admin.Refusal{Status: http.StatusServiceUnavailable, Err: fleet.ErrNotLeader}
	}
	return refreshAt(l.keeper, name)
}

// refresh has what is read for the fleet read now, wherever that is.
func (h *handing) refresh(name string) (out admin.Scheduled, err error) {
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
func (h *handing) order(target string, query url.Values, here func() error) ([]byte, error) {
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
