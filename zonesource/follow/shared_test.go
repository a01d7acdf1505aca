package follow

import (
	"context"
	"log/slog"
	"testing"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// TestShared: what one process has begun is what the next one may find in Route 53, but for what was
// taken away, which comes again with the differences since the serial that was made.
func TestShared(t *testing.T) {
	one := tree(t, "www 60 A 192.0.2.1", "old 60 A 192.0.2.1")
	two := tree(t, "www 60 A 192.0.2.2", "new 60 A 192.0.2.3")
	kept := map[zonesource.Key]zonesource.Part{}
	deliver := func(p zonesource.Part) { kept[p.Key] = p }
	part := func(key zonesource.Key) func() *zonesource.Part {
		return func() *zonesource.Part {
			p, there := kept[key]
			if !there {
				return nil
			}
			return &p
		}
	}
	commits := 0
	next := func() *Source {
		o := Options{Saved: part(PartKey(one.Apex())), Begun: part(BegunKey(one.Apex())), StateDir: t.TempDir(),
			Committed: func(context.Context) error { commits++; return nil }, Log: slog.New(slog.DiscardHandler)}
		o.Master.Apex = one.Apex()
		s := &Source{options: o, log: o.Log, name: "example.com."}
		s.versions = versions{path: Path(o.StateDir, one.Apex()), apex: one.Apex()}
		err := s.load()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	deliver(zonesource.Part{Key: PartKey(one.Apex()), Zone: zone.New(zone.Info{}, one, 0)})
	s := next()
	err := s.begin(t.Context(), two, deliver)
	if err != nil || commits != 1 || s.unfinished != two {
		t.Fatalf("%v, %d commits", err, commits)
	}
	// Here the first process ends: some of the second version is made.
	s = next()
	want := tree(t, "www 60 A 192.0.2.2", "new 60 A 192.0.2.3", "old 60 A 192.0.2.1")
	if len(s.versions.list) != 2 || !same(s.versions.list[0], one) || !same(s.versions.list[1], want) ||
		s.unfinished != s.versions.list[1] {
		t.Fatalf("the next one knows of %d versions", len(s.versions.list))
	}
	if p := s.kept(); p == nil || !same(p.Zone.Tree, one) {
		t.Error("transfers don't go on from what was made")
	}
	// The master has taken all of it back: what may be there goes.
	p := &planner{apex: one.Apex(), names: []Pattern{{}}, target: tree(t), before: s.versions.list}
	names := p.affected()
	plan, problems := p.plan(names, listed(t, "www 60 A 192.0.2.2", "new 60 A 192.0.2.3", "old 60 A 192.0.2.1"))
	if len(names) != 3 || len(plan.Units()) != 3 || len(problems) != 0 {
		t.Errorf("%d names, %d units, problems %v", len(names), len(plan.Units()), problems)
	}
	// What takes away alone leaves nothing begun.
	s.unfinished = nil
	s.versions.made(want)
	deliver(zonesource.Part{Key: PartKey(one.Apex()), Zone: zone.New(zone.Info{}, want, 0)})
	err = s.begin(t.Context(), tree(t, "www 60 A 192.0.2.2"), deliver)
	if begun := kept[BegunKey(one.Apex())].Zone; err != nil || begun == nil || begun.Tree.Stats().Records != 0 {
		t.Errorf("%v, %v", begun, err)
	}
	if s = next(); s.unfinished != nil {
		t.Error("there is something to finish")
	}
}
