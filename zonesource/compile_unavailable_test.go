package zonesource

import (
	"testing"

	"inside53/resolver/zone"
)

// TestUnavailableZone: a secondary zone that can't be served takes its apex, whatever the
// layers below have, and gives it back.
func TestUnavailableZone(t *testing.T) {
	key := Key{"transfer", "one.example."}
	cfg := hostedConfig()
	cfg.Expected = append(cfg.Expected, key)
	apex := zone.MustName("one.example.")
	part := func(unavailable string, records ...string) Part {
		p := publicZone(t, "x", "one.example.", records...)
		p.Key = key
		p.Zone = zone.New(zone.Info{Origin: zone.File, ID: "transfer", Unavailable: unavailable}, p.Zone.Tree, 0)
		return p
	}
	parts := map[Key]Part{}
	public := publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1")
	parts[public.Key] = public
	var c *Compiled
	for _, why := range []string{"", "expired", "expired", "", "not transferred yet"} {
		parts[key] = part(why, "a.one.example. 192.0.2.2")
		var err error
		c, err = Compile(c, cfg, parts, noon)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.Snapshot.Views {
			a := v.Apex(apex)
			if a == nil || a.Unavailable != why || len(a.Layers) != 2 {
				t.Fatalf("%q: the apex is %+v", why, a)
			}
		}
	}
	cfg.Forward = []ForwardConfig{{Zone: apex, Upstreams: []string{"10.0.0.1"}, Views: ViewNames{"*"}}}
	c, err := Compile(c, cfg, parts, noon)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Snapshot.Views[0].Apex(apex); a.Unavailable != "" || a.Forward == zone.NoForward {
		t.Errorf("with a forwarder of its name the apex is %+v", a)
	}
}
