// Package route53 is the source of hosted zones.
//
//	ListHostedZones ──> catalog ──────────────────────────────┐
//	GetHostedZone or ListHostedZonesByVPC ──> associations ───┼──> Part
//	ListHostedZonesByVPC, hourly ──> survey ──────────────────┤
//	ListResourceRecordSets ──> pages ──> listing ──> tree ────┤
//	ListCidrCollections, ListCidrBlocks ──> collections ──────┘
//
// A [Source] keeps one cycle an account going: the list of zones, then the zones
// themselves, oldest listing first. What has been listed whole is delivered; what
// hasn't is delivered as an error, and the zone stays as it was.
//
// # Contract
//
// A cycle of n zones, p of them private, makes ceil(n/100) calls of ListHostedZones,
// ceil(records/300) of ListResourceRecordSets a zone, and p of GetHostedZone, or, where
// that is fewer, one or more of ListHostedZonesByVPC a VPC. Nothing is asked twice
// unless it failed or changed while it was listed. Every attempt, a repeated one too,
// is paid from the account's budget.
//
// Between two cycles only what waits is tried again: the list of zones where it failed, and
// zones that were never listed, unless IAM has refused them twice. The first cycle comes when
// the saved listings are a refresh old, and then without a burst of calls.
//
// Each page is compared with that of the last listing, as it came over the wire and before
// it is decoded (awscall.Page). Where all are the same the zone is the one that is kept, also
// after a start. A page that differs is cut into its record sets, which make chunks from one
// name to another by the hashes of names, wherever pages begin (cut.go): those chunks that weren't
// there the last time are decoded, and laid over the zone that is kept (patch.go). What comes of
// it has as many names as the listing, or all is decoded. So is it where most of it differs, or
// a page isn't what Route 53 writes.
//
// Private zones that others have associated with a VPC (another account, EFS, VPC
// endpoints) can't be listed, but must be known: their names are not ours to deny. So
// each VPC is asked for besides, by ListHostedZonesByVPC, a refresh after the first
// cycle and then once an hour, unless the cycles do it already. What they find is the
// Unlisted of the catalog; it is saved with it, and stays when the calls fail.
//
// Where IP-based records name CIDR collections, a cycle makes a call of
// ListCidrCollections besides, and of ListCidrBlocks for those whose version is another
// one; without such records there is no extra call. Collections are part of the catalog.
// Without them the IP-based records that there are go by the last good ones.
//
// A listing isn't a snapshot: Route 53 pages by key, so that records which stay are
// always on some page, but changes made meanwhile may be on some pages only. A
// listing with signs of change (another number of record sets than Route 53 counts, a
// page that begins elsewhere than its predecessor said) is made once more. A page
// that doesn't advance, or a record set listed twice, fails the listing.
//
// The problem of a record is never its absence: whatever can't be expressed is in the
// tree as a zone.Unservable with the record set's own JSON, and stands among the
// Problems of the part. Only a record whose name is no name, or is outside of its
// zone, has no place in the tree.
//
// A zone that is no longer listed is asked for by GetHostedZone: NoSuchHostedZone makes
// it Gone in the catalog, any other answer keeps it.
//
// Beside the cycles, what an event names is read out of turn, within the part of the budget that
// there is for that: a zone ([Source.ReadZone]), or the list of zones, before the next zone of the
// cycle under way ([Source.WantZones]). ReadingOf says what record sets of some names mean.
//
// Names are as the API writes them, with octal escapes; see package rdata. The
// label * is a wildcard when it is the leftmost, and an asterisk elsewhere: both are
// one octet 0x2a in the tree.
//
// # Use
//
//	source, err := route53.New(route53.Options{Accounts: accounts, Zones: []string{"*"}})
//	...
//	err = source.Run(ctx, keeper.Deliver)
package route53
