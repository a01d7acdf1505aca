package route53

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
)

// Name is the name of this source in keys, metrics and readiness.
const Name = "route53"

// Options say what is listed and how often.
type Options struct {
	Accounts []*awsclient.Account // at least one

	// Zones are the zones wanted: names (of all zones that have it, public and private),
	// hosted zone ids, or "*" for all. Empty: all.
	Zones []string
	// Visibility says which kinds are wanted: zone.Public, zone.Private. Empty: both.
	Visibility []zone.Origin
	// Refresh is the pause between the starts of two cycles, 0 = 60 s. Up to a tenth
	// is added or taken away at random. A longer cycle is followed at once.
	Refresh time.Duration
	// Timeout bounds one attempt of one call, 0 = 20 s.
	Timeout time.Duration

	// VPCs returns the VPCs of all accounts, and whether these are all: with them
	// the associations of private zones may cost fewer calls. It is called once a cycle.
	// Nil: GetHostedZone alone.
	VPCs func() (vpcs []zone.VPC, complete bool)
	// Survey returns the VPCs of one account (its configured name) whose private zones
	// are looked for that nobody of ours lists: other accounts', those of EFS and of VPC
	// endpoints. It is called once an hour for each account. Nil: they stay unknown.
	Survey func(account string) []zone.VPC

	// Saved returns the last good parts of this source, from which Run learns which
	// zones there were and how old they are. Nil: nothing is known.
	Saved func() []zonesource.Part

	// Kept returns the last good part of a key: a zone whose listing hasn't changed since
	// isn't made again. Nil: each listing is.
	Kept func(zonesource.Key) (zonesource.Part, bool)

	// Program is the hash of the program, default zonesource.Program.
	Program func() zonesource.Sum

	// OnCall is told each attempt of a call: the operation, and "ok", the error code of
	// AWS, "timeout" or "error". It may be called from several goroutines.
	OnCall func(operation, code string)
	Log    *slog.Logger // nil discards
}

// Source lists the hosted zones of some accounts.
type Source struct {
	options  Options
	log      *slog.Logger
	selected selection
	accounts []*lister
	program  sum // what makes the zones of listings

	mu       sync.Mutex // guards the following fields
	noted    map[string]noted
	surveyed map[string]bool // VPCs that some account could ask for
}

const (
	defaultRefresh = time.Minute
	defaultTimeout = 20 * time.Second
)

// New checks the options. It starts nothing and calls nobody.
func New(o Options) (*Source, error) {
	apis := make([]api, len(o.Accounts))
	for i, a := range o.Accounts {
		apis[i] = newAPI(a.Config)
	}
	return newSource(o, apis)
}

// newSource makes a source with an api for each account.
func newSource(o Options, apis []api) (*Source, error) {
	selected, err := newSelection(o.Zones, o.Visibility)
	if len(o.Accounts) == 0 {
		err = errors.Join(err, errors.New("no account to list zones of"))
	}
	if o.Refresh < 0 || o.Timeout < 0 {
		err = errors.Join(err, errors.New("refresh and timeout can't be negative"))
	}
	if err != nil {
		return nil, fmt.Errorf("route53: %w", err)
	}
	if o.Refresh == 0 {
		o.Refresh = defaultRefresh
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnCall == nil {
		o.OnCall = func(string, string) {}
	}
	if o.Kept == nil {
		o.Kept = func(zonesource.Key) (zonesource.Part, bool) { return zonesource.Part{}, false }
	}
	if o.Program == nil {
		o.Program = zonesource.Program
	}
	s := &Source{options: o, log: o.Log, selected: selected, noted: map[string]noted{}, surveyed: map[string]bool{}}
	for i, a := range o.Accounts {
		s.accounts = append(s.accounts, newLister(s, a, apis[i]))
	}
	return s, nil
}

// Run lists until ctx ends; it implements [zonesource.Source]. The accounts are
// listed side by side, the zones of one account one after the other.
func (s *Source) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	s.program = sum(s.options.Program())
	if s.options.Saved != nil {
		saved := s.options.Saved()
		for _, l := range s.accounts {
			l.restore(saved)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range s.accounts {
		g.Go(func() error { return l.run(ctx, deliver) })
	}
	return g.Wait()
}

// noted is what one account's last list of zones said.
type noted struct {
	ids     map[string]bool // all zones, selected or not
	matched map[string]bool // configured zones that the account has
}

// note keeps what an account lists.
func (s *Source) note(account string, ids, matched map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted[account] = noted{ids, matched}
}

// isListed reports whether some account lists the zone.
func (s *Source) isListed(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.noted {
		if n.ids[id] {
			return true
		}
	}
	return false
}

// noteSurveyed keeps that some account could ask for a VPC.
func (s *Source) noteSurveyed(vpc string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.surveyed[vpc] = true
}

// wasSurveyed reports whether some account could ask for a VPC.
func (s *Source) wasSurveyed(vpc string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.surveyed[vpc]
}

// Unmatched returns a problem for each configured zone that no account has, once all
// accounts have listed theirs.
func (s *Source) Unmatched() []zonesource.Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.noted) < len(s.accounts) {
		return nil
	}
	var out []zonesource.Problem
	for _, w := range s.selected.entries {
		found := false
		for _, n := range s.noted {
			found = found || n.matched[w]
		}
		if !found {
			out = append(out, zonesource.Problem{Zone: w,
				Reason: "no account has a hosted zone of this name or id and of the wanted visibility"})
		}
	}
	return out
}

func catalogKey(account string) zonesource.Key {
	return zonesource.Key{Source: Name, Name: "catalog/" + account}
}

func zoneKey(id string) zonesource.Key {
	return zonesource.Key{Source: Name, Name: "zone/" + id}
}
