package zonesource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"inside53/resolver/zone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handSource delivers what a test puts into it.
type handSource struct {
	parts chan Part
	end   chan error
}

func newHandSource() *handSource {
	return &handSource{parts: make(chan Part), end: make(chan error, 1)}
}

func (s *handSource) Run(ctx context.Context, deliver func(Part)) error {
	for {
		select {
		case p := <-s.parts:
			deliver(p)
		case err := <-s.end:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bench is a keeper with what it has published.
type bench struct {
	*Keeper
	t      *testing.T
	source *handSource
	mu     sync.Mutex
	count  int
	last   *zone.Snapshot
	stop   func()
}

func newBench(t *testing.T, cfg Config, stateDir string) *bench {
	t.Helper()
	b := &bench{t: t, source: newHandSource()}
	k, err := NewKeeper(Options{Config: cfg, StateDir: stateDir, Publish: b.published})
	if err != nil {
		t.Fatal(err)
	}
	b.Keeper = k
	return b
}

func (b *bench) published(s *zone.Snapshot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	b.last = s
}

// snapshot returns the last one published.
func (b *bench) snapshot() *zone.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// start loads and runs the keeper; end stops it.
func (b *bench) start() {
	b.t.Helper()
	err := b.Load()
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, b.source) }()
	b.stop = func() {
		b.t.Helper()
		cancel()
		err := <-done
		if !errors.Is(err, context.Canceled) {
			b.t.Errorf("run ended with %v", err)
		}
	}
}

func (b *bench) end() {
	b.t.Helper()
	b.stop()
	err := b.Close()
	if err != nil {
		b.t.Error(err)
	}
}

// deliver hands parts over and waits until they have been dealt with.
func (b *bench) deliver(parts ...Part) {
	for _, p := range parts {
		b.source.parts <- p
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

func (b *bench) publications() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// names lists the names in the zones of the last snapshot, without their apexes.
func (b *bench) names() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, z := range b.last.Zones {
		for name, n := range z.Tree.All {
			if !n.Empty() && len(name) > len(z.Apex) {
				out = append(out, zone.String(name))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// listed is a part as of some seconds after the start.
func listed(p Part, seconds int) Part {
	p.Listed = noon.Add(time.Duration(seconds) * time.Second)
	return p
}

func failing(key Key, text string) Part { return Part{Key: key, Listed: noon, Err: errors.New(text)} }

// numbered returns lines of n names of a zone from the first on.
func numbered(apex string, first, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("n%d.%s 192.0.2.%d", first+i, apex, (first+i)%256)
	}
	return lines
}

func hostedConfig() Config {
	return Config{EC2: true, Expected: []Key{catalogKey("route53", ""), {"ec2", "/eu-west-1"},
		{"zonefile", "file.example."}}, MaxShrink: 0.5}
}

func TestABurstIsOnePublication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		b.deliver()
		before := b.publications()
		var parts []Part
		for i := range 50 {
			parts = append(parts, publicZone(t, fmt.Sprint("Z", i), fmt.Sprintf("z%d.example.", i)))
		}
		b.deliver(parts...)
		if got := b.publications() - before; got != 1 || len(b.snapshot().Zones) != 50 {
			t.Errorf("%d publications, %d zones", got, len(b.snapshot().Zones))
		}
	})
}

func TestAnUnchangedPartPublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		defer b.end()
		region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
		b.deliver(publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1"), region, catalogPart(nil))
		before, was := b.publications(), b.snapshot().Zones[0]
		again := publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1")
		again.Zone.Listed = noon.Add(time.Minute)
		b.deliver(listed(again, 60), listed(regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16"), 60),
			listed(catalogPart(nil), 60))
		if b.publications() != before {
			t.Error("published without a change")
		}
		for _, p := range b.Status().Parts {
			if !p.Listed.Equal(noon.Add(time.Minute)) {
				t.Errorf("%s still counts as listed at %s", p.Key, p.Listed)
			}
		}
		b.deliver(listed(publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.2"), 120))
		if b.publications() != before+1 || b.snapshot().Zones[0] == was {
			t.Error("a change isn't published")
		}
	})
}

func TestAFailedListingReplacesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := hostedConfig()
		b := newBench(t, cfg, "")
		b.start()
		defer b.end()
		b.deliver(publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1"),
			failing(Key{"zonefile", "file.example."}, "line 3: no such type"))
		b.deliver(failing(zoneKey("route53", "Z1"), "access denied"))
		if b.names() != "www.one.example." {
			t.Errorf("names %q", b.names())
		}
		s := b.Status()
		if err := s.Sources["route53"].Err; err == nil || err.Error() != "zone/Z1: access denied" ||
			s.Sources["route53"].Failing != 1 {
			t.Errorf("route53: %+v", s.Sources["route53"])
		}
		want := []string{"route53 catalog/: not read yet", "ec2 /eu-west-1: not read yet",
			"zonefile file.example.: line 3: no such type"}
		if s.Loaded || !slices.Equal(s.Missing, want) {
			t.Errorf("loaded %t, missing %q", s.Loaded, s.Missing)
		}
		b.deliver(listed(publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1"), 60),
			fileZone(t, "file.example.", "f.file.example. 192.0.2.1"),
			catalogPart([]Hosted{{ID: "Z1", Name: zone.MustName("one.example.")}}), regionPart("", "eu-west-1"))
		if s := b.Status(); !s.Loaded || s.Sources["route53"].Err != nil || !s.Sources["route53"].Oldest.Equal(noon) ||
			s.Sources["route53"].Parts != 2 {
			t.Errorf("after recovery: %+v", s)
		}
	})
}

func TestRegionsAgeByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := hostedConfig()
		cfg.MaxAge = time.Hour
		b := newBench(t, cfg, "")
		b.start()
		defer b.end()
		region := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
		region.Listed = time.Now()
		b.deliver(region)
		if b.snapshot().Inventory.VPCs[0].Stale {
			t.Error("stale at once")
		}
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if b.snapshot().Inventory.VPCs[0].Stale {
			t.Error("stale before the hour")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !b.snapshot().Inventory.VPCs[0].Stale {
			t.Error("not stale after the hour")
		}
		again := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")
		again.Listed = time.Now()
		b.deliver(again)
		if b.snapshot().Inventory.VPCs[0].Stale {
			t.Error("still stale after a new listing")
		}
	})
}

func TestReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		b.start()
		b.deliver(publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1"),
			privateZone(t, "Z2", "two.example.", "vpc-a", "www.two.example. 192.0.2.1"),
			fileZone(t, "file.example."), regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16"),
			failing(zoneKey("route53", "Z1"), "throttled"))
		b.stop()
		before := b.publications()

		bad := hostedConfig()
		bad.TagZone = "bad zone"
		err := b.Reconfigure(bad)
		if err == nil || b.publications() != before {
			t.Errorf("a bad configuration: %v, %d publications", err, b.publications()-before)
		}
		cfg := hostedConfig()
		cfg.Hosted.Zones = []string{"ONE.example"}
		cfg.Expected = cfg.Expected[:2]
		cfg.Views = []ViewConfig{{Name: "prod"}}
		err = b.Reconfigure(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if b.publications() != before+1 || b.names() != "www.one.example." || len(b.snapshot().Zones) != 1 ||
			b.snapshot().Views[0].Name != "prod" {
			t.Errorf("%d publications, names %q", b.publications()-before, b.names())
		}
		if s := b.Status(); len(s.Parts) != 2 || s.Sources["route53"].Failing != 1 {
			t.Errorf("status %+v", s)
		}
		b.source = newHandSource()
		b.start()
		defer b.end()
		b.deliver(listed(privateZone(t, "Z2", "two.example.", "vpc-a", "www.two.example. 192.0.2.1"), 60),
			listed(fileZone(t, "file.example."), 60))
		if len(b.snapshot().Zones) != 1 {
			t.Error("a part that isn't wanted was taken")
		}
		err = b.SetSelf(Self{VPC: "vpc-a", Region: "eu-west-1"})
		if err != nil || b.snapshot().Views[0].Region != "eu-west-1" {
			t.Errorf("view of region %q, %v", b.snapshot().Views[0].Region, err)
		}
		err = b.Reconfigure(cfg)
		if err != nil || b.snapshot().Views[0].Region != "eu-west-1" {
			t.Errorf("after a reload the view is of region %q, %v", b.snapshot().Views[0].Region, err)
		}
	})
}

func TestASourceThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, hostedConfig(), "")
		other := newHandSource()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx, b.source, other) }()
		b.source.end <- errors.New("no credentials")
		synctest.Wait()
		other.parts <- publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1")
		time.Sleep(time.Second)
		synctest.Wait()
		if b.names() != "www.one.example." {
			t.Error("the other source isn't heard")
		}
		if f := b.Status().Faults; len(f) != 1 || !strings.Contains(f[0].Error(), "no credentials") {
			t.Errorf("faults %v", f)
		}
		err := b.Run(ctx, other)
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("a second run at the same time: %v", err)
		}
		cancel()
		err = <-done
		if err == nil || !strings.Contains(err.Error(), "no credentials") || !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
	})
}

func TestInboxKeepsGoodPartsAndLastFailures(t *testing.T) {
	b := newInbox()
	one, two := Key{"route53", "zone/Z1"}, Key{"route53", "zone/Z2"}
	good := Part{Key: one, Listed: noon}
	b.put(good)
	b.put(failing(one, "first"))
	b.put(failing(two, "other"))
	b.put(failing(one, "second"))
	got := b.drain()
	if len(got) != 3 || got[0].Err != nil || got[1].Err.Error() != "second" || got[2].Err.Error() != "other" {
		t.Errorf("drained %v", got)
	}
	b.put(failing(one, "before"))
	b.put(good)
	got = b.drain()
	if len(got) != 1 || got[0].Err != nil || len(b.drain()) != 0 {
		t.Errorf("drained %v", got)
	}
}

func TestVPCs(t *testing.T) {
	cfg := hostedConfig()
	cfg.Expected = append(cfg.Expected, Key{"ec2", "lab/eu-west-1"})
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cfg, "")
		b.start()
		defer b.end()
		b.deliver(regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16"))
		vpcs, complete := b.VPCs()
		if complete || !slices.Equal(vpcs, []zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}}) {
			t.Errorf("of one region: %v, complete %t", vpcs, complete)
		}
		b.deliver(regionPart("lab", "eu-west-1", "vpc-a 10.0.0.0/16", "vpc-b 10.1.0.0/16"))
		vpcs, complete = b.VPCs()
		if !complete || !slices.Equal(vpcs,
			[]zone.VPC{{ID: "vpc-a", Region: "eu-west-1"}, {ID: "vpc-b", Region: "eu-west-1"}}) {
			t.Errorf("of both: %v, complete %t", vpcs, complete)
		}
	})
}
