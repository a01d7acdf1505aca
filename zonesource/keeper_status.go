package zonesource

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"inside53/resolver/zone"
)

// Status is what the keeper knows about its data, for readiness, metrics and
// people. It is a copy.
type Status struct {
	// Loaded says that a complete data set of any age is published, but for parts that
	// aren't waited for; what is missing later doesn't count.
	Loaded bool
	// Missing says what isn't there yet and, where known, why.
	Missing []string
	Built   time.Time // of the published snapshot
	Sources map[string]SourceStatus
	// Parts are all parts but zones of instance names, by key.
	Parts []PartStatus
	// Report is that of the published snapshot.
	Report Report
	// Faults are the errors of sources that gave up.
	Faults []error
}

// SourceStatus is one source: route53, ec2, zonefile.
type SourceStatus struct {
	// Oldest is when the oldest of its last good parts was listed; zero when it
	// has given nothing yet.
	Oldest time.Time
	// Err joins the errors of parts whose last listing failed; nil for none.
	Err     error
	Parts   int // good ones
	Failing int // parts whose last listing failed, and saved ones that were lost and not read since
	Pending int // shrunken listings and vanished zones that wait
}

// PartStatus is one part.
type PartStatus struct {
	Key Key
	// Zone is that of the part, as delivered; nil for catalogs and regions, and
	// while there is none.
	Zone   *zone.Zone
	Listed time.Time // of the last good listing; zero when there was none
	Tried  time.Time // of the last listing
	Err    error     // of the last listing
	// Problems are those of the part.
	Problems []Problem
	// Pending is a listing that has shrunk and waits for a second one.
	Pending *Shrunk
	// Vanished is when the first catalog was listed that is without this zone;
	// zero when it is listed.
	Vanished time.Time
	// Records is how much the part has: records, or what else it can lose.
	Records int
}

// Shrunk is a listing that waits to be confirmed or accepted.
type Shrunk struct {
	Listed      time.Time
	Before, Now int // records; of a region interfaces and hosts
}

// Status returns how things stand. It doesn't wait for anything in progress.
func (k *Keeper) Status() Status {
	faults := k.sources.faults()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Status{Sources: map[string]SourceStatus{}, Faults: faults}
	for _, key := range k.cfg.Expected {
		s.Sources[key.Source] = SourceStatus{}
	}
	if k.compiled != nil {
		s.Loaded, s.Built, s.Report = k.complete, k.compiled.Snapshot.Built, k.compiled.Report
		for _, g := range s.Report.Missing {
			s.Missing = append(s.Missing, g.because(k.held[g.Key].err))
		}
	}
	for key, h := range k.held {
		s.Parts = append(s.Parts, h.status(key))
	}
	slices.SortFunc(s.Parts, func(a, b PartStatus) int { return a.Key.compare(b.Key) })
	for _, p := range s.Parts {
		s.Sources[p.Key.Source] = s.Sources[p.Key.Source].with(p)
	}
	for _, g := range s.Report.Missing {
		if k.isOverdue(g) {
			source := s.Sources[g.Key.Source]
			source.Failing++
			s.Sources[g.Key.Source] = source
		}
	}
	return s
}

func (h *held) status(key Key) PartStatus {
	p := PartStatus{Key: key, Zone: h.part.Zone, Listed: h.part.Listed, Tried: h.tried, Err: h.err,
		Problems: h.part.Problems, Records: sizeOf(h.part)}
	if h.pending != nil {
		p.Pending = &Shrunk{Listed: h.pending.part.Listed, Before: h.pending.was, Now: h.pending.left}
	}
	if h.vanish != nil {
		p.Vanished = h.vanish.since
	}
	return p
}

func (s SourceStatus) with(p PartStatus) SourceStatus {
	if !p.Listed.IsZero() {
		s.Parts++
		if s.Oldest.IsZero() || p.Listed.Before(s.Oldest) {
			s.Oldest = p.Listed
		}
	}
	if p.Err != nil {
		s.Failing++
		s.Err = errors.Join(s.Err, fmt.Errorf("%s: %w", p.Key.Name, p.Err))
	}
	if p.Pending != nil || !p.Vanished.IsZero() {
		s.Pending++
	}
	return s
}
