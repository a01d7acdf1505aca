package zone

import (
	"encoding/binary"
	"time"
)

// Origin says where a zone's data come from. It also orders the layers of one
// apex, top down.
type Origin uint8

// The origins of zones.
const (
	File    Origin = iota // a master file, or transferred from another primary
	Private               // a private hosted zone
	Tags                  // names of instances
	Public                // a public hosted zone
)

var originNames = [...]string{"file", "private", "tags", "public"}

// String returns the origin as reports and /zones show it.
func (o Origin) String() string { return originNames[o] }

// VPC is a VPC that a private zone is associated with.
type VPC struct {
	ID     string
	Region string
}

// Info is the identity of a zone.
type Info struct {
	Origin  Origin
	ID      string // hosted zone id (without "/hostedzone/"), path of the file, or "tags"
	Account string // name of the configured account, "" for the base account
	VPCs    []VPC  // of a private zone
	Comment string
	// Unavailable says why nothing of the zone can be served: a secondary zone that was
	// never transferred, or has expired. Its names get SERVFAIL. "" for all others.
	Unavailable string `json:",omitempty"`
	// Within is the name below which alone the zone may have names, where it is unavailable; nil is
	// everywhere.
	Within []byte `json:",omitempty"`
	// Listed is when the listing began that the records come from.
	Listed time.Time
}

// Zone is one zone of one source: a tree of records, who it is, and what is
// derived from both. Immutable.
type Zone struct {
	Info
	Tree       *Tree
	Apex       []byte // lower-case wire name
	ApexLabels int
	// Negative is the SOA record for negative answers, packed like the records
	// of an RRset, its TTL already min(TTL, MINIMUM) (RFC 2308 section 5) and
	// capped. Empty when the zone has no SOA.
	Negative RRset
}

// MayHave reports whether the zone may have a name though it isn't here: it is unavailable.
func (z *Zone) MayHave(name []byte) bool {
	return z.Unavailable != "" && (z.Within == nil || len(name) > len(z.Within) && IsSubdomain(name, z.Within))
}

// MayHaveBelow reports whether the zone may have a name below one, likewise.
func (z *Zone) MayHaveBelow(name []byte) bool {
	return z.MayHave(name) || z.Unavailable != "" && IsSubdomain(z.Within, name)
}

// New makes a zone. negativeCap is the greatest TTL of negative answers in seconds;
// 0 leaves it as the SOA says.
func New(info Info, tree *Tree, negativeCap uint32) *Zone {
	z := &Zone{Info: info, Tree: tree, Apex: tree.apex, ApexLabels: CountLabels(tree.apex)}
	soa := tree.Find(tree.apexHash, nil).RRset(TypeSOA)
	rdata := soa.First()
	if len(rdata) < 22 {
		return z
	}
	ttl := min(soa.TTL(), binary.BigEndian.Uint32(rdata[len(rdata)-4:]))
	if negativeCap > 0 {
		ttl = min(ttl, negativeCap)
	}
	z.Negative, _ = NewRecords(TypeSOA, ttl, rdata)
	return z
}

// With returns the zone with other records, and everything derived anew.
func (z *Zone) With(tree *Tree, negativeCap uint32) *Zone { return New(z.Info, tree, negativeCap) }

// Find returns the node of the suffix of i labels of a name in the zone.
func (z *Zone) Find(l *Labels, name []byte, i int) Node {
	return z.Tree.Find(l.Hash[i], name[l.Off[i]:l.Off[z.ApexLabels]])
}
