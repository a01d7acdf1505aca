//go:build linux

package dataset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"inside53/server/bench/load"
	"inside53/server/bench/upstream"
)

// absent is the share of AUTH queries for names that don't exist.
const absent = 0.05

// rcodes of what is expected.
const (
	noError  = 0
	nxDomain = 3
)

// Stream makes queries of one kind. It implements load.Stream.
type Stream struct {
	next   func() load.Want // puts the name in s.name
	name   []byte
	random *rand.Rand
	left   int // queries until the end; below 0: there is none
}

// Kinds are the kinds of streams.
const Kinds = "auth, split, cache, warm, miss, trace, once, flood, weighted, alias, last, million, many, scale"

// NewStream returns a stream of that kind:
//
//	auth      hosts and CNAMEs, and one name in 20 that does not exist
//	split     the same names, answered from the zones that WriteAWS writes
//	cache     hot names, by Zipf's law
//	warm      hot names, each once
//	miss      names never asked before; every stream needs another seed
//	trace     TraceNames names, by Zipf's law
//	once      the same, but for the share OnceOf, which nobody asks again
//	flood     the same, with a larger share
//	weighted  names with two records, of which either is right
//	alias     names that are an alias of a load balancer
//	last      the last host of Million, million all of them
//	many      the hosts of WriteManyZones(ManyZones, ManyRecords)
//	scale     the first ScaleAsked hosts of the first zone of a Scale
func NewStream(kind string, seed uint64) (*Stream, error) {
	s := &Stream{random: rand.New(rand.NewPCG(seed, 53)), left: -1}
	switch kind {
	case "auth":
		s.next = func() load.Want { return s.auth(Address) }
	case "split":
		s.next = func() load.Want { return s.auth(splitAddress) }
	case "cache":
		ranks := zipf(Hot)
		s.next = func() load.Want {
			i, _ := slices.BinarySearch(ranks, s.random.Float64()*ranks[Hot-1])
			return s.forwarded("hot-", 5, i)
		}
	case "warm":
		s.left = Hot
		s.next = func() load.Want { return s.forwarded("hot-", 5, s.left) }
	case "miss":
		prefix, i := fmt.Sprintf("u%d-", seed), 0
		s.next = func() load.Want {
			i++
			return s.forwarded(prefix, 8, i)
		}
	case "trace", "once", "flood":
		s.next = s.trace(OnceOf(kind), seed)
	case "weighted":
		s.next = func() load.Want {
			i := 1 + s.random.IntN(Weighted)
			s.put("weighted-", 6, i, origin)
			return load.Want{Address: Address(i), Length: 3} // the first octet tells the two apart
		}
	case "alias":
		addresses := make([][4]byte, Balancers)
		for i := range addresses {
			addresses[i] = balancerAddress(i)
		}
		s.next = func() load.Want {
			i := 1 + s.random.IntN(Aliases)
			s.put("alias-", 6, i, origin)
			return load.Want{Address: addresses[i%Balancers], Length: 4}
		}
	case "last":
		s.next = func() load.Want {
			s.put("host-", 6, Million, origin)
			return load.Want{Address: Address(Million), Length: 4}
		}
	case "million":
		s.next = func() load.Want {
			i := 1 + s.random.IntN(Million)
			s.put("host-", 6, i, origin)
			return load.Want{Address: Address(i), Length: 4}
		}
	case "many":
		s.next = func() load.Want { return s.many(s.random.IntN(ManyZones), s.random.IntN(ManyRecords)) }
	case "scale":
		s.put("zone-", 5, 0, origin)
		below := string(s.name)
		s.next = func() load.Want {
			i := s.random.IntN(ScaleAsked)
			s.put("host-", 6, i, below)
			return load.Want{Rcode: noError, Address: Address(i), Length: 4}
		}
	default:
		return nil, fmt.Errorf("no queries are of kind %q; there are %s", kind, Kinds)
	}
	return s, nil
}

// ScaleAsked is how many hosts of a Scale are asked for.
const ScaleAsked = 1000

