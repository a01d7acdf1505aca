package server

import (
	"context"
	"reflect"
	"slices"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/health"
)

// running is what was made of a configuration and runs, each with what it was made of: a
// reload that changes none of that keeps it running, with all that it knows.
type running struct {
	accounts   []*awsclient.Account
	access     access
	generation int // of the accounts
	sources    []built
	monitor    *health.Monitor // nil: none
	watches    watches
}

// built is a source and what it was made of.
type built struct {
	source zonesource.Source
	of     any
	local  bool // each server of a fleet has its own
}

// access is what the accounts are made of.
type access struct {
	aws         config.AWS
	rate        float64
	findsRegion bool
	resolvers   []string
	keys        string // of the environment or of the SDK's files
}

// watches is what a monitor is made of.
type watches struct {
	generation int
	options    health.Options
}

// made is what one account's or region's source is made of.
type made struct {
	generation int
	options    any
}

// accessOf is the access to AWS that a configuration asks for.
func accessOf(ctx context.Context, c *config.Config, accounts []*awsclient.Account) access {
	a := access{aws: c.AWS, findsRegion: c.FindsRegion(), resolvers: awsResolvers(c), keys: accounts[0].StaticKeys(ctx)}
	if c.Route53 != nil {
		a.rate = c.Route53.RequestsPerSecond
	}
	return a
}

// same reports whether two things were made of the same.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// keep returns the source that runs already of the same, or else a new one. Only the first
// of several that are the same is kept.
func (r *running) keep(have []built, of any, create func() (zonesource.Source, error)) (built, error) {
	if r != nil {
		for _, b := range r.sources {
			if same(b.of, of) && !slices.Contains(sourcesOf(have), b.source) {
				return b, nil
			}
		}
	}
	source, err := create()
	return built{source: source, of: of}, err
}

// sourcesOf returns the sources alone.
func sourcesOf(all []built) []zonesource.Source {
	out := make([]zonesource.Source, len(all))
	for i := range all {
		out[i] = all[i].source
	}
	return out
}
