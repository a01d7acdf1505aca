//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"inside53/zonesource/ledger"
)

const (
	fleetUpdaters = 4
	// updateWait is how long a client of updates waits.
	updateWait = 12 * time.Second
	// lookUpWait is how long a look-up may take.
	lookUpWait = 3 * time.Second
	fleetName  = "www.example.net."
	lookedUp   = "look-ups"
)

// outcome of one message.
const (
	acked   = "acked"
	failed  = "failed" // or silence: it may have happened
	refused = "refused"
	unmet   = "unmet" // its prerequisites
	read    = "read"  // no message: what there is at the end
)

// update sends updates of names of its own until ctx ends, each name until one of its updates
// isn't acknowledged: what has become of that nobody is told.
func (r *fleetRun) update(ctx context.Context, n int) {
	var late sync.WaitGroup
	defer late.Wait()
	generation := [8]int{}
	for seq := 1; ctx.Err() == nil; seq++ {
		slot := seq % len(generation)
		s := r.all[r.random(len(r.all))]
		u := seenUpdate{
			Name:  fmt.Sprintf("t%d-%d-%d.%s", n, slot, generation[slot], fleetZone),
			Value: fmt.Sprintf("10.%d.%d.%d", 100+n, seq>>8, seq&255), At: s.name, Sent: time.Since(r.began),
		}
		packet, mac, err := signedUpdate(u.Name, u.Value)
		if err != nil {
			return // never
		}
		_, start := s.steady(time.Now())
		began := time.Now()
		u.Acked = s.send(packet, mac) == acked
		u.Done = time.Since(r.began)
		if u.Acked {
			u.Read, err = s.ask("udp", u.Name, lookUpWait)
			steady, now := s.steady(began)
			if err != nil || !steady || now != start {
				u.Read = ""
			}
		}
		if other := r.all[r.random(len(r.all))]; other != s && (!u.Acked || r.random(2) == 0) {
			u.Again = other.send(packet, mac)
			u.Acked = u.Acked || u.Again == acked
		}
		if !u.Acked {
			generation[slot]++
		}
		r.mu.Lock()
		r.trace.Updates = append(r.trace.Updates, u)
		r.mu.Unlock()
		if other := r.all[r.random(len(r.all))]; u.Acked && r.random(3) == 0 {
			late.Go(func() { r.visible(ctx, other, u, seq) })
		}
		_ = sleep(ctx, r.between(5*time.Millisecond, 100*time.Millisecond)) // its end is that of the loop
	}
}

// visible looks whether an update that was acknowledged is served by another server too: after
// its next look at head at the latest.
func (r *fleetRun) visible(ctx context.Context, s *fleetServer, u seenUpdate, seq int) {
	began := time.Now()
	if sleep(ctx, 2*fleetPoll+time.Second) != nil {
		return
	}
	is, err := s.ask("udp", u.Name, lookUpWait)
	steady, _ := s.steady(began)
	if err != nil || !steady || !s.link.calm(began) || !r.storeIs.calm(began) {
		return
	}
	if valueSeq(is) < seq {
		r.lose(s, fmt.Sprintf("%s is %q, though %s was acknowledged by %s", u.Name, is, u.Value, u.At))
	}
}

// valueSeq is the number of the update that has a value; 0 for none.
func valueSeq(value string) int {
	parts := strings.Split(value, ".")
	if len(parts) != 4 {
		return 0
	}
	high, _ := strconv.Atoi(parts[2])
	low, _ := strconv.Atoi(parts[3])
	return high<<8 | low
}

// signedUpdate is an update that gives a name one address, and the MAC that its answer is
// signed by.
func signedUpdate(name, value string) ([]byte, string, error) {
	rr, err := dns.NewRR(name + " 60 IN A " + value)
	if err != nil {
		return nil, "", err
	}
	m := new(dns.Msg).SetUpdate(fleetZone)
	m.RemoveRRset([]dns.RR{rr})
	m.Insert([]dns.RR{rr})
	m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
	return dns.TsigGenerate(m, secretOf("ops"), "", false)
}

// send sends an update by TCP, and says what the answer is.
func (s *fleetServer) send(packet []byte, mac string) string {
	c, err := net.DialTimeout("tcp", s.dns().String(), time.Second)
	if err != nil {
		return failed
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(updateWait))
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...))
	var length [2]byte
	if err == nil {
		_, err = io.ReadFull(c, length[:])
	}
	answer := make([]byte, binary.BigEndian.Uint16(length[:]))
	if err == nil {
		_, err = io.ReadFull(c, answer)
	}
	if err != nil || len(answer) < 12 || dns.TsigVerify(answer, secretOf("ops"), mac, false) != nil {
		return failed
	}
	switch answer[3] & 15 {
	case dns.RcodeSuccess:
		return acked
	case dns.RcodeServerFailure, dns.RcodeNotAuth: // the latter is that of a clock that is wrong
		return failed
	case dns.RcodeYXRrset, dns.RcodeNXRrset:
		return unmet
	}
	return refused
}

// lookUp asks a server until ctx ends for a name that never changes.
func (r *fleetRun) lookUp(ctx context.Context, s *fleetServer) {
	want := ""
	for ctx.Err() == nil {
		began := time.Now()
		is, err := s.ask("udp", fleetName, lookUpWait)
		steady, _ := s.steady(began)
		switch {
		case !steady:
		case err != nil || is == "" || want != "" && is != want:
			r.lose(s, fmt.Sprintf("%q, %v", is, err))
		default:
			want = is
			r.note(lookedUp)
		}
		_ = sleep(ctx, 20*time.Millisecond) // its end is that of the loop
	}
}

