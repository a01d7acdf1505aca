package zonefile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// DefaultPoll is the pause between two looks at the files of a zone.
const DefaultPoll = time.Second

// Config is one zone file.
type Config struct {
	// Origin is the apex of the zone and the first origin of the file, in
	// lower-case wire form.
	Origin []byte
	// Path is the file.
	Path string
	// Name is the name of the part; empty: Origin as text. Two files of one
	// origin, for two views, need two names.
	Name string
	// Poll is the pause between two looks at the files; 0: DefaultPoll.
	Poll time.Duration
	// Readers bounds how many sources that share it read at once after their first
	// reading, so that many files that change together leave processors to the
	// answers; nil: no bound.
	Readers chan struct{}
	// Missing reports whether there is no part of the file yet, of an earlier source
	// either. Then the names of a zone that can't be read fail, or others would answer for
	// it; nil: they don't.
	Missing func() bool
}

// Source serves one zone file as a zonesource.Source.
type Source struct {
	config Config
	key    zonesource.Key
	log    *slog.Logger
}

// New returns the source of one zone file. It reads nothing yet: a file that
// is missing or at fault shows as the error of the part.
func New(config Config, log *slog.Logger) (*Source, error) {
	var labels zone.Labels
	if labels.Parse(config.Origin) < 0 {
		return nil, fmt.Errorf("zone file %s: origin is not a domain name", config.Path)
	}
	if config.Path == "" {
		return nil, fmt.Errorf("zone %s: no path of a zone file", zone.String(config.Origin))
	}
	if config.Poll < 0 {
		return nil, fmt.Errorf("zone file %s: negative pause", config.Path)
	}
	if config.Poll == 0 {
		config.Poll = DefaultPoll
	}
	if config.Name == "" {
		config.Name = zone.String(config.Origin)
	}
	config.Path = filepath.Clean(config.Path)
	return &Source{
		config: config,
		key:    zonesource.Key{Source: "zonefile", Name: config.Name},
		log:    log.With("zone", zone.String(config.Origin), "file", config.Path),
	}, nil
}

// Run serves the file alone; see [Set.Run].
func (s *Source) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	return NewSet(s.log, s).Run(ctx, deliver)
}

// readAgain reads the zone when it is its turn, and leaves time for the answers.
func (s *Source) readAgain(ctx context.Context, deliver func(zonesource.Part)) ([]watched, error) {
	if s.config.Readers != nil {
		select {
		case s.config.Readers <- struct{}{}:
			defer func() { <-s.config.Readers }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.read(ctx, deliver, true)
}

// errChanged says that a reading may be of two versions.
var errChanged = errors.New("changed while it was read; it will be read again")

// read reads the zone, delivers what came of it, and returns the files it is
// made of. The error is that of ctx.
func (s *Source) read(ctx context.Context, deliver func(zonesource.Part), paced bool) ([]watched, error) {
	began := time.Now()
	l := newLoader(ctx, s.config.Origin)
	l.paced = paced
	err := l.load(s.config.Path)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if !same(look(l.files), l.files) {
		err = fmt.Errorf("reading zone %s: %s: %w", l.name, s.config.Path, errChanged)
	}
	if err != nil {
		s.log.Warn("zone file not read", "error", err)
		if s.config.Missing != nil && !errors.Is(err, errChanged) && s.config.Missing() {
			deliver(s.unread(began))
		}
		deliver(zonesource.Part{Key: s.key, Listed: began, Err: err})
		return l.files, nil
	}
	s.log.Info("zone file read", "records", l.tree.Stats().Records, "problems", len(l.problems), "took", time.Since(began))
	info := zone.Info{Origin: zone.File, ID: s.config.Path, Listed: began}
	deliver(zonesource.Part{
		Key: s.key, Listed: began, Problems: l.problems,
		Zone: zone.New(info, l.tree, 0),
	})
	return l.files, nil
}

// unread is a part in place of the zone, none of whose names can be answered.
func (s *Source) unread(at time.Time) zonesource.Part {
	info := zone.Info{
		Origin: zone.File, ID: s.config.Path, Listed: at,
		Unavailable: "the zone file of " + zone.String(s.config.Origin) + " can't be read",
	}
	return zonesource.Part{Key: s.key, Listed: at, Zone: zone.New(info, zone.NewTree(s.config.Origin), 0)}
}
