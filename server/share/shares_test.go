package share

import (
	"net/netip"
	"testing"
	"time"
)

// thing is a Holding that was used at a second.
type thing struct{ used int64 }

func (h *thing) LastUsed() time.Time { return time.Unix(h.used, 0) }

func TestClientOf(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:0:1:2:3:4:5": "2001:db8:0:1::", "fe80::1%eth0": "fe80::",
	} {
		if got := ClientOf(netip.MustParseAddr(addr)); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts for %s, want %s", addr, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	s := New[*thing](5, 3)
	old, young := &thing{1}, &thing{9}
	add := func(addr netip.Addr, h *thing) (*thing, bool, bool) { t.Helper(); return s.Add(addr, h) }
	for _, h := range []*thing{{5}, old, {7}} {
		out, full, ok := add(one, h)
		if out != nil || full || !ok {
			t.Fatalf("within the share: %v %t %t", out, full, ok)
		}
	}
	if _, _, ok := add(one, young); ok {
		t.Error("a client has more than its share")
	}
	oldest := &thing{0}
	for _, h := range []*thing{oldest, {0}} {
		if _, full, ok := add(two, h); full || !ok {
			t.Error("not all is used up")
		}
	}
	// The first client holds most, until it has lost one.
	newcomer := netip.MustParseAddr("2001:db8::1")
	if out, full, ok := add(newcomer, young); out != old || !full || !ok {
		t.Errorf("out is %v, %t %t, want what the client with most had used least", out, full, ok)
	}
	s.Remove(one, old) // is out already
	if s.Open() != 5 {
		t.Errorf("%d are open", s.Open())
	}
	// Two hold two now; the longest unused of both goes.
	if out, _, _ := add(netip.MustParseAddr("2001:db8::2"), &thing{8}); out == nil || out.used != 0 {
		t.Errorf("out is %v", out)
	}
	for c, items := range s.clients {
		for h := range items {
			s.Remove(c, h)
		}
	}
	if s.Open() != 0 || len(s.clients) != 0 || len(s.holders) > 1 {
		t.Errorf("left: %d, %v, %v", s.Open(), s.clients, s.holders)
	}
}

// BenchmarkSharesFull accepts at the bound, with a connection each of many clients.
func BenchmarkSharesFull(b *testing.B) {
	s := New[*thing](10000, 100)
	for i := range b.N {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		_, _, _ = s.Add(addr, &thing{int64(i)})
	}
}
