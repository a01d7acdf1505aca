package zonesource

import (
	"errors"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// adopter makes a keeper that serves what it adopts.
func adopter(t *testing.T) *Keeper {
	t.Helper()
	k, err := NewKeeper(Options{Publish: func(*zone.Snapshot) {}, Config: Config{
		MaxShrink: 0.5, Hosted: HostedFilter{Zones: []string{"*"}},
		Expected: []Key{{Source: "route53", Name: "catalog/"}},
	}})
	if err == nil {
		err = k.Load()
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// adoptedZone is a zone as another server has accepted it.
func adoptedZone(id, apex string) Adopted {
	name := zone.MustName(apex)
	key := Key{Source: "route53", Name: "zone/" + id}
	z := zone.New(zone.Info{Origin: zone.Public, ID: id}, zone.NewTree(name).Edit().Commit(), 0)
	return Adopted{Key: key, Part: Part{Key: key, Listed: time.Now(), Zone: z}}
}

func adoptedCatalog(ids ...string) Adopted {
	key := Key{Source: "route53", Name: "catalog/"}
	c := &Catalog{}
	for _, id := range ids {
		c.Zones = append(c.Zones, Hosted{ID: id, Name: zone.MustName(id + ".example.")})
	}
	return Adopted{Key: key, Part: Part{Key: key, Listed: time.Now(), Catalog: c}}
}

// TestAdoptPartByPart has a part panic the compiler: it stays as it was, all others are served,
// whatever comes with it.
func TestAdoptPartByPart(t *testing.T) {
	k := adopter(t)
	bad := adoptedZone("b", "b.example.")
	bad.Part.Zone = &zone.Zone{Info: zone.Info{Origin: zone.Public, ID: "b"}} // without a tree
	failed := k.Adopt(1, []Adopted{adoptedCatalog("a", "b", "c"), adoptedZone("a", "a.example."), bad,
		adoptedZone("c", "c.example.")})
	if len(failed) != 1 || !errors.Is(failed[bad.Key], errPanic) {
		t.Errorf("failed: %v", failed)
	}
	if got := len(k.Hosted()); got != 2 {
		t.Errorf("%d zones are served", got)
	}
	for version := range uint64(10) { // it stays the same for ten versions
		failed = k.Adopt(version+2, []Adopted{bad, adoptedZone("d", "d.example.")})
		if len(failed) != 1 {
			t.Fatalf("failed: %v", failed)
		}
	}
	failed = k.Adopt(20, []Adopted{adoptedZone("b", "b.example.")})
	if len(failed) != 0 || len(k.Hosted()) != 4 {
		t.Errorf("failed: %v; %d zones are served", failed, len(k.Hosted()))
	}
	failed = k.Adopt(21, []Adopted{bad})
	if len(failed) != 1 || len(k.Hosted()) != 4 {
		t.Errorf("failed: %v; %d zones are served", failed, len(k.Hosted()))
	}
}

// TestAdoptPastGuard adopts what the guard would hold, and lets go what is gone.
func TestAdoptPastGuard(t *testing.T) {
	k := adopter(t)
	k.Adopt(1, []Adopted{adoptedCatalog("a", "b"), adoptedZone("a", "a.example."), adoptedZone("b", "b.example.")})
	if !k.Status().Loaded {
		t.Errorf("missing: %v", k.Status().Missing)
	}
	k.Adopt(2, []Adopted{adoptedCatalog("a"), {Key: Key{Source: "route53", Name: "zone/b"}}})
	if got := len(k.Hosted()); got != 1 || len(k.Served()) != 2 {
		t.Errorf("%d zones, %d parts are served", got, len(k.Served()))
	}
}

// TestAdoptStandings has a zone be known and unread, and then given up, as another server says.
func TestAdoptStandings(t *testing.T) {
	k := adopter(t)
	key, why := Key{Source: "route53", Name: "zone/b"}, errors.New("AccessDenied")
	k.Adopt(1, []Adopted{adoptedCatalog("a", "b"), adoptedZone("a", "a.example."), {Key: key, Err: why}})
	if k.Status().Loaded {
		t.Error("it is complete without a zone that is only unread")
	}
	k.Adopt(2, []Adopted{{Key: key, Err: why, Refused: true}})
	if s := k.Status(); !s.Loaded || len(s.Missing) != 1 {
		t.Errorf("loaded %v, missing %v", s.Loaded, s.Missing)
	}
	k.Adopt(3, []Adopted{adoptedZone("b", "b.example.")})
	if s := k.Status(); !s.Loaded || len(s.Missing) != 0 {
		t.Errorf("loaded %v, missing %v", s.Loaded, s.Missing)
	}
}

// TestAges tells a keeper how old its parts are.
func TestKeeperAges(t *testing.T) {
	k := adopter(t)
	k.Adopt(1, []Adopted{adoptedCatalog("a"), adoptedZone("a", "a.example.")})
	k.Age(func(key Key) (time.Duration, bool) {
		if key.Name == "zone/a" {
			return time.Hour, true
		}
		return time.Minute, true
	})
	age := k.Ages()["route53"]
	if age < time.Hour.Seconds() || age > time.Hour.Seconds()+60 {
		t.Errorf("the oldest part is %v s old", age)
	}
}
