package server

import (
	"context"
	"reflect"

	"inside53/server/config"
	"inside53/server/sources"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/health"
)

// running is what was made of a configuration and runs, each with what it was made of: a
// reload that changes none of that keeps it running, with all that it knows.
type running struct {
	accounts   []*awsclient.Account
	access     access
	generation int // of the accounts
	sources    []sources.Built
	monitor    *health.Monitor // nil: none
	watches    watches
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

// accessOf is the access to AWS that a configuration asks for.
func accessOf(ctx context.Context, c *config.Config, accounts []*awsclient.Account) access {
	a := access{
		aws: c.AWS, findsRegion: c.FindsRegion(), resolvers: sources.AWSResolvers(c), keys: accounts[0].StaticKeys(ctx),
	}
	if c.Route53 != nil {
		a.rate = c.Route53.RequestsPerSecond
	}
	return a
}

// same reports whether two things were made of the same.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }
