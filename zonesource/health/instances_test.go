package health

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestInstances: one that answered and is silent is told of after its threshold, and again
// when it is back; one that never answered isn't, nor is one that may not be probed.
func TestInstances(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	port := listener.Addr().(*net.TCPAddr).Port
	targets, err := ParseTargets([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	check := "tcp:" + strconv.Itoa(port)
	var silent atomic.Bool
	var mu sync.Mutex
	var told []map[string]string
	changed := make(chan struct{}, 16)
	n := NewInstances(InstanceOptions{
		Wanted: func() ([]InstanceCheck, Targets) {
			return []InstanceCheck{
				{"i-1", check, netip.MustParseAddr("127.0.0.1")}, {"i-never", "tcp:1", netip.MustParseAddr("127.0.0.1")},
				{"i-outside", check, netip.MustParseAddr("198.51.100.1")}, {"i-odd", "icmp", netip.MustParseAddr("127.0.0.1")},
			}, targets
		},
		Publish: func(sick map[string]string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, sick)
			changed <- struct{}{}
		},
	})
	n.pace = pace{20 * time.Millisecond, 2, 20 * time.Millisecond}
	plain := n.dial
	n.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if silent.Load() {
			return nil, &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
		}
		return plain(ctx, network, address)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	await := func(what string) map[string]string {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing is told of %s", what)
		}
		mu.Lock()
		defer mu.Unlock()
		return told[len(told)-1]
	}
	for !n.has("i-1") {
		time.Sleep(5 * time.Millisecond)
	}
	silent.Store(true)
	if sick := await("a silent instance"); len(sick) != 1 || sick["i-1"] == "" {
		t.Errorf("sick are %v", sick)
	}
	silent.Store(false)
	if sick := await("its coming back"); len(sick) != 0 {
		t.Errorf("sick are %v", sick)
	}
	stop()
	<-ended
}

// has reports whether an instance has answered.
func (n *Instances) has(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.tally.counts[id] != nil && n.tally.counts[id].ever
}

func TestParseEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"tcp:5432": "tcp:5432", "http:8080": "http:8080/", "http:8080/a?b": "http:8080/a?b", "https:8443/x": "https:8443/x",
		"tcp:0": "", "tcp:70000": "", "tcp": "", "tcp:1/x": "", "icmp:1": "", "http:/x": "",
	} {
		e, err := parseEndpoint(text)
		got := ""
		if err == nil {
			got = describe(e)
		}
		if got != want {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
}
