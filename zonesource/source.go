package zonesource

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"time"

	"inside53/resolver/zone"
)

// Source is something that knows zones or inventory.
type Source interface {
	// Run fetches and delivers parts until ctx ends. The first complete data are
	// delivered as soon as they can be had. deliver may be called from any
	// goroutine; it doesn't block for long and must not be called after Run has
	// returned. Run returns when all its goroutines have ended; the error is
	// ctx.Err() or a fault that makes the source useless.
	Run(ctx context.Context, deliver func(Part)) error
}

// Key identifies a part among all parts.
type Key struct {
	Source string // "route53", "ec2", "zonefile", ...: the label of metrics and /readyz
	Name   string // within the source: "catalog/ACCOUNT", "zone/Z0123", "ACCOUNT/eu-west-1", the origin of a file
}

// Part is what a source knows of one thing: exactly one of Zone, Catalog, Region
// is set, or Err alone.
type Part struct {
	Key Key
	// Listed is when the listing began (not when it ended): what changed later
	// may be missing.
	Listed time.Time
	// Err says that the listing failed; the last good part stays.
	Err error
	// Refused says of Err that nobody waits for the part any more.
	Refused bool

	// Sum identifies the listing that the zone was made from, and the program that made
	// it; zero is none. The zone of a part that the keeper has kept with this sum is what
	// the listing would come to again. Of a catalog it identifies what was asked for.
	Sum Sum
	// Pages are those of the listing, as they came over the wire: while Sum stands, the
	// same pages have the same zone or region. None where that isn't known.
	Pages []Page

	Zone    *zone.Zone // Negative may be left empty: Compile derives it with the configured cap
	Catalog *Catalog
	Region  *Region

	// Problems are findings of this part for the report: records that can't be
	// served, names that were refused.
	Problems []Problem
}

// Sum is the hash of a listing.
type Sum [sha256.Size]byte

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return base64.StdEncoding.AppendEncode(nil, s[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum) UnmarshalText(text []byte) error {
	plain, err := base64.StdEncoding.DecodeString(string(text))
	if err == nil && len(plain) != len(s) {
		err = fmt.Errorf("a sum of %d octets", len(plain))
	}
	if err == nil {
		*s = Sum(plain)
	}
	return err
}

// Page is one page of a listing.
type Page struct {
	Of    string `json:",omitempty"` // what was asked for
	Sum   Sum
	Next  string `json:",omitempty"` // where the next page begins, "" for none
	Items int    // of the listing up to its end
	// Chunks are the sums of parts of the page, as its source writes them; "" for none.
	Chunks Chunks `json:",omitzero"`
}

// Chunks are octets that are saved as text.
type Chunks string

// MarshalText implements encoding.TextMarshaler.
func (c Chunks) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(c)), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Chunks) UnmarshalText(text []byte) error {
	plain, err := base64.StdEncoding.DecodeString(string(text))
	*c = Chunks(plain)
	return err
}

// Problem is one line of the report.
type Problem struct {
	Zone   string // zone or region, as people name it
	Name   string // owner name or instance
	Type   string // record type, "" when it is none
	Reason string
}

// Catalog is the list of hosted zones of one account. A zone that is in the
// catalog and has no part yet makes the data incomplete; a part whose zone is gone
// from the catalog is removed by the keeper's guard.
type Catalog struct {
	Zones []Hosted
	// Unlisted are private zones associated with VPCs of ours that can't be listed:
	// other accounts', EFS's and the like.
	Unlisted []Unlisted
	// Surveyed is when these were looked for last, and SurveyedVPCs where; zero for never.
	Surveyed     time.Time  `json:",omitzero"`
	SurveyedVPCs []zone.VPC `json:",omitempty"`
	// Collections are the CIDR collections that IP-based records of these zones
	// name, sorted by id.
	Collections []Collection `json:",omitempty"`
}

// Collection is one CIDR collection.
type Collection struct {
	ID   string
	Name string // "" when it isn't listed: a collection of another account
	// Version counts the changes of the collection; 0 when that isn't known.
	Version int64
	Blocks  []Block // as listed
}

// Block is one CIDR block of a collection, and the location it belongs to.
type Block struct {
	Location string
	Prefix   netip.Prefix // masked
}

