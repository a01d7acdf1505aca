package secondary

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/refresh"
)

// Name is the name of the source in keys, metrics and readiness.
const Name = "transfer"

const (
	// leastPause is the least time between two checks that nobody asked for.
	leastPause = time.Second
	// notifiedPause is the least time from a check to the next that NOTIFY asks for: without a
	// key anybody can send one in the name of a primary.
	notifiedPause = 200 * time.Millisecond
	// maxProblems bounds what is said of one zone.
	maxProblems = 100
	// mostPause bounds the times of a primary's SOA record.
	mostPause = 7 * 24 * time.Hour
	// firstRetry is the pause after a check that failed while there is no zone yet; it
	// doubles up to firstRetryMost.
	firstRetry     = 2 * time.Second
	firstRetryMost = 2 * time.Minute
)

// Key is a secret shared with the primaries (TSIG, RFC 8945).
type Key struct {
	Name      string // with its last dot
	Algorithm string // hmac-sha256. and the like
	Secret    string // in base64
}

// Config is one zone.
type Config struct {
	// Apex is the name of the zone in lower-case wire form.
	Apex []byte
	// Primaries are asked in this order.
	Primaries []netip.AddrPort
	// Key signs requests; nil for none.
	Key *Key
	// Saved returns the part that was saved; nil, or a part without a zone, for none.
	Saved func() *zonesource.Part
	// Timeout is how long a primary may be silent; 0 is 10 s.
	Timeout time.Duration
}

// Source is a secondary of one zone.
type Source struct {
	config   Config
	key      zonesource.Key
	name     string // of the zone, for people
	log      *slog.Logger
	notified chan struct{}
	plan     *refresh.Plan
	standing atomic.Pointer[Standing]

	// Of the goroutine of Run.
	tree    *zone.Tree     // nil before the first transfer
	primary netip.AddrPort // that said so; zero for none in this process
	checked time.Time      // when a primary said last that the zone is up to date
	failed  int            // checks since
	expired bool
	// problems are the records that primaries sent and that can't be served.
	problems []zonesource.Problem
}

// New returns the source of one zone; it asks nobody yet.
func New(c Config, log *slog.Logger) (*Source, error) {
	var labels zone.Labels
	if labels.Parse(c.Apex) < 0 {
		return nil, errors.New("secondary zone: its name is not a domain name")
	}
	if len(c.Primaries) == 0 {
		return nil, fmt.Errorf("secondary zone %s: no primaries", zone.String(c.Apex))
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	return &Source{
		config: c, key: PartKey(c.Apex), name: zone.String(c.Apex), log: log, notified: make(chan struct{}, 1),
		plan: refresh.NewPlan(),
	}, nil
}

// Fetch transfers a zone once, as a whole.
func Fetch(ctx context.Context, c Config, log *slog.Logger) (*zone.Tree, error) {
	c.Saved = nil
	s, err := New(c, log)
	if err != nil {
		return nil, err
	}
	err = s.check(ctx)
	if err != nil {
		return nil, err
	}
	return s.tree, nil
}

// PartKey is the key of the part of a zone.
func PartKey(apex []byte) zonesource.Key {
	return zonesource.Key{Source: Name, Name: zone.String(apex)}
}

// Apex returns the name of the zone in lower-case wire form.
func (s *Source) Apex() []byte { return s.config.Apex }

// HasPrimary reports whether an address is that of a primary.
func (s *Source) HasPrimary(from netip.Addr) bool {
	return slices.ContainsFunc(s.config.Primaries, func(p netip.AddrPort) bool { return p.Addr() == from })
}

// Notify has the primaries asked now (RFC 1996 section 4.4), or returns why a NOTIFY from
// that address, signed by a key of that name ("" for none), is refused: client or key. It
// doesn't block, and is safe for concurrent use.
func (s *Source) Notify(from netip.Addr, key string) (refused string) {
	if !s.HasPrimary(from) {
		return "client"
	}
	if s.config.Key != nil && key != s.config.Key.Name {
		return "key"
	}
	select {
	case s.notified <- struct{}{}:
	default: // it is about to ask
	}
	return ""
}

// Run implements zonesource.Source.
func (s *Source) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	s.load(deliver)
	loop := refresh.Loop{Early: true, Rest: true, Now: s.notified, NowPause: notifiedPause, Plan: s.plan}
	return loop.Run(ctx, func(ctx context.Context) refresh.Next {
		err := s.check(ctx)
		if ctx.Err() != nil {
			return refresh.Next{}
		}
		s.report(err, deliver)
		return refresh.Next{In: s.pause(err)}
	})
}

