//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
	"inside53/zonesource"
)

// lab is the keeper and the resolver of one zone, in this process: from the delivery
// of a part to the answer nothing is missing but the sockets.
type lab struct {
	keeper *zonesource.Keeper
	worker *resolver.Worker
	parts  chan zonesource.Part
	last   zonesource.Part
}

// labKey is the part of the lab's zone.
var labKey = zonesource.Key{Source: "zonefile", Name: dataset.Zone}

// changes are times from the delivery of what has changed to the right answer.
type changes struct{ one, listing spread }

// measureChanges returns how long a change of one record of a zone of n takes, and,
// where listings are asked for, how long a listing of the whole zone from anew.
func measureChanges(ctx context.Context, n, times int, listings bool) (changes, error) {
	l, err := newLab()
	if err != nil {
		return changes{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.keeper.Run(ctx, l) })
	var c changes
	err = func() error {
		defer cancel()
		tree, err := labTree(n, 0)
		if err != nil {
			return err
		}
		_, err = l.publish(ctx, zone.New(zone.Info{Origin: zone.File, ID: "lab"}, tree, 0), 1, dataset.Address(1))
		if err != nil {
			return err
		}
		c.one, err = l.changeOne(ctx, n, times)
		if err == nil && listings {
			c.listing, err = l.listAgain(ctx, n, times)
		}
		return err
	}()
	ended := group.Wait()
	if err == nil && !errors.Is(ended, context.Canceled) {
		err = ended
	}
	return c, err
}

func newLab() (*lab, error) {
	f, err := forward.New(forward.Options{Entries: 1000})
	if err != nil {
		return nil, err
	}
	r := resolver.New(f, resolver.Options{})
	l := &lab{worker: r.NewWorker(), parts: make(chan zonesource.Part)}
	views := zonesource.ViewConfig{Name: "all", Clients: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}
	l.keeper, err = zonesource.NewKeeper(zonesource.Options{
		Config: zonesource.Config{Views: []zonesource.ViewConfig{views}, Allow: zonesource.Allow{Private: true},
			Expected: []zonesource.Key{labKey}, MaxShrink: 0.5},
		Publish: func(s *zone.Snapshot) { _ = r.Publish(s) }, // no forwarder that could be refused
	})
	return l, err
}

// Run implements zonesource.Source.
func (l *lab) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	for {
		select {
		case p := <-l.parts:
			deliver(p)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// changeOne gives one host after another a new address.
func (l *lab) changeOne(ctx context.Context, n, times int) (spread, error) {
	var all []float64
	for i := range times {
		host := 1 + i*7919%n
		address := [4]byte{192, byte(i >> 16), byte(i >> 8), byte(i)}
		e := l.last.Zone.Tree.Edit()
		err := putHost(e, host, address)
		if err != nil {
			return spread{}, err
		}
		took, err := l.publish(ctx, l.last.Zone.With(e.Commit(), 0), host, address)
		if err != nil {
			return spread{}, err
		}
		all = append(all, milliseconds(took))
	}
	return spreadOf(all), nil
}

// listAgain makes the zone from nothing, with one host changed, as a listing does.
func (l *lab) listAgain(ctx context.Context, n, times int) (spread, error) {
	var all []float64
	for i := range times {
		began := time.Now()
		tree, err := labTree(n, 1+i)
		if err != nil {
			return spread{}, err
		}
		_, err = l.publish(ctx, zone.New(l.last.Zone.Info, tree, 0), n, changedAddress(1+i))
		if err != nil {
			return spread{}, err
		}
		all = append(all, milliseconds(time.Since(began)))
	}
	return spreadOf(all), nil
}

// publish delivers a zone and returns how long it took until host is answered so.
func (l *lab) publish(ctx context.Context, z *zone.Zone, host int, address [4]byte) (time.Duration, error) {
	query, want := make([]byte, load.MaxQuery), load.Want{Address: address, Length: 4}
	query = query[:dataset.Ask(query, host)]
	out := make([]byte, 0, 4096)
	l.last = zonesource.Part{Key: labKey, Listed: time.Now(), Zone: z}
	began := time.Now()
	select {
	case l.parts <- l.last:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	client := netip.MustParseAddrPort("127.0.0.1:53000")
	for {
		answer, _ := l.worker.Serve(query, client, resolver.UDP, out, nil)
		if want.Met(query, answer) {
			return time.Since(began), nil
		}
		if time.Since(began) > patience {
			return 0, fmt.Errorf("host %d does not get its new address", host)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// labTree makes a zone of n hosts; the last one's address tells the version.
func labTree(n, version int) (*zone.Tree, error) {
	apex := zone.MustName(dataset.Zone)
	e := zone.NewTree(apex).Edit()
	soa, err := zone.NewRecords(zone.TypeSOA, 60, soaRdata())
	if err == nil {
		err = e.Put(apex, soa)
	}
	for i := 1; i <= n && err == nil; i++ {
		address := dataset.Address(i)
		if i == n && version > 0 {
			address = changedAddress(version)
		}
		err = putHost(e, i, address)
	}
	return e.Commit(), err
}

func changedAddress(version int) [4]byte {
	a := [4]byte{172, 16}
	binary.BigEndian.PutUint16(a[2:], uint16(version))
	return a
}

// soaRdata is ". . 1 3600 600 86400 60".
func soaRdata() []byte {
	rdata := []byte{0, 0}
	for _, v := range []uint32{1, 3600, 600, 86400, 60} {
		rdata = binary.BigEndian.AppendUint32(rdata, v)
	}
	return rdata
}

func putHost(e *zone.Edit, i int, address [4]byte) error {
	set, err := zone.NewRecords(zone.TypeA, 60, address[:])
	if err != nil {
		return err
	}
	return e.Put(zone.MustName(dataset.HostName(i)), set)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
