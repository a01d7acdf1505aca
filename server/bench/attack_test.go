//go:build linux

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestVerdict: what is lost while others use the processors is no verdict, and no excuse where
// the server has ended.
func TestVerdict(t *testing.T) {
	busy := func(e *encounter) { e.others = 1.4 }
	try := func(ours, theirs encounter) judged {
		return judged{assault: assault{name: "attack", kind: "worst", bound: 32}, peer: "NSD", ours: ours, theirs: theirs}
	}
	good, bad := try(bore(0, nil), bore(0, nil)), try(bore(500, nil), bore(0, nil))
	for _, tt := range []struct {
		name  string
		seen  []judged
		done  bool
		fault string // what is said so far; "" is none
	}{
		{"nothing is lost", []judged{good}, true, ""},
		{"nothing is lost by ours, though others work", []judged{try(bore(0, busy), bore(900, busy))}, true, ""},
		{"less than by a peer that is disturbed", []judged{try(bore(800, nil), bore(1000, busy))}, false, "can't be judged"},
		{"less than by a peer", []judged{try(bore(800, nil), bore(900, nil))}, true, ""},
		{"lost while others work", []judged{try(bore(500, busy), bore(0, nil))}, false, "others used 140 %"},
		{"and at a quiet moment too", []judged{try(bore(500, busy), bore(0, nil)), bad}, false, "50.00 %"},
		{"and again", []judged{bad, try(bore(500, busy), bore(0, nil)), bad}, true, "50.00 %"},
		{"not again", []judged{bad, good}, false, "50.00 %"},
		{"twice not again", []judged{bad, good, good}, true, ""},
		{"again after all", []judged{bad, good, try(bore(9, nil), bore(0, nil))}, true, "0.90 %"},
		{"by attackers who weren't heard of", []judged{try(bore(0, func(e *encounter) { e.unheard = true }), bore(0, nil))},
			false, "can't be judged"},
		{"it has ended while others work", []judged{
			try(bore(0, func(e *encounter) { busy(e); e.ended = "gone" }), bore(0, nil))}, true, "gone"},
	} {
		j, done := verdict(tt.seen, bore(0, nil))
		if done != tt.done || (j.fault == "") != (tt.fault == "") || !strings.Contains(j.fault, tt.fault) {
			t.Errorf("%s: %q, done %t; want %q, %t", tt.name, j.fault, done, tt.fault, tt.done)
		}
	}
}

// TestOthers: a processor that this process alone keeps busy is not others'.
func TestOthers(t *testing.T) {
	text := []byte("cpu  9 9 9 9\ncpu0 100 20 3 4000 5 6 7 1000 0 0\ncpu1 7 0 1 2 0 0 0 0\n")
	for cpu, want := range []int64{1123, 8} {
		got, err := ticksOf(text, cpu)
		if err != nil || got != want {
			t.Errorf("processor %d: %d ticks, %v", cpu, got, err)
		}
	}
	_, err := ticksOf(text, 2)
	if err == nil {
		t.Error("a processor that isn't there has ticks")
	}
	began := time.Now()
	before := reading{at: began, all: time.Minute, own: time.Second}
	after := reading{at: began.Add(2 * time.Second), all: time.Minute + 3*time.Second, own: 2 * time.Second}
	if got := after.others(before); got != 1 {
		t.Errorf("others used %f processors, want 1", got)
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
