package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/handon"
	"inside53/server/metrics"
	"inside53/server/transfer"
	"inside53/server/update"
	"inside53/zonesource/clock"
	"inside53/zonesource/fleet"
	"inside53/zonesource/ledger"
	"inside53/zonesource/refresh"
	zoneupdate "inside53/zonesource/update"

	"github.com/prometheus/client_golang/prometheus"
)

// Handing is what a server of a fleet hands on to who leads, and lets in while it leads
// itself. It implements [update.Fleet], [update.Updater] and [transfer.Fleet].
type Handing struct {
	side   *Side
	door   *handon.Door
	client *handon.Client
	now    func() time.Time // by the clock of the store
	// office is what this server does as the leader; nil while it doesn't lead, or isn't ready to.
	office  atomic.Pointer[office]
	members atomic.Pointer[map[netip.Addr]bool]
	claimed atomic.Pointer[transfer.Serials]
	serials atomic.Pointer[adoptedSerials]
}

// adoptedSerials are those of the ledger, and the version that they are of.
type adoptedSerials struct {
	serials transfer.Serials
	version *ledger.Version
}

// membersEvery is how often the addresses of the members are looked at.
const membersEvery = time.Second

// handingOptions make a [Handing].
type handingOptions struct {
	store   ledger.Store
	secrets [][]byte
	metrics prometheus.Registerer
}

// newHanding makes what hands on and lets in, before the sockets are bound.
func newHanding(s *Side, o handingOptions) (*Handing, error) {
	count := metrics.NewCounter(o.metrics, metrics.Metric{
		Name: "inside53_handed_on_total", Labels: []string{"way", "result"},
		Help: "Messages between servers of a fleet, to the one that leads: in and out, by outcome.",
	})
	h := &Handing{side: s, now: time.Now}
	dated, isDated := o.store.(interface{ Now() time.Time })
	if isDated {
		h.now = dated.Now
	}
	h.members.Store(&map[netip.Addr]bool{})
	h.claimed.Store(&transfer.Serials{})
	h.serials.Store(&adoptedSerials{serials: transfer.Serials{}})
	known := handon.Fleet{Leader: h.leader, Member: h.isMember, Now: clock.Now}
	known.Count = func(result string) { count("in", result) }
	h.door = handon.NewDoor(known, h.paths())
	known.Count = func(result string) { count("out", result) }
	h.client = handon.NewClient(known, s.from())
	return h, h.setSecrets(o.secrets)
}

func (h *Handing) setSecrets(secrets [][]byte) error {
	return errors.Join(h.door.SetKeys(secrets), h.client.SetKeys(secrets))
}

// leads returns the office while it is held.
func (h *Handing) leads() *office {
	o := h.office.Load()
	if o == nil || o.ending.Err() != nil {
		return nil
	}
	return o
}

// leader says whether this server leads and is ready to, or where the one is that does.
func (h *Handing) leader() (self bool, address netip.AddrPort) {
	own := h.side.reachedAt()
	if h.leads() != nil {
		return true, own
	}
	s := h.side.Member.Standing()
	if s.Leads || s.Address == own || s.Leader == "" {
		return false, netip.AddrPort{} // it leads no more, or not yet
	}
	return false, s.Address
}

// isMember implements [Side.IsMember].
func (h *Handing) isMember(addr netip.Addr) bool {
	return (*h.members.Load())[addr.Unmap()]
}

// run looks at who the members are until ctx ends.
func (h *Handing) run(ctx context.Context) error {
	for {
		members, claimed := map[netip.Addr]bool{}, transfer.Serials{}
		own := h.side.Member.Name()
		for _, p := range h.side.Member.Peers() {
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
			h.side.transfers().Wake()
		}
		err := refresh.Pause(ctx, membersEvery)
		if err != nil {
			return err
		}
	}
}

// Leads implements [update.Fleet].
func (h *Handing) Leads() bool { return h.leads() != nil }

// HandOn implements [update.Fleet].
func (h *Handing) HandOn(ctx context.Context, m update.Handed) ([]byte, error) {
	answer, err := h.client.Exchange(ctx, handon.Message{Client: m.Client, Datagram: m.Datagram, Octets: m.Packet})
	if err != nil || len(answer) < wire.HeaderSize || answer[wire.AtRcode]&wire.MaskRcode != wire.RcodeNoError {
		return answer, err
	}
	for { // what was made is served here before that is said
		_, err = h.side.Member.Sync(ctx)
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
func (h *Handing) Submit(z *zone.Zone, m *zoneupdate.Message, done func(zoneupdate.Result)) {
	o := h.leads()
	if o == nil {
		done(zoneupdate.Result{Rcode: zoneupdate.ServFail, Text: "this server doesn't lead any more"})
		return
	}
	o.updater.Submit(z, m, done)
}

// Term implements [transfer.Fleet].
func (h *Handing) Term() uint64 {
	o := h.leads()
	if o == nil {
		return 0
	}
	return o.term.Epoch()
}

// Committed implements [transfer.Fleet].
func (h *Handing) Committed() transfer.Serials { return h.serials.Load().serials }

// Claimed implements [transfer.Fleet].
func (h *Handing) Claimed() transfer.Serials { return *h.claimed.Load() }

// serialsPart is the key of the part that has serials: by view, a zero octet and the apex in wire
// form, in decimal digits.
const serialsPart = "serials"

// Commit implements [transfer.Fleet].
func (h *Handing) Commit(ctx context.Context, s transfer.Serials) (uint64, error) {
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
func (h *Handing) adopted(v *ledger.Version, changed []string) {
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
		h.side.log.Warn("serials not read; those before are told", "version", v.Number(), "error", err)
		return
	}
	h.serials.Store(&adoptedSerials{serials, v})
	h.side.transfers().Wake()
}

// readSerials reads the serials of a version: what differs from those that there are.
func (h *Handing) readSerials(
	ctx context.Context, is *adoptedSerials, v *ledger.Version,
) (transfer.Serials, error) {
	serials := transfer.Serials{}
	maps.Copy(serials, is.serials)
	for d, err := range h.side.Member.Ledger().Diff(ctx, serialsPart, is.version, v) {
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
func (h *Handing) Await(ctx context.Context, version uint64) (late bool) {
	o := h.leads()
	return o != nil && len(o.term.AwaitMembers(ctx, version)) > 0
}

// Now implements [transfer.Fleet].
func (h *Handing) Now() time.Time { return h.now() }

// Open implements [transfer.Fleet].
func (h *Handing) Open(
	ctx context.Context, packet []byte, client netip.AddrPort, datagram bool,
) (transfer.Answers, error) {
	a, err := h.client.Open(ctx, handon.Message{Client: client, Datagram: datagram, Octets: packet})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// claims are serials that this server has told before it joined, for the others.
func (h *Handing) claims() []fleet.Serial {
	if h.side.transfers() == nil {
		return nil
	}
	var out []fleet.Serial
	for name, serial := range h.side.transfers().Claims() {
		out = append(out, fleet.Serial{View: name.View, Apex: zone.String([]byte(name.Apex)), Serial: serial})
	}
	return out
}
