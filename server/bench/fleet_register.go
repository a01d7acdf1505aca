//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/miekg/dns"
)

// fleetSwappers are clients that compare and swap the RRsets of the same names.
const (
	fleetSwappers = 3
	fleetShared   = 4
)

// seenSwap is one update that gives a name an address if it has another, "" for none.
type seenSwap struct {
	Name, Was, Now string
	Result         string // acked, unmet: it had something else, or failed: nobody knows
	Sent, Done     time.Duration
}

// swap sends such updates to random members until ctx ends.
func (r *fleetRun) swap(ctx context.Context, n int) {
	for seq := 1; ctx.Err() == nil; seq++ {
		name := fmt.Sprintf("shared-%d.%s", r.random(fleetShared), fleetZone)
		s := r.all[r.random(len(r.all))]
		r.mu.Lock()
		u := seenSwap{Name: name, Was: r.last[name], Now: fmt.Sprintf("10.%d.%d.%d", 200+n, seq>>8, seq&255)}
		r.mu.Unlock()
		packet, mac, err := signedSwap(u)
		if err != nil {
			return // never
		}
		u.Sent = time.Since(r.began)
		u.Result = s.send(packet, mac)
		u.Done = time.Since(r.began)
		is := u.Now
		if u.Result != acked { // what it has now is asked of anybody, and needn't be right
			is, err = s.ask("udp", name, lookUpWait)
		}
		r.mu.Lock()
		if err == nil {
			r.last[name] = is
		}
		if u.Result != refused { // by a zone that isn't served yet: nothing was done
			r.trace.Swaps = append(r.trace.Swaps, u)
		}
		r.mu.Unlock()
		_ = sleep(ctx, r.between(20*time.Millisecond, 200*time.Millisecond)) // its end is that of the loop
	}
}

// signedSwap is such an update, and the MAC that its answer is signed by.
func signedSwap(u seenSwap) ([]byte, string, error) {
	now, err := dns.NewRR(u.Name + " 60 IN A " + u.Now)
	if err != nil {
		return nil, "", err
	}
	m := new(dns.Msg).SetUpdate(fleetZone)
	if u.Was == "" {
		m.RRsetNotUsed([]dns.RR{now})
	} else {
		was, err := dns.NewRR(u.Name + " 0 IN A " + u.Was)
		if err != nil {
			return nil, "", err
		}
		m.Used([]dns.RR{was})
	}
	m.RemoveRRset([]dns.RR{now})
	m.Insert([]dns.RR{now})
	m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
	return dns.TsigGenerate(m, secretOf("ops"), "", false)
}

// register is an RRset that is compared and swapped.
func register() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			is, u := state.(string), input.(seenSwap)
			switch output.(string) {
			case acked:
				return is == u.Was, u.Now
			case unmet:
				return is != u.Was, is
			default: // read
				return is == u.Now, is
			}
		},
	}
}

// registerTime bounds what is spent on one register.
const registerTime = 10 * time.Second

// checkRegisters holds the updates of each shared RRset, and what Route 53 has at the end, against a register on which
// one comes after another. An update that nobody has heard of again happened if Route 53 was given its address, which
// no other one has, at any time after it was sent; else it didn't.
func (t *trace) checkRegisters(fault func(string, ...any)) {
	byName := map[string][]porcupine.Operation{}
	for i, u := range t.Swaps {
		made, result, done := t.Made[u.Now], u.Result, int64(u.Done)
		switch {
		case result == acked && made != 1, result == unmet && made != 0:
			fault("the update of %s to %s was answered as %s, and made %d times", u.Name, u.Now, result,
				made)
		case result == failed && made == 0:
			continue
		case result == failed:
			result, done = acked, math.MaxInt64
		}
		byName[u.Name] = append(byName[u.Name], porcupine.Operation{ClientId: i, Input: u, Call: int64(u.Sent),
			Output: result, Return: done})
	}
	for name, all := range byName {
		value, known := t.Ends[name]
		if known {
			all = append(all, porcupine.Operation{ClientId: len(t.Swaps), Input: seenSwap{Name: name, Now: value},
				Call: math.MaxInt64 - 2, Output: read, Return: math.MaxInt64 - 1})
		}
		switch porcupine.CheckOperationsTimeout(register(), all, registerTime) {
		case porcupine.Unknown:
			fault("the updates of %s can't be judged within %s: there are %d", name, registerTime, len(all))
		case porcupine.Illegal:
			fault("the updates of %s, %q at the end, are those of no register: %d", name, value, len(all))
		}
	}
}
