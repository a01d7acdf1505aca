package update

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/server/share"
	zoneupdate "inside53/zonesource/update"
)

// Fleet makes updates where another server leads.
type Fleet interface {
	// Leads reports whether this server leads: then the updater makes them.
	Leads() bool
	// HandOn hands an update on to who leads, and returns the answer: with NOERROR once this
	// server serves what has changed. It tries again until ctx ends.
	HandOn(ctx context.Context, m Handed) ([]byte, error)
}

// Handed is an update as it came from its client.
type Handed struct {
	Packet   []byte
	Client   netip.AddrPort
	Datagram bool // it came by UDP
}

const (
	// handOnTime is how long a client waits for its answer.
	handOnTime = 10 * time.Second
	// handOnsAtOnce is how many updates are with the leader at a time, those of one client
	// half of that.
	handOnsAtOnce = 64
)

func outgoingBounds() share.Bounds {
	b := updateBounds()
	b.AtOnce = handOnsAtOnce / 2
	return b
}

// elsewhere answers a request that another server has to make. One that was handed on to this
// one goes back without an answer: who did that looks for the leader again.
func (u *Server) elsewhere(r *reply) {
	if r.in.handed {
		r.finish(nil, resolver.Dropped)
		return
	}
	for _, gone := range u.outgoing.Push(r.in.client.Addr(), len(r.in.packet), r) {
		u.Count("dropped")
		gone.in.refuse()
	}
}

// handOnAll hands on what is for others until ctx ends.
func (u *Server) handOnAll(ctx context.Context, running *sync.WaitGroup) {
	for range handOnsAtOnce {
		running.Go(func() {
			for item := u.outgoing.Pop(ctx); item != nil; item = u.outgoing.Pop(ctx) {
				u.handOn(ctx, item.Value)
				item.Done()
			}
		})
	}
}

// handOn hands one request on, and answers it.
func (u *Server) handOn(ctx context.Context, r *reply) {
	ctx, stop := context.WithDeadline(ctx, r.in.arrived.Add(handOnTime))
	defer stop()
	answer, err := u.Fleet.HandOn(ctx, Handed{r.in.packet, r.in.client, r.in.transport == resolver.UDP})
	switch {
	case err != nil && u.Fleet.Leads() && ctx.Err() == nil:
		u.handle(r.in)
	case err != nil:
		u.Log.Warn("update not handed on", "client", r.in.client.Addr().String(), "key", r.signature.KeyName(),
			"error", err)
		r.send(zoneupdate.Result{Rcode: zoneupdate.ServFail, Text: "no server that leads has made it in time"})
	case len(answer) < wire.HeaderSize:
		r.finish(nil, resolver.Dropped)
	default:
		binary.BigEndian.PutUint16(answer, r.request.Id)
		u.Count("handed_on")
		r.finish(answer, resultOfUpdate(int(answer[wire.AtRcode]&15)))
	}
}