// listen notes which version a server says that it serves.
func (r *fleetRun) listen(ctx context.Context, s *fleetServer) {
	for ctx.Err() == nil {
		began := time.Now()
		version, err := s.version()
		steady, start := s.steady(began)
		if err == nil && steady {
			r.mu.Lock()
			r.trace.Said = append(r.trace.Said, seenVersion{s.name, start, version})
			r.mu.Unlock()
		}
		_ = sleep(ctx, 200*time.Millisecond) // its end is that of the loop
	}
}

// version asks a server which version it serves.
func (s *fleetServer) version() (uint64, error) {
	m := new(dns.Msg).SetQuestion("id.server.", dns.TypeTXT)
	m.Question[0].Qclass = dns.ClassCHAOS
	c := dns.Client{Timeout: time.Second}
	reply, _, err := c.Exchange(m, s.dns().String())
	if err != nil {
		return 0, err
	}
	for _, rr := range reply.Answer {
		txt, isTXT := rr.(*dns.TXT)
		if isTXT {
			fields := strings.Fields(strings.Join(txt.Txt, " "))
			if len(fields) > 1 {
				return strconv.ParseUint(strings.TrimSuffix(fields[1], "+"), 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("no version in %v", reply.Answer)
}

// finish mends all, waits until the fleet is whole again, and reads what is left.
func (r *fleetRun) finish(ctx context.Context) error {
	r.sim.ClearFaults()
	for _, s := range r.all {
		s.link.mend()
		s.signal(syscall.SIGCONT)
	}
	began := time.Now()
	for _, s := range r.all {
		err := s.awaitReady(ctx)
		if err != nil {
			return err
		}
	}
	for !r.alike() && time.Since(began) < healing {
		err := sleep(ctx, 10*again)
		if err != nil {
			return err
		}
	}
	r.note(fmt.Sprintf("whole again after %s", time.Since(began).Round(time.Second)))
	for _, s := range r.all {
		s.kill() // nothing is written any more
	}
	return r.gather(ctx)
}

// alike reads what all names are at the end, and reports whether that is the same everywhere.
func (r *fleetRun) alike() bool {
	truth := map[string]string{}
	for _, set := range r.sim.Records(fleetZoneID) {
		if set.Type == "A" && len(set.ResourceRecords) == 1 {
			truth[set.Name] = set.ResourceRecords[0].Value
		}
	}
	names := map[string]bool{}
	for _, u := range r.trace.Updates {
		names[u.Name] = true
	}
	r.trace.Ends = map[string]string{}
	for n := range fleetShared {
		name := fmt.Sprintf("shared-%d.%s", n, fleetZone)
		names[name], r.trace.Ends[name] = true, truth[name]
	}
	r.trace.Final = map[string]final{}
	good := true
	for _, c := range r.trace.Changes {
		names[c.Name] = true
	}
	for name := range names {
		is := final{truth[name], map[string]string{}}
		for _, s := range r.all {
			value, err := s.ask("udp", name, lookUpWait)
			if err != nil {
				value = err.Error()
			}
			is.Servers[s.name] = value
			good = good && value == is.Route53
		}
		r.trace.Final[name] = is
	}
	return good
}

// gather reads the store.
func (r *fleetRun) gather(ctx context.Context) error {
	r.fleetWorld.mu.Lock()
	r.trace.Heads, r.trace.Made = slices.Clone(r.heads), r.made
	bodies := r.commits
	r.fleetWorld.mu.Unlock()
	r.trace.Commits, r.trace.Recorded = map[string]seenCommit{}, map[string]int{}
	named, sets := map[string]int{}, 0
	for _, h := range r.trace.Heads {
		if h.Set {
			sets++
			continue
		}
		named[h.Commit] = sets
	}
	type place struct {
		value string
		sets  int
	}
	recorded := map[place]int{}
	for name, body := range bodies {
		var c ledger.Commit
		err := json.Unmarshal(jsonOf.Find(body), &c)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		r.trace.Commits[name] = seenCommit{c.Version, c.Epoch, c.Node, c.Previous, string(c.Cause)}
		since, isNamed := named[name]
		if isNamed && c.Cause == ledger.Event {
			r.trace.ByEvents++
		}
		if !isNamed || c.Cause == ledger.Repair || c.Cause == ledger.Leader {
			continue
		}
		for _, change := range c.Changes {
			for _, value := range change.Now {
				if !slices.Contains(change.Was, value) {
					recorded[place{value, since}]++
					r.trace.Recorded[value] = max(r.trace.Recorded[value], recorded[place{value, since}])
				}
			}
		}
	}
	l, err := ledger.New(ledger.Options{
		Store: ledger.NewDir(filepath.Join(r.store, fleetBucket, fleetPrefix)), Fleet: fleetStore,
		Secrets: [][]byte{[]byte("fleet of thirty-two octets at least")},
	})
	if err != nil {
		return err
	}
	v, err := l.Follow(ctx, nil)
	if err != nil {
		return fmt.Errorf("reading the ledger at the end: %w", err)
	}
	for _, fault := range l.Check(ctx, v) {
		r.trace.Missing = append(r.trace.Missing, fault.Error())
	}
	return nil
}
