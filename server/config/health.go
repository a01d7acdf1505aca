package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// HealthChecks is the section health_checks: what the routing policies of route53 know
// of the health of endpoints and load balancers. Without it everything is healthy.
type HealthChecks struct {
	// Source says whose word counts: aws, that of Route 53's checkers, a minute or three
	// late; local, that of inside53's own probes of what Route 53 checks; both,
	// unhealthy when the probes say so, else what AWS says; off. Default both.
	Source HealthSource `yaml:"source"`

	// Refresh is the time from the start of one reading of AWS to the next; the
	// probes have the intervals of their checks. Default 60s.
	Refresh time.Duration `yaml:"refresh"`

	// Probes is the most probes at a time, and the most begun in a second. Default 100.
	Probes int `yaml:"probes"`

	// ProbeTargets lists what may be probed: prefixes; private (RFC 1918, RFC 6598, unique
	// local), public (the rest), any (both). Loopback is probed only where a prefix within
	// it is named; link-local addresses, the instance metadata service among them,
	// and inside53 itself never. Public addresses that ec2 knows are probed at their
	// private ones. Default [private].
	ProbeTargets ProbeTargets `yaml:"probe_targets"`
}

func (s *HealthChecks) setDefaults() {
	*s = HealthChecks{Source: HealthBoth, Refresh: time.Minute, Probes: 100, ProbeTargets: ProbeTargets{PrivateTargets}}
}

// HealthSource is a value of health_checks.source.
type HealthSource string

// The values of [HealthSource].
const (
	HealthAWS   HealthSource = "aws"
	HealthLocal HealthSource = "local"
	HealthBoth  HealthSource = "both"
	HealthOff   HealthSource = "off"
)

func (s *HealthSource) parse(text string) error {
	return parseWord(s, text, HealthAWS, HealthLocal, HealthBoth, HealthOff)
}

// ProbeTargets is the value of health_checks.probe_targets, as it is written.
type ProbeTargets []string

// The words of [ProbeTargets] beside prefixes.
const (
	PrivateTargets = "private" // RFC 1918, RFC 6598, unique local
	PublicTargets  = "public"  // the rest
	AnyTargets     = "any"     // both
)

func (p *ProbeTargets) add(text string) error {
	if slices.Contains(*p, text) {
		return fmt.Errorf("%s is here twice", text)
	}
	if !strings.ContainsAny(text, ".:/") {
		words := []string{PrivateTargets, PublicTargets, AnyTargets}
		if !slices.Contains(words, text) {
			return oneOf(text, append(words, "prefixes like 10.0.0.0/8")...)
		}
	} else {
		prefix, err := parsePrefix(text)
		if err != nil {
			return err
		}
		if neverProbed(prefix) {
			return fmt.Errorf("%s is never probed", prefix)
		}
	}
	*p = append(*p, text)
	return nil
}

// neverProbed reports whether the whole of a prefix is what no prober asks, whatever is
// configured: unspecified, link-local with the metadata service, multicast, broadcast.
func neverProbed(p netip.Prefix) bool {
	for _, text := range [...]string{
		"0.0.0.0/8", "::/128", "169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32",
	} {
		never := netip.MustParsePrefix(text)
		if never.Bits() <= p.Bits() && never.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// WatchesHealth reports whether c has the health of anything watched.
func (c *Config) WatchesHealth() bool {
	return c.HealthChecks != nil && c.HealthChecks.Source != HealthOff
}

func (v *validator) healthChecks() {
	c := v.config.HealthChecks
	if c == nil {
		return
	}
	if c.Source != HealthOff && v.config.Route53 == nil {
		v.fault("health_checks", "needs the section route53, whose records use them; add it, or write source: off")
	}
	v.duration("health_checks.refresh", c.Refresh, false)
	v.between("health_checks.probes", c.Probes, 1, 10_000)
	probes := c.Source == HealthLocal || c.Source == HealthBoth
	if probes && len(c.ProbeTargets) == 0 && !v.broken["health_checks.probe_targets"] {
		v.fault("health_checks.probe_targets", "is empty; nothing could be probed: write private or prefixes, or source: aws")
	}
}
