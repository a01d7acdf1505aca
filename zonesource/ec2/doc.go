// Package ec2 is the source of the EC2 inventory: what each region of each account
// has in networks, interfaces and instances.
//
//	account × region ── VPCs, subnets ─────┐
//	                    peerings           │
//	                    load balancers     ├── Region ── Part{ec2, ACCOUNT/REGION}
//	                    instances ── names │
//	                    interfaces         │
//	                    elastic IPs ───────┘
//
// Each region is listed at once, or when what is saved is a Refresh old, and then every
// Refresh, regions in parallel within a bound. Where all pages are those of the last
// listing (awscall.Page) nothing of them is decoded, and the region is the one that is
// kept. Where some differ, those of VPCs, subnets, instances, interfaces and elastic IPs
// are cut into chunks of items (cut.go): the chunks that are new are decoded, and laid
// over the region that is kept (patch.go, stays.go). The pages of the last listing are
// remembered as they came (remembered.go): octets are compared with them, a page that
// differs is cut where it does alone (cutafter.go), and what may have gone is what stood
// there. After a start they aren't, and the first change has all pages looked through.
// What comes of a chunk is what it
// says, but for a public address that another interface has (elastic.go) and for what is
// listed twice: such chunks are forgotten, and decoded once more. All is decoded where a
// change says something of what didn't change: other load balancers with static
// addresses, an instance whose interface is gone, contested numbers of a group.
// A public address belongs to the private address that its association names, whatever the
// instance behind it does: interfaces come from DescribeNetworkInterfaces, hosts from the running instances
// alone. The elastic
// IPs are listed last and correct the interfaces: an address that moved while the
// region was being listed is delivered once, where it went.
//
// # Contract
//
// A part is whole or it is an error. A page that doesn't lead to a new one fails
// the listing, as do access denied, a call without an answer and anything else that
// goes wrong; the exceptions are the peerings and the load balancers, which cost
// only their feature and a Problem. A region that AWS throttles is listed less
// often until a listing succeeds.
//
// Each VPC that an interface or a host names is among the VPCs of its part; one
// that can't be described (a shared VPC) has the CIDRs of its subnets. Names are as
// the tags have them; whether they can be served is not decided here.
//
// Beside the listings, some instances, interfaces and all elastic IPs of a region can be read out
// of turn ([Source.ReadNamed]).
//
// # Use
//
//	source, err := ec2.New(ec2.Options{Accounts: accounts, Regions: []string{"eu-west-1"}})
//	...
//	err = source.Run(ctx, keeper.Deliver)
package ec2
