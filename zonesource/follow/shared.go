package follow

import (
	"context"
	"fmt"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// keptEvery is how often is looked whether what was begun is kept.
const keptEvery = 5 * time.Millisecond

// begin keeps that a version is about to be made, where the next process finds it.
func (s *Source) begin(ctx context.Context, target *zone.Tree, deliver func(zonesource.Part)) error {
	if s.options.Committed == nil {
		return s.versions.begin(target)
	}
	made := zone.NewTree(s.Apex())
	if len(s.versions.list) > 0 {
		made = s.versions.list[0]
	}
	s.versions.list, s.unfinished = []*zone.Tree{made, target}, target
	err := s.versions.save(s.versions.list) // for a look from the shell
	if err != nil {
		s.log.Warn("what is followed isn't kept in state_dir", "zone", s.name, "error", err)
	}
	over := zone.NewTree(s.Apex()).Edit()
	zone.Diff(made, target, func(name []byte, _, is zone.RRset) bool {
		if is.Exists() {
			err = over.Put(name, is)
		}
		return err == nil
	})
	if err != nil {
		return fmt.Errorf("keeping what is begun of %s: %w", s.name, err)
	}
	info := zone.Info{Origin: zone.File, ID: Name + " " + begunPrefix + s.name, Listed: time.Now()}
	begun := zonesource.Part{Key: BegunKey(s.Apex()), Listed: info.Listed, Zone: zone.New(info, over.Commit(), 0)}
	isKept := func() bool {
		p := s.options.Begun()
		return p != nil && p.Zone != nil && same(p.Zone.Tree, begun.Zone.Tree)
	}
	if !isKept() {
		deliver(begun)
	}
	for !isKept() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(keptEvery):
		}
	}
	err = s.options.Committed(ctx)
	if err != nil {
		return fmt.Errorf("keeping what is begun of %s: %w", s.name, err)
	}
	return nil
}

// loadShared begins with what another process has begun: what it may have made over what was made.
// Where nothing was ever shared, what this one has followed alone counts.
func (s *Source) loadShared() error {
	if len(s.versions.list) == 0 {
		err := s.versions.load(s.Apex())
		if err != nil || len(s.versions.list) > 0 {
			return err
		}
		s.versions.list = []*zone.Tree{zone.NewTree(s.Apex())}
	}
	p := s.options.Begun()
	if p == nil || p.Zone == nil {
		return nil
	}
	made := s.versions.list[0]
	over := made.Edit()
	var err error
	for name, n := range p.Zone.Tree.All {
		for set := range n.RRsets {
			// Its serial is that of what was made: what it took away isn't known, and is to come again.
			if err == nil && set.Type != zone.TypeSOA {
				err = over.Put(name, set)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("reading what was begun of %s: %w", s.name, err)
	}
	begun := over.Commit()
	if !same(made, begun) {
		s.versions.list, s.unfinished = []*zone.Tree{made, begun}, begun
	}
	return nil
}