// Next implements load.Stream. The queries have an OPT record.
func (s *Stream) Next(b []byte) (int, load.Want) {
	if s.left == 0 {
		return 0, load.Want{}
	}
	if s.left > 0 {
		s.left--
	}
	want := s.next()
	q := append(b[:0], 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1) // RD; one question, one additional record
	q = append(q, s.name...)
	q = append(q, 0, 1, 0, 1)                         // A IN
	q = append(q, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0) // OPT: 1232 octets
	return len(q), want
}

// TraceNames is how many names the traces ask again and again.
const TraceNames = 100_000

// OnceOf is the share of the questions of a trace that are for names which nobody asks twice.
func OnceOf(kind string) float64 {
	switch kind {
	case "once":
		return 0.3
	case "flood":
		return 0.6
	}
	return 0
}

// trace asks names by Zipf's law, and a share of them once.
func (s *Stream) trace(once float64, seed uint64) func() load.Want {
	ranks, prefix, i := zipf(TraceNames), fmt.Sprintf("o%d-", seed), 0
	return func() load.Want {
		if s.random.Float64() < once {
			i++
			return s.forwarded(prefix, 8, i)
		}
		n, _ := slices.BinarySearch(ranks, s.random.Float64()*ranks[TraceNames-1])
		return s.forwarded("name-", 8, n)
	}
}

// auth asks one of the names of the zone; address tells what a host's is.
func (s *Stream) auth(address func(int) [4]byte) load.Want {
	if s.random.Float64() < absent {
		s.put("miss-", 6, s.random.IntN(1_000_000), origin)
		return load.Want{Rcode: nxDomain}
	}
	i := 1 + s.random.IntN(Hosts+CNAMEs)
	if i <= Hosts {
		s.put("host-", 6, i, origin)
		return load.Want{Rcode: noError, Address: address(i), Length: 4}
	}
	i -= Hosts
	s.put("name-", 6, i, origin)
	return load.Want{Rcode: noError, Address: address(target(i)), Length: 4}
}

// many asks host i of a zone of many.
func (s *Stream) many(zone, i int) load.Want {
	s.put("zone-", 4, zone, origin)
	below := string(s.name)
	s.put("host-", 6, i, below)
	return load.Want{Rcode: noError, Address: Address(zone*ManyRecords + i), Length: 4}
}

// Ask writes a query for host i to b and returns its length.
func Ask(b []byte, i int) int {
	s := &Stream{left: 1}
	s.next = func() load.Want {
		s.put("host-", 6, i, origin)
		return load.Want{}
	}
	n, _ := s.Next(b)
	return n
}

// HostOf returns a stream of the last host of a zone of WriteManyZones.
func HostOf(zone int) *Stream {
	s := &Stream{left: 1}
	s.next = func() load.Want { return s.many(zone, ManyRecords-1) }
	return s
}

// forwarded asks a name that the synthetic upstream has to be asked for.
func (s *Stream) forwarded(prefix string, digits, i int) load.Want {
	s.put(prefix, digits, i, cached)
	return load.Want{Rcode: noError, Address: upstream.Address(s.name), Length: 4}
}

// put makes the name of one label, prefix and the digits of i, below the origin.
func (s *Stream) put(prefix string, digits, i int, origin string) {
	n := append(s.name[:0], byte(len(prefix)+digits))
	n = append(n, prefix...)
	at := len(n) + digits
	n = append(n, "00000000"[:digits]...)
	for ; i > 0; i /= 10 {
		at--
		n[at] = byte('0' + i%10)
	}
	s.name = append(n, origin...)
}

// zipf returns the sums of 1/1, 1/2, 1/3 ...
func zipf(n int) []float64 {
	sums, sum := make([]float64, n), 0.0
	for i := range sums {
		sum += 1 / float64(i+1)
		sums[i] = sum
	}
	return sums
}

// balancerAddress is what the synthetic upstream says of load balancer i.
func balancerAddress(i int) [4]byte {
	var name []byte
	for label := range strings.SplitSeq(balancerName(i), ".") {
		name = append(append(name, byte(len(label))), label...)
	}
	return upstream.Address(name)
}
