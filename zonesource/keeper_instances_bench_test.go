package zonesource

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// fleetRegion makes a region of n instances with three interfaces each, in subnets of three zones.
func fleetRegion(n int) Part {
	p := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/8")
	r := p.Region
	for zone := range 3 {
		r.Subnets = append(r.Subnets, Subnet{ID: fmt.Sprint("subnet-", zone), VPC: "vpc-a", Zone: fmt.Sprint("az", zone),
			CIDRs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(64 * zone)}), 10)}})
	}
	for i := range n {
		id, subnet := fmt.Sprintf("i-%017x", i), fmt.Sprint("subnet-", i%3)
		at := func(card int) netip.Addr {
			return netip.AddrFrom4([4]byte{10, byte(64*(i%3) + card), byte(i >> 8), byte(i)})
		}
		for card := range 3 {
			f := Interface{ID: fmt.Sprintf("eni-%015x%x", i, card), VPC: "vpc-a", Subnet: subnet, Instance: id,
				Private: at(card), Primary: card == 0}
			if card == 0 && i%4 == 0 {
				f.Public = netip.AddrFrom4([4]byte{52, 0, byte(i >> 8), byte(i)})
			}
			r.Interfaces = append(r.Interfaces, f)
		}
		r.Hosts = append(r.Hosts, Host{Instance: id, VPC: "vpc-a", Subnet: subnet, Private: at(0),
			Public: r.Interfaces[len(r.Interfaces)-3].Public, Group: fmt.Sprint("group-", i%500), Ordinal: 1 + i/500,
			Names: []HostName{{Text: fmt.Sprintf("group-%d", i%500), From: "{asg}"},
				{Text: fmt.Sprintf("group-%d-%d", i%500, 1+i/500), From: "{asg}"}}})
	}
	return p
}

// BenchmarkRefreshOfInstances shows what a reading of 20,000 instances with 60,000 interfaces costs, of
// which one tag has changed, from its delivery to the publication; and the memory that a host takes.
func BenchmarkRefreshOfInstances(b *testing.B) {
	const hosts = 20_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	p := fleetRegion(hosts)
	text, err := json.Marshal(p.Region)
	if err != nil {
		b.Fatal(err)
	}
	// read is what a listing is: all of it made anew.
	read := func(name string) Part {
		is := Part{Key: p.Key, Listed: time.Now(), Region: new(Region)}
		err := json.Unmarshal(text, is.Region)
		if err != nil {
			b.Fatal(err)
		}
		h := &is.Region.Hosts[hosts/2]
		h.Names = append(slices.Clone(h.Names), HostName{Text: name, From: "dns tag"})
		return is
	}
	p = Part{Key: p.Key}
	before := heap()
	var last *zone.Snapshot
	k, err := NewKeeper(Options{
		Config: Config{EC2: true, TagZone: "internal.", Expected: []Key{p.Key}, MaxShrink: 0.5, Affinity: zone.OwnZoneFirst,
			TranslatedTTL: 30 * time.Second}, Publish: func(s *zone.Snapshot) { last = s },
	})
	if err != nil {
		b.Fatal(err)
	}
	k.inbox.put(read("first"))
	k.drain(true)
	size := heap() - before
	processor := func() time.Duration {
		var u syscall.Rusage
		err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		if err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	n, spent := 0, time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		n++
		was, next := last, read(fmt.Sprint("tag-", n))
		runtime.GC()
		began := processor()
		b.StartTimer()
		k.inbox.put(next)
		k.drain(true)
		spent += processor() - began
		if last == was {
			b.Fatal("nothing was published")
		}
	}
	b.ReportMetric(spent.Seconds()*1000/float64(n), "CPU-ms/op")
	b.ReportMetric(float64(size)/hosts, "B/host")
	runtime.KeepAlive(k)
}
