package forward

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestResolve(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{Budget: time.Second})
	g := newGroup(t, f, up.addr)
	m, err := f.Resolve(t.Context(), g, question(t, "www.example.com.", dns.TypeA))
	if err != nil || len(m.Data(dns.TypeA)) != 1 || string(m.Data(dns.TypeA)[0]) != "\xc0\x00\x02\x01" ||
		m.Data(dns.TypeAAAA) != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	up.set(says(t, dns.RcodeNameError, nil, []string{soaCom}))
	m, err = f.Resolve(t.Context(), g, question(t, "none.example.com.", dns.TypeA))
	if err != nil || m.Rcode != dns.RcodeNameError {
		t.Errorf("NXDOMAIN: %+v, %v", m, err)
	}
	up.set(says(t, dns.RcodeServerFailure, nil, nil))
	_, err = f.Resolve(t.Context(), g, question(t, "fail.example.com.", dns.TypeA))
	if !errors.Is(err, ErrServFail) {
		t.Errorf("SERVFAIL: %v", err)
	}
	up.set(silent)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = f.Resolve(ctx, g, question(t, "slow.example.com.", dns.TypeA))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of patience: %v", err)
	}
	_, err = f.Resolve(t.Context(), g, question(t, "silent.example.com.", dns.TypeA))
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("silent: %v", err)
	}
}

// openDescriptors is how many files and sockets the process has open.
func openDescriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(all)
}

// TestManyGroups: groups that come and go, with questions between, leave neither
// descriptors nor goroutines.
func TestManyGroups(t *testing.T) {
	up, own := newFake(t, echoA, nil), newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{})
	published := newGroup(t, f, up.addr)
	ask := func(g *Group) {
		t.Helper()
		_, err := f.Resolve(t.Context(), g, question(t, "www.example.com.", dns.TypeA))
		if err != nil {
			t.Fatal(err)
		}
	}
	ask(published) // all goroutines of the forwarder have begun
	before, goroutines := openDescriptors(t), runtime.NumGoroutine()
	for i := range 300 {
		lists := [][]string{{up.addr}, {up.addr, "192.0.2.1"}, {own.addr, up.addr}}
		next := newGroup(t, f, lists[i%len(lists)]...)
		f.Release(published)
		published = next
		ask(published)
		looking := newGroup(t, f, own.addr)
		ask(looking)
		f.Release(looking)
	}
	if most := openDescriptors(t) - before; most > 4*sockets {
		t.Errorf("%d descriptors more than before", most)
	}
	f.Release(published)
	until(t, "all is as before", func() bool {
		return openDescriptors(t) <= before && runtime.NumGoroutine() <= goroutines
	})
}