// Hosted is one hosted zone of a catalog.
type Hosted struct {
	ID      string // without "/hostedzone/"
	Name    []byte // lower-case wire form
	Private bool
	Records int // ResourceRecordSetCount as listed
	// Gone says that Route 53 answered NoSuchHostedZone for it: removal is
	// confirmed.
	Gone bool
}

// Unlisted is a private zone that exists for a VPC but can't be read.
type Unlisted struct {
	ID    string
	Name  []byte // lower-case wire form
	VPC   zone.VPC
	Owner string // owning account or service, for people
}

// Region is the inventory of one region of one account. Interfaces and hosts aren't modified once they are in it:
// regions that follow each other share those that stay as they are.
type Region struct {
	Account    string // configured name, "" for the base account
	AccountID  string
	Name       string // eu-west-1
	VPCs       []VPC
	Subnets    []Subnet `json:",omitempty"`
	Peerings   []Peering
	Interfaces []*Interface // by id, the addresses of one in their order
	Hosts      []*Host      // by id
	// Vitals are the instances that AWS says are unhealthy, by id; nobody is asked unless
	// that is wanted.
	Vitals []Vital `json:",omitempty"`
	// CrossZone are the network load balancers, as Interface.Service has them, of which each
	// address leads to the targets of all zones.
	CrossZone []string `json:",omitempty"`
}

// Subnet is one subnet of a VPC.
type Subnet struct {
	ID, VPC string
	// Zone is the id of its availability zone (euw1-az1), the same in all accounts; its
	// name where AWS tells none.
	Zone  string
	CIDRs []netip.Prefix
}

// Vital is what AWS has against an instance.
type Vital struct {
	Instance string
	Why      string // for people: "status check: instance impaired"
}

// VPC is one VPC.
type VPC struct {
	ID      string
	CIDRs   []netip.Prefix
	Default bool
}

// Peering is an active VPC peering connection. DNS says for each side whether
// that side may resolve the other's public names to private addresses
// (AllowDnsResolutionFromRemoteVpc as the other side set it).
type Peering struct {
	ID             string
	A, B           zone.VPC
	ADNS, BDNS     bool // A's (B's) clients may resolve names of the other VPC privately
	ACIDRs, BCIDRs []netip.Prefix
}

// Interface is one private address of a network interface.
type Interface struct {
	ID       string // eni-...
	VPC      string
	Subnet   string
	Private  netip.Addr
	Public   netip.Addr   // zero when there is none
	IPv6     []netip.Addr // on the first address of an interface
	Instance string       // i-..., "" when it belongs to no instance
	Balancer string       // name of the load balancer, "" when it belongs to none
	Managed  bool         // requester-managed
	// Primary says that it is the primary address of its instance.
	Primary bool `json:",omitempty"`
	// Service is the AWS service whose name leads to the address, and what it is there:
	// "efs fs-0123", "nlb NAME-ID", "alb NAME/ID", "clb NAME", "vpce vpce-0123"; "" for none.
	Service string `json:",omitempty"`
}

// Host is one running instance with the names it shall have.
type Host struct {
	Instance string
	VPC      string
	Names    []HostName
	Private  netip.Addr // primary
	Public   netip.Addr // of the primary interface; zero when there is none
	IPv6     []netip.Addr
	Subnet   string `json:",omitempty"`
	// Group is the auto-scaling group, "" for none, and Ordinal the number in it, from 1; 0
	// where no template asks for it.
	Group   string `json:",omitempty"`
	Ordinal int    `json:",omitempty"`
	// Services are what the instance serves, by its tag.
	Services []Service `json:",omitempty"`
	// Check is how the instance is probed, by its tag: "tcp:5432", "http:8080/path"; "" for
	// not at all.
	Check string `json:",omitempty"`
}

// Service is a service at a port of an instance: an SRV record (RFC 2782).
type Service struct {
	Name string // "_http._tcp", lower case
	Port uint16
}

// HostName is one name of an instance, as its tags have it.
type HostName struct {
	Text string // relative to ec2.zone, or a full name; see InstanceName
	From string // "dns tag", "Name tag", "security group", the template
}
