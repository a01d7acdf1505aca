package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"
)

// validator collects what is wrong with a Config as a whole.
type validator struct {
	config *Config
	broken map[string]bool // keys that the decoder has named already
	faults []Fault
}

// fault notes what is wrong with the key at path. The line is that of the key
// or, where it is missing, of what it should stand in.
func (v *validator) fault(path, format string, args ...any) {
	if v.broken[path] {
		return
	}
	v.faults = append(v.faults, v.config.At(path, fmt.Sprintf(format, args...)))
}

// join returns the faults in the order of the file.
func (v *validator) join() error {
	slices.SortStableFunc(v.faults, func(a, b Fault) int { return a.Line - b.Line })
	errs := make([]error, len(v.faults))
	for i, f := range v.faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

func (v *validator) all() {
	if v.broken[""] {
		return // no YAML: the rest would only be about what could not be read
	}
	c := v.config
	v.sockets()
	v.server()
	v.queryLog()
	v.aws()
	if c.Route53 != nil {
		v.route53(c.Route53)
	}
	if c.EC2 != nil {
		v.ec2(c.EC2)
	}
	v.healthChecks()
	v.views()
	v.zoneFiles()
	v.forward()
	v.rebinding()
	v.keys()
	v.updates()
	v.transfers()
	v.secondary()
	v.fleet()
	v.follow()
	v.register()
}

// duration checks that d is 100ms or longer, or 0 where that has a meaning.
func (v *validator) duration(path string, d time.Duration, zero bool) {
	switch {
	case d == 0 && zero, d >= 100*time.Millisecond:
	case d < 0:
		v.fault(path, "%s is negative; write 100ms or longer", d)
	case zero:
		v.fault(path, "%s is too short; write 100ms or longer, or 0s", d)
	default:
		v.fault(path, "%s is too short; write 100ms or longer", d)
	}
}

// ttl checks that d can stand in a record: whole seconds, at most 2^31-1 of them
// (RFC 2181 8).
func (v *validator) ttl(path string, d time.Duration, zero bool) {
	switch {
	case d < 0, d == 0 && !zero:
		v.fault(path, "%s is no time to live; write 1s or longer", d)
	case d%time.Second != 0:
		v.fault(path, "%s is not in whole seconds; write %s", d, max(time.Second, d.Round(time.Second)))
	case d/time.Second > math.MaxInt32:
		v.fault(path, "%s is too long; %ds is the most", d, math.MaxInt32)
	}
}

func (v *validator) between(path string, n, least, most int) {
	if n < least || n > most {
		v.fault(path, "%d is out of bounds; write %d to %d", n, least, most)
	}
}

func (v *validator) server() {
	c := v.config
	if c.StateDir == "" && c.KeepsState() && !c.UsesAWS() {
		v.fault("state_dir", "is empty; transfers and secondary keep serials and zones there: write a directory")
	}
	if c.StateDir == "" && c.UsesAWS() {
		v.fault("state_dir", "is empty; route53 and ec2 keep their last good data there: write a directory")
	}
	if !c.Allow.Private && !c.Allow.VPCs && len(c.Allow.Prefixes) == 0 && !v.broken["allow"] {
		v.fault("allow", "is empty; nobody could ask: write private, vpcs or prefixes")
	}
	if c.Allow.VPCs && c.EC2 == nil {
		v.fault("allow", "vpcs needs the section ec2, which knows them; add it, or write prefixes")
	}
	v.duration("ready.max_age", c.Ready.MaxAge, true)
	if c.Ready.MaxAge > 0 && !c.UsesAWS() {
		v.fault("ready.max_age", "needs route53 or ec2, whose data it is about; write 0s")
	}
	for i, name := range c.Ready.Without {
		path := fmt.Sprintf("ready.without[%d]", i)
		switch {
		case !slices.ContainsFunc(c.AWS.Accounts, func(a Account) bool { return a.Name == name }):
			v.fault(path, "%q is no account; write a name in aws.accounts", name)
		case slices.Contains(c.Ready.Without[:i], name):
			v.fault(path, "%q is named twice", name)
		}
	}
	v.duration("drain", c.Drain, true)
	if !slices.Contains([]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}, c.Log.Level) {
		v.fault("log.level", "%s is unknown; known are debug, info, warn, error", c.Log.Level)
	}
	if c.Log.SampleQueries < 0 {
		v.fault("log.sample_queries", "%d is negative; write 0 for none, 1 for every query, 1000 for each thousandth",
			c.Log.SampleQueries)
	}
	v.between("udp_size", c.UDPSize, 512, 4096)
	v.ttl("negative_ttl", c.NegativeTTL, true)
	v.between("cache.entries", c.Cache.Entries, 1, 100_000_000)
	v.between("cache.bytes", int(c.Cache.Bytes), 1<<20, 64<<30)
	const day = 24 * time.Hour
	if c.History.Keep < day || c.History.Keep > 3650*day {
		v.fault("history.keep", "%s is out of range; write one from 24h to 87600h", c.History.Keep)
	}
	v.between("history.max", int(c.History.Max), 1<<20, 1<<40)
	v.between("tcp.connections", c.TCP.Connections, 1, 1_000_000)
	v.between("tcp.per_client", c.TCP.PerClient, 1, 1_000_000)
	v.duration("tcp.idle", c.TCP.Idle, false)
}