// load begins with what was saved.
func (s *Source) load(deliver func(zonesource.Part)) {
	if s.config.Saved != nil {
		p := s.config.Saved()
		if p != nil && p.Zone != nil && p.Zone.Unavailable == "" && s.tree == nil {
			s.tree, s.checked = p.Zone.Tree, p.Listed
		}
	}
	s.show()
	switch {
	case s.tree == nil:
		deliver(s.part(nil, "not transferred from its primaries yet"))
	case s.overdue():
		s.expire(deliver)
	}
}

// report delivers what came of a check.
func (s *Source) report(err error, deliver func(zonesource.Part)) {
	defer s.show()
	if err == nil {
		s.failed, s.expired = 0, false
		deliver(s.part(s.tree, ""))
		return
	}
	s.failed++
	deliver(zonesource.Part{Key: s.key, Listed: time.Now(), Err: err})
	if s.tree != nil && !s.expired && s.overdue() {
		s.expire(deliver)
	}
}

// overdue reports whether the zone has expired (RFC 1035 section 3.3.13).
func (s *Source) overdue() bool {
	_, _, expire := s.times()
	return time.Since(s.checked) > expire
}

func (s *Source) expire(deliver func(zonesource.Part)) {
	s.expired = true
	s.log.Error("secondary zone has expired: no primary has answered for it", "zone", s.name, "since", s.checked)
	deliver(s.part(nil, "expired: no primary has answered for too long"))
}

// part is the part with a tree, or with a zone that is unavailable.
func (s *Source) part(tree *zone.Tree, unavailable string) zonesource.Part {
	info := zone.Info{Origin: zone.File, ID: Name + " " + s.name, Unavailable: unavailable, Listed: s.checked}
	if tree == nil {
		tree = zone.NewTree(s.config.Apex)
		info.Listed = time.Now()
	}
	return zonesource.Part{Key: s.key, Listed: info.Listed, Zone: zone.New(info, tree, 0), Problems: s.problems}
}

// pause is how long to wait before the next check.
func (s *Source) pause(err error) time.Duration {
	refresh, retry, _ := s.times()
	pause := refresh
	switch {
	case err != nil && s.tree == nil:
		pause = min(firstRetry<<min(s.failed-1, 10), firstRetryMost)
	case err != nil:
		pause = retry
	}
	return pause
}

// times are those of the SOA record, within reason.
func (s *Source) times() (refresh, retry, expire time.Duration) {
	rdata := s.soa()
	if rdata == nil {
		return firstRetryMost, firstRetryMost, mostPause
	}
	second := func(at int) time.Duration {
		return time.Duration(binary.BigEndian.Uint32(rdata[len(rdata)-at:])) * time.Second
	}
	refresh = min(max(second(16), leastPause), mostPause)
	retry = min(max(second(12), leastPause), mostPause)
	return refresh, retry, max(second(8), refresh+retry)
}

// soa returns the rdata of the SOA record; nil where there is none.
func (s *Source) soa() []byte {
	if s.tree == nil {
		return nil
	}
	rdata := s.tree.Lookup(s.config.Apex).RRset(zone.TypeSOA).First()
	if len(rdata) < 22 {
		return nil
	}
	return rdata
}

// serial returns the serial of the zone that is here.
func (s *Source) serial() (uint32, bool) {
	rdata := s.soa()
	if rdata == nil {
		return 0, false
	}
	return binary.BigEndian.Uint32(rdata[len(rdata)-20:]), true
}
