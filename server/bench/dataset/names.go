package dataset

import "fmt"

// The sizes of the zone that is asked.
const (
	Hosts     = 100_000 // names with an address
	CNAMEs    = 10_000  // names that lead to a host
	Hot       = 10_000  // names in a cache
	Weighted  = 10_000  // names with two weighted records
	Aliases   = 10_000  // names that are an alias of a load balancer
	Balancers = 1_000   // load balancers
	Moved     = 1_000   // hosts whose public address has a private one
)

// Million is how many hosts the zone of LOAD has: with that of its name server it has
// 1,000,000 addresses.
const Million = 999_999

// Zone is the zone of the hosts, and Origin the same in wire form.
const (
	Zone   = "bench.internal."
	origin = "\x05bench\x08internal\x00"
	cached = "\x05cache\x08internal\x00"
)

// Address returns the address of host i. The first octet is 10, whatever i is.
func Address(i int) [4]byte { return [4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)} }

func dotted(a [4]byte) string { return fmt.Sprintf("%d.%d.%d.%d", a[0], a[1], a[2], a[3]) }

// HostName returns the name of host i.
func HostName(i int) string { return fmt.Sprintf("host-%06d.%s", i, Zone) }

// target returns which host CNAME i leads to.
func target(i int) int { return i * 7 }

// balancerName returns the name of load balancer i, of the length that AWS gives.
func balancerName(i int) string {
	return fmt.Sprintf("internal-bench-%04d-1234567890.eu-west-1.elb.amazonaws.com.", i)
}
