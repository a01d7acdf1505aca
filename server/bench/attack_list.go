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
	port  func(site) int // which port is attacked; nil is that of DNS
	bound int64          // MiB that ours may hold more than in peace
	check func(ctx context.Context, s site) error
}

// assaults are all attacks. The first of each work is peace, which the others of ours are
// compared with.
func assaults() []assault {
	health, metrics, admin := func(s site) int { return s.health }, func(s site) int { return s.metrics },
		func(s site) int { return s.admin }
	return []assault{
		{name: "peace", work: auth, ours: guarded, peer: "nsd", argv: guardedNSD},
		{name: "refused source, worst packets", kind: "worst", work: auth, ours: guarded, peer: "nsd", argv: guardedNSD, bound: 16},
		{name: "readers that read nothing", kind: "silent", work: auth, ours: guarded, peer: "nsd", argv: guardedNSD, bound: 160},
		{name: "slow writers", kind: "slow", work: auth, ours: guarded, peer: "nsd", argv: guardedNSD, bound: 160},
		{name: "connections, allowed", kind: "idle", work: auth, ours: guarded, peer: "nsd", argv: guardedNSD, bound: 48},
		{name: "connections, strangers", kind: "strange", work: auth, ours: guarded, peer: "nsd", argv: guardedNSD, bound: 16},
		{name: "connections, health", kind: "http", work: miss, ours: guardedForward, port: health, bound: 48},
		{name: "connections, metrics", kind: "http", work: miss, ours: guardedForward, port: metrics, bound: 48},
		{name: "connections, admin", kind: "http", work: miss, ours: guardedForward, port: admin, bound: 48},
		{name: "colliding names", kind: "colliding", work: auth, ours: collidingOurs, peer: "nsd", argv: collidingNSD, bound: 32,
			check: askColliding},
		{name: "NOTIFY", kind: "notify", work: auth, ours: keyed, cloud: true, peer: "knotd", argv: keyedKnot, bound: 32},
		{name: "wrong signatures", kind: "signed", work: auth, ours: keyed, cloud: true, peer: "knotd", argv: keyedKnot, bound: 48},
		{name: "UPDATE, strangers", kind: "updates", work: auth, ours: keyed, cloud: true, peer: "knotd", argv: keyedKnot, bound: 32},
		{name: "UPDATE, wrong key", kind: "wrongkey", work: auth, ours: keyed, cloud: true, peer: "knotd", argv: keyedKnot, bound: 48},
		{name: "peace, forwarding", work: miss, ours: guardedForward, peer: "unbound", argv: unbound},
		{name: "dead names, one client", kind: "dead", work: miss, ours: guardedForward, peer: "unbound", argv: unbound, bound: 64},
		{name: "dead names, 50 clients", kind: "dead50", work: miss, ours: guardedForward, peer: "unbound", argv: unbound, bound: 96},
		{name: "one dead name", kind: "same", work: miss, ours: guardedForward, peer: "unbound", argv: unbound, bound: 32},
		{name: "forwarded, read by nobody", kind: "unread", work: miss, ours: guardedForward, peer: "unbound", argv: unbound,
			bound: 192},
		{name: "false answers", kind: "", work: miss, ours: guardedForward, peer: "unbound", argv: unbound, lies: true, bound: 48},
	}
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
