package zonesource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// planned is a source with a plan.
type planned struct {
	key   Key
	next  time.Time
	asked []Key
}

func (p *planned) Run(ctx context.Context, deliver func(Part)) error {
	deliver(Part{Key: p.key, Listed: p.next, Zone: zone.New(zone.Info{Origin: zone.Public, ID: "Z1"},
		zone.NewTree(zone.MustName("example.com")), 0)})
	<-ctx.Done()
	return ctx.Err()
}

func (p *planned) Next(key Key) time.Time {
	if key != p.key {
		return time.Time{}
	}
	return p.next
}

func (p *planned) Soonest() (string, time.Time) { return p.key.Source, p.next }

func (p *planned) Hasten(keys []Key) (scheduled []Key, wait time.Duration) {
	if slices.Contains(keys, p.key) {
		p.asked = append(p.asked, p.key)
		return []Key{p.key}, time.Second
	}
	return nil, 0
}

// TestKeeperPlan: what is read next is known of each part, and reading it at once is asked of the
// source that has it, by the name or id of a zone.
func TestKeeperPlan(t *testing.T) {
	p := &planned{key: Key{Source: "route53", Name: "zone/Z1"}, next: time.Unix(2_000_000_000, 0)}
	k, err := NewKeeper(Options{Publish: func(*zone.Snapshot) {}, Config: Config{Expected: []Key{
		{Source: "route53", Name: "catalog/"}, {Source: "ec2", Name: "/eu-west-1"},
	}, EC2: true}})
	if err != nil {
		t.Fatal(err)
	}
	err = k.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx, p) }()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, there := k.Kept(p.key)
		if there {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the part never came")
		}
	}
	other := Key{Source: "ec2", Name: "/eu-west-1"}
	if got := k.Next([]Key{p.key, other}); len(got) != 1 || !got[p.key].Equal(p.next) {
		t.Errorf("next: %v", got)
	}
	if got := k.Soonest(); len(got) != 1 || !got["route53"].Equal(p.next) {
		t.Errorf("soonest: %v", got)
	}
	for _, tt := range []struct {
		name string
		want string
	}{
		{"Example.COM", "[route53 zone/Z1] 1s"}, {"Z1", "[route53 zone/Z1] 1s"}, {"", "[route53 zone/Z1] 1s"},
		{"eu-west-1", "[] 0s"}, // it is known, and no source of its runs
	} {
		keys, wait, err := k.Refresh(tt.name)
		if got := fmt.Sprint(keys, " ", wait); got != tt.want || err != nil {
			t.Errorf("%q: %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	_, _, err = k.Refresh("example.org")
	if !errors.Is(err, ErrUnknownPart) || len(p.asked) != 3 {
		t.Errorf("an unknown zone: %v; asked %v", err, p.asked)
	}
	cancel()
	<-ended
}
