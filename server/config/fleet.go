package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Fleet is the section fleet: servers that share what is read from AWS. One of them reads, all
// serve the same. Without it this server is alone.
type Fleet struct {
	// Name is that of this server, unlike those of all others. Default "": the id of the
	// instance, or else the name of the host.
	Name string `yaml:"name"`

	// Store is where the fleet keeps what it shares: s3://BUCKET/PREFIX, the same for all. It
	// has no default.
	Store Store `yaml:"store"`

	// Keys lists the keys (see Config.Keys) that sign what the servers of the fleet write and
	// send: the first signs, all are believed. They may be used for nothing else. It has no
	// default.
	Keys []DomainName `yaml:"keys"`

	// Address is where the other servers reach this one. Default "": the private address of the
	// instance, or that of listen.dns, and its port.
	Address OptionalHost `yaml:"address"`

	// Poll is how often the newest version is looked for, besides the wake-ups by NOTIFY.
	// Default 5s.
	Poll time.Duration `yaml:"poll"`

	// SoloAfter is how long neither the store nor who leads is to be had before this server reads
	// AWS by itself, within its share of the budget, until the store is back. Default 10m. For 9 s and
	// for three polls after its last look at head no server does: for as long another one may still
	// lead, and read by the whole budget.
	SoloAfter time.Duration `yaml:"solo_after"`

	// Events is the URL of the SQS queue that has the events of changes in AWS: who reads AWS for
	// the fleet reads what they name at once. Default "": changes come with the next reading.
	Events QueueURL `yaml:"events"`
}

func (s *Fleet) setDefaults() { *s = Fleet{Poll: 5 * time.Second, SoloAfter: 10 * time.Minute} }

// Store is the value of fleet.store.
type Store struct {
	Bucket string
	Prefix string // without slashes at its ends; "" is the top of the bucket
}

func (s *Store) parse(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is not of the form s3://BUCKET/PREFIX", text)
	}
	*s = Store{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	return nil
}

// String is the form that is configured; it is the id of the fleet.
func (s Store) String() string { return strings.TrimSuffix("s3://"+s.Bucket+"/"+s.Prefix, "/") }

// OptionalHost is a [HostPort], or "".
type OptionalHost struct{ netip.AddrPort }

func (h *OptionalHost) parse(text string) error {
	if text == "" {
		*h = OptionalHost{}
		return nil
	}
	var host HostPort
	err := host.parse(text)
	h.AddrPort = host.AddrPort
	return err
}

// fleet checks the section fleet.
func (v *validator) fleet() {
	f := v.config.Fleet
	if f == nil {
		return
	}
	if f.Store.Bucket == "" {
		v.fault("fleet.store", "is missing; write the place that all servers share, like s3://bucket/prefix")
	}
	if strings.ContainsAny(f.Name, "/ \t\n") {
		v.fault("fleet.name", "%q has a slash or a space in it; write a name without", f.Name)
	}
	if len(f.Keys) == 0 && !v.broken["fleet.keys"] {
		v.fault("fleet.keys", "is missing; write the name of a key that all servers have, and nobody else")
	}
	v.keySet("fleet.keys", f.Keys)
	for i, name := range f.Keys {
		if user := v.config.keyUser(name); user != "" {
			v.fault(fmt.Sprintf("fleet.keys[%d]", i), "%s is used by %s too; make a key for the fleet alone", name, user)
		}
	}
	v.duration("fleet.poll", f.Poll, false)
	v.duration("fleet.solo_after", f.SoloAfter, false)
	if v.config.StateDir == "" {
		v.fault("state_dir", "is empty; the fleet's data are kept there for when the store is away: write a directory")
	}
}

// keyUser names a section besides fleet that a key stands in, "" where none is.
func (c *Config) keyUser(name DomainName) string {
	switch {
	case slices.ContainsFunc(c.Updates, func(u Update) bool { return slices.Contains(u.Keys, name) }):
		return "updates"
	case slices.ContainsFunc(c.Transfers, func(t Transfer) bool { return slices.Contains(t.Keys, name) }):
		return "transfers"
	case slices.ContainsFunc(c.Secondary, func(s Secondary) bool { return DomainName(s.Key) == name }):
		return "secondary"
	case slices.ContainsFunc(c.Follow, func(f Follow) bool { return DomainName(f.Key) == name }):
		return "follow"
	}
	return ""
}

// QueueURL is the URL of a queue, or "".
type QueueURL string

func (q *QueueURL) parse(text string) error {
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(u.Path) < 2) {
		return fmt.Errorf("%q is no URL of a queue, like https://sqs.eu-west-1.amazonaws.com/123456789012/inside53", text)
	}
	*q = QueueURL(text)
	return nil
}
