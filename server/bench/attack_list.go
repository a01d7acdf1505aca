//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"inside53/server/bench/attacker"
	"inside53/server/bench/dataset"
	"inside53/server/bench/upstream"
)

// Who asks and attacks. Those who may ask have addresses of which allowed has one more; a
// stranger may ask nothing.
const (
	stranger  = "127.66.0.1"
	allowed   = "127.77.0.1"
	mayAsk    = "127.0.0.0/24, 127.77.0.0/16"
	keyName   = "ops."
	keySecret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	badSecret = "bm90IHRoZSBzZWNyZXQsIGJ1dCBvZiBpdHMgbGVuZ3Q="
	bigName   = "big." + dataset.Zone
)

// assault is one attack of the suite.
type assault struct {
	name  string
	kind  string // of attackers, in kinds
	work  workload
	ours  func(s site, program string) ([]string, error)
	peer  string // program of the peer that bears the same; "" is none
	argv  func(s site, program string) ([]string, error)
	cloud bool           // ours needs AWS
	lies  bool           // the upstream lies
	long  bool           // of the full suite alone
	port  func(site) int // which port is attacked; nil is that of DNS
	bound int64          // MiB that ours may hold more than in peace
	check func(ctx context.Context, s site) error
}

// unreadBound is what the collector of garbage may let the memory grow by, nine tenths of all:
// where clients fill the cache and the late answers at once, both together are half of it.
const unreadBound = memoryLimit/10*9>>20 - 10

// assaults are all attacks. The first of each setting is peace, which the others of ours are
// compared with.
func assaults() []assault {
	zone := assault{work: auth, ours: guarded, peer: "nsd", argv: guardedNSD}
	outside := assault{work: miss, ours: guardedForward, peer: "unbound", argv: unbound}
	keys := assault{work: auth, ours: keyed, cloud: true, peer: "knotd", argv: keyedKnot}
	var all []assault
	add := func(a assault, name, kind string, bound int64) *assault {
		a.name, a.kind, a.bound = name, kind, bound
		all = append(all, a)
		return &all[len(all)-1]
	}
	add(zone, "peace", "", 0)
	add(zone, "refused source, worst packets", "worst", 16)
	add(zone, "readers that read nothing", "silent", 160)
	add(zone, "slow writers", "slow", 160)
	add(zone, "connections, allowed", "idle", 48)
	add(zone, "connections, strangers", "strange", 16)
	names := add(zone, "colliding names", "colliding", 32)
	names.ours, names.argv, names.check = collidingOurs, collidingNSD, askColliding
	add(keys, "peace, with AWS", "", 0)
	add(keys, "NOTIFY", "notify", 32)
	add(keys, "wrong signatures", "signed", 48)
	add(keys, "UPDATE, strangers", "updates", 32)
	add(keys, "UPDATE, wrong key", "wrongkey", 48)
	add(outside, "peace, forwarding", "", 0)
	for _, p := range []struct {
		name string
		port func(site) int
	}{
		{"health", func(s site) int { return s.health }},
		{"metrics", func(s site) int { return s.metrics }},
		{"admin", func(s site) int { return s.admin }},
	} {
		a := add(outside, "connections, "+p.name, "http", 48)
		a.port, a.peer, a.argv = p.port, "", nil
	}
	add(outside, "dead names, one client", "dead", 64)
	add(outside, "dead names, 50 clients", "dead50", 96)
	add(outside, "one dead name", "same", 32)
	// It fills all memory that there is: whether it is borne depends on what else the machine does.
	add(outside, "forwarded, read by nobody", "unread", unreadBound).long = true
	add(outside, "false answers", "", 48).lies = true
	return all
}

// plan is what attackers of a kind do: one of the two.
type plan struct {
	flood       *attacker.Flood
	connections *attacker.Connections
}

// Rates and numbers of the attacks.
const (
	floodRate = 4000
	deadRate  = 3000
	many      = 600
	crowd     = 1500
)

// kinds are the kinds of attackers, of a server; packets is a file of the worst ones.
func kinds(server netip.AddrPort, packets string) map[string]func() (plan, error) {
	flood := func(from string, count, rate int, packet func(int) []byte, err error) (plan, error) {
		return plan{flood: &attacker.Flood{Server: server, Rate: rate, Packet: packet,
			Sources: attacker.Sources{First: netip.MustParseAddr(from), Count: count}}}, err
	}
	hold := func(from string, sources, count int, h func(context.Context, net.Conn, int)) (plan, error) {
		return plan{connections: &attacker.Connections{Server: server, Count: count, Hold: h,
			Sources: attacker.Sources{First: netip.MustParseAddr(from), Count: sources}}}, nil
	}
	return map[string]func() (plan, error){
		"worst": func() (plan, error) {
			list, err := readPackets(packets)
			return flood(stranger, 4, floodRate, attacker.Repeat(list), err)
		},
		"colliding": func() (plan, error) {
			return flood(allowed, 1, floodRate, attacker.Repeat(collidingQueries()), nil)
		},
		"dead":   func() (plan, error) { return flood(allowed, 1, deadRate, attacker.FreshNames(upstream.Dead), nil) },
		"dead50": func() (plan, error) { return flood(allowed, 50, deadRate, attacker.FreshNames(upstream.Dead), nil) },
		"same":   func() (plan, error) { return flood(allowed, 4, deadRate, attacker.SameName("x."+upstream.Dead), nil) },
		"notify": func() (plan, error) { return flood(allowed, 4, floodRate, attacker.Notifies(dataset.Zone), nil) },
		"updates": func() (plan, error) {
			return flood(stranger, 4, floodRate, attacker.Updates(updated), nil)
		},
		"signed": func() (plan, error) {
			packet, err := attacker.SignedQuestions(dataset.HostName(1), keyName, badSecret)
			return flood(allowed, 4, floodRate, packet, err)
		},
		"wrongkey": func() (plan, error) {
			packet, err := attacker.SignedUpdates(updated, keyName, badSecret)
			return flood(allowed, 4, floodRate, packet, err)
		},
		"silent":  func() (plan, error) { return hold(allowed, 8, many, attacker.SilentReader(bigName, false)) },
		"unread":  func() (plan, error) { return hold(allowed, 8, many, attacker.SilentReader("t.example.", true)) },
		"slow":    func() (plan, error) { return hold(allowed, 8, many, attacker.SlowWriter) },
		"idle":    func() (plan, error) { return hold(allowed, 20, crowd, attacker.Idle) },
		"strange": func() (plan, error) { return hold(stranger, 20, crowd, attacker.Idle) },
		"http":    func() (plan, error) { return hold(stranger, 20, crowd, attacker.HalfRequest) },
	}
}

// readPackets reads a file of packets, a line each in hexadecimal.
func readPackets(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for _, line := range strings.Fields(string(text)) {
		packet, err := hex.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		list = append(list, packet)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("reading %s: no packets", path)
	}
	return list, nil
}
