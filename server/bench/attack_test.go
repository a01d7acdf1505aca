//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"inside53/server/bench/load"
)

// bore is an encounter that lost so many of 1,000 answers.
func bore(lost uint64, change func(*encounter)) encounter {
	e := encounter{result: load.Result{Answered: 1000 - lost, Lost: lost}, peak: 60 << 20}
	if change != nil {
		change(&e)
	}
	return e
}

func TestJudge(t *testing.T) {
	attack := assault{name: "attack", kind: "worst", bound: 32}
	for _, tt := range []struct {
		name         string
		peer         string
		ours, theirs encounter
		fault        string // what is said of it; "" is none
	}{
		{"nothing is lost", "NSD", bore(0, nil), bore(0, nil), ""},
		{"as the machine loses", "NSD", bore(2, nil), bore(0, nil), ""},
		{"more than the peer", "NSD", bore(20, nil), bore(3, nil), "2.00 %"},
		{"as much as the peer", "NSD", bore(20, nil), bore(19, nil), ""},
		{"more than in peace", "", bore(20, nil), encounter{}, "2.00 %"},
		{"wrong ones", "NSD", bore(20, func(e *encounter) { e.result.Fault = "truncated" }), bore(0, nil),
			"wrong (truncated)"},
		{"the peer has ended", "NSD", bore(3, nil), encounter{ended: "gone"}, "0.30 %"},
		{"it has ended", "NSD", bore(0, func(e *encounter) { e.ended = "gone" }), bore(0, nil), "gone"},
		{"no memory", "NSD", bore(0, func(e *encounter) { e.killed = 1 }), bore(0, nil), "ended 1 of its processes"},
		{"silent", "NSD", bore(0, func(e *encounter) { e.silent = "no answer" }), bore(0, nil), "no answer"},
		{"it grew", "NSD", bore(0, func(e *encounter) { e.peak = 100 << 20 }), bore(0, nil), "grew by 40 MiB"},
		{"too large", "NSD", bore(0, func(e *encounter) { e.peak = 300 << 20 }), bore(0, nil), "300 MiB"},
		{"by TCP", "NSD", bore(0, func(e *encounter) { e.witness = asked{asked: 40, failed: 4} }), bore(0, nil), "4 of 40"},
	} {
		got := judged{assault: attack, ours: tt.ours, theirs: tt.theirs, peer: tt.peer}.judge(bore(0, nil))
		if (got == "") != (tt.fault == "") || !strings.Contains(got, tt.fault) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.fault)
		}
	}
}

// TestAssaults: every attack has attackers and, where it has a peer, one that is known.
func TestAssaults(t *testing.T) {
	known := kinds(loopback(53), "")
	seen, used := map[string]bool{}, map[string]bool{}
	for _, a := range assaults() {
		if a.kind != "" && known[a.kind] == nil {
			t.Errorf("%s: nobody attacks by %q", a.name, a.kind)
		}
		if (a.peer != "") != (a.argv != nil) || a.peer != "" && !strings.Contains(programs(), a.peer) {
			t.Errorf("%s: the peer %q", a.name, a.peer)
		}
		if seen[a.name] || a.ours == nil || !a.peace() && a.bound == 0 {
			t.Errorf("%s: twice, without us or without a bound", a.name)
		}
		seen[a.name] = true
		used[a.kind] = true
	}
	for kind := range known {
		if !used[kind] {
			t.Errorf("nobody is attacked by %q", kind)
		}
	}
}

func TestCollidingNames(t *testing.T) {
	labels := map[string]bool{}
	for _, q := range collidingQueries() {
		var m dns.Msg
		err := m.Unpack(q)
		if err != nil {
			t.Fatal(err)
		}
		labels[m.Question[0].Name] = true
		if dns.CanonicalName(m.Question[0].Name) != m.Question[0].Name {
			t.Errorf("%q has letters that fold", m.Question[0].Name)
		}
	}
	if len(labels) != colliding {
		t.Errorf("%d names, want %d", len(labels), colliding)
	}
	path, err := collidingFile(site{dir: t.TempDir()})
	if err != nil || filepath.Base(path) != "collide.zone" {
		t.Errorf("writing %s: %v", path, err)
	}
}

func TestCgroupCandidates(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []cgroups
	}{
		{"", nil},
		{"garbage\n3:cpu:/x\n", nil},
		{"4:memory:/a\n", []cgroups{{"/sys/fs/cgroup/memory/a", false, true}, {"/sys/fs/cgroup/memory", false, true}}},
		{"0::/b\n", []cgroups{{"/sys/fs/cgroup/b", true, true}, {"/sys/fs/cgroup", true, true},
			{"/sys/fs/cgroup/unified/b", true, true}, {"/sys/fs/cgroup/unified", true, true}}},
	} {
		got := candidates(tt.list)
		if len(got) != len(tt.want) {
			t.Errorf("%q: %v, want %v", tt.list, got, tt.want)
			continue
		}
		for i, c := range got {
			if c != tt.want[i] {
				t.Errorf("%q: %v, want %v", tt.list, c, tt.want[i])
			}
		}
	}
}
