package recorder

import (
	"context"
	"path/filepath"
	"testing"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// TestTakeOver begins with the state directory of a program without a ledger: without a
// listing the ledger has all parts, and that program finds its files again.
func TestTakeOver(t *testing.T) {
	dir := t.TempDir()
	z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1", "mail.example.com.": "10.0.0.2"})
	run := func(accepted func([]zonesource.Accepted), deliver bool) int {
		k, err := zonesource.NewKeeper(zonesource.Options{
			Config:   zonesource.Config{Expected: []zonesource.Key{{Source: "route53", Name: "catalog/"}}, MaxShrink: 0.5},
			StateDir: dir, Publish: func(*zone.Snapshot) {}, Accepted: accepted,
		})
		if err == nil {
			err = k.Load()
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		source, ended := deliverer(make(chan zonesource.Part)), make(chan error, 1)
		go func() { ended <- k.Run(ctx, source) }()
		if deliver {
			source <- z
			await(t, func() bool { return len(k.Hosted()) > 0 })
		}
		stop()
		<-ended
		n := len(k.Hosted())
		err = k.Close()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	run(nil, true)
	b := newBench(t, filepath.Join(dir, "ledger"))
	run(b.r.Accept, false)
	b.mustAccept(zonesource.Cause{})
	p, err := Zone(t.Context(), b.l, b.r.Newest(), "Z1")
	if err != nil || !sameZone(p, z) {
		t.Errorf("the ledger hasn't what was saved: %v", err)
	}
	if lines := b.history(Query{}); len(lines) != 0 {
		t.Errorf("what was saved is no change: %q", brief(lines))
	}
	if n := run(nil, false); n != 1 {
		t.Errorf("a program without a ledger finds %d zones", n)
	}
}
