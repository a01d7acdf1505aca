//go:build !race

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
			f := &Interface{ID: fmt.Sprintf("eni-%015x%x", i, card), VPC: "vpc-a", Subnet: subnet, Instance: id,
				Private: at(card), Primary: card == 0}
			if card == 0 && i%4 == 0 {
				f.Public = netip.AddrFrom4([4]byte{52, 0, byte(i >> 8), byte(i)})
			}
			r.Interfaces = append(r.Interfaces, f)
		}
		r.Hosts = append(r.Hosts, &Host{Instance: id, VPC: "vpc-a", Subnet: subnet, Private: at(0),
			Public: r.Interfaces[len(r.Interfaces)-3].Public, Group: fmt.Sprint("group-", i%500), Ordinal: 1 + i/500,
			Names: []HostName{{Text: fmt.Sprintf("group-%d", i%500), From: "{asg}"},
				{Text: fmt.Sprintf("group-%d-%d", i%500, 1+i/500), From: "{asg}"}}})
	}
	return p
}

// refreshed is a keeper of 20,000 instances with 60,000 interfaces, whose tags change.
type refreshed struct {
	tb     testing.TB
	keeper *Keeper
	key    Key
	text   []byte // the region
	last   *zone.Snapshot
	size   uint64 // of the keeper with all that it holds
}

const refreshedHosts = 20_000

func newRefreshed(tb testing.TB) *refreshed {
	tb.Helper()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	p := fleetRegion(refreshedHosts)
	r := &refreshed{tb: tb, key: p.Key}
	var err error
	r.text, err = json.Marshal(p.Region)
	if err != nil {
		tb.Fatal(err)
	}
	p = Part{Key: p.Key}
	before := heap()
	r.keeper, err = NewKeeper(Options{
		Config: Config{EC2: true, TagZone: "internal.", Expected: []Key{p.Key}, MaxShrink: 0.5, Affinity: zone.OwnZoneFirst,
			TranslatedTTL: 30 * time.Second}, Publish: func(s *zone.Snapshot) { r.last = s },
	})
	if err != nil {
		tb.Fatal(err)
	}
	r.deliver(r.read("first"))
	r.size = heap() - before
	return r
}

// read is what a listing is, in which one instance has another tag: all of it made anew.
func (r *refreshed) read(name string) Part {
	is := Part{Key: r.key, Listed: time.Now(), Region: new(Region)}
	err := json.Unmarshal(r.text, is.Region)
	if err != nil {
		r.tb.Fatal(err)
	}
	h := is.Region.Hosts[refreshedHosts/2]
	h.Names = append(slices.Clone(h.Names), HostName{Text: name, From: "dns tag"})
	return is
}

// launch is what a listing is in which one instance more runs than in the last one, with an interface and a public
// address; those of before are as they were.
func (r *refreshed) launch(was Part, n int) Part {
	region := *was.Region
	id := fmt.Sprintf("i-9%016x", n)
	f := &Interface{ID: fmt.Sprintf("eni-9%016x", n), VPC: "vpc-a", Subnet: "subnet-0", Instance: id, Primary: true,
		Private: netip.AddrFrom4([4]byte{10, 200, byte(n >> 8), byte(n)}),
		Public:  netip.AddrFrom4([4]byte{53, 0, byte(n >> 8), byte(n)})}
	h := &Host{Instance: id, VPC: "vpc-a", Subnet: "subnet-0", Private: f.Private, Public: f.Public,
		Names: []HostName{{Text: fmt.Sprint("launched-", n), From: "dns tag"}}}
	region.Interfaces = append(slices.Clip(region.Interfaces), f)
	region.Hosts = append(slices.Clip(region.Hosts), h)
	return Part{Key: r.key, Listed: time.Now(), Region: &region}
}

// deliver has a part published.
func (r *refreshed) deliver(p Part) {
	was := r.last
	r.keeper.inbox.put(p)
	r.keeper.drain(true)
	if r.last == was {
		r.tb.Fatal("nothing was published")
	}
}

// processor is the processor time that this process has had.
func (r *refreshed) processor() time.Duration {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	if err != nil {
		r.tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestRefreshOfInstances: from the delivery of a reading in which one tag has changed to the publication there is less
// than 50 ms of work of one core.
func TestRefreshOfInstances(t *testing.T) {
	r := newRefreshed(t)
	const bound = 50 * time.Millisecond
	least := time.Hour
	for n := 0; n < 10 && least > bound; n++ { // others may be at work
		next := r.read(fmt.Sprint("tag-", n))
		runtime.GC()
		began := r.processor()
		r.deliver(next)
		least = min(least, r.processor()-began)
	}
	if least > bound {
		t.Errorf("a changed tag takes %v of a processor", least)
	}
	if perHost := r.size / refreshedHosts; perHost > 2000 {
		t.Errorf("a host takes %d B", perHost)
	}
	runtime.KeepAlive(r)
}

// measure shows what each of the parts that next makes costs, from its delivery to the publication.
func (r *refreshed) measure(b *testing.B, next func(n int) Part) {
	n, spent := 0, time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n++
		p := next(n)
		runtime.GC()
		began := r.processor()
		b.StartTimer()
		r.deliver(p)
		spent += r.processor() - began
	}
	b.ReportMetric(spent.Seconds()*1000/float64(n), "CPU-ms/op")
	b.ReportMetric(float64(r.size)/refreshedHosts, "B/host")
	runtime.KeepAlive(r)
}

// BenchmarkLaunch shows what one more instance costs, among 20,000 with 60,000 interfaces.
func BenchmarkLaunch(b *testing.B) {
	r := newRefreshed(b)
	last := r.read("first")
	r.keeper.inbox.put(last)
	r.keeper.drain(true)
	r.measure(b, func(n int) Part {
		last = r.launch(last, n)
		return last
	})
}

// BenchmarkRefreshOfInstances shows what a reading of 20,000 instances with 60,000 interfaces costs, of
// which one tag has changed; and the memory that a host takes.
func BenchmarkRefreshOfInstances(b *testing.B) {
	r := newRefreshed(b)
	r.measure(b, func(n int) Part { return r.read(fmt.Sprint("tag-", n)) })
}

// BenchmarkReadInstance shows what it costs that one instance is read out of turn, as an event has it: another one each
// time, with an interface and a public address.
func BenchmarkReadInstance(b *testing.B) {
	r := newRefreshed(b)
	n, spent := 0, time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		n++
		one := r.launch(Part{Region: new(Region)}, n).Region
		reading := &RegionReading{Key: r.key, Began: time.Now(), Instances: []string{one.Hosts[0].Instance},
			Hosts: one.Hosts, Interfaces: one.Interfaces}
		runtime.GC()
		began := r.processor()
		b.StartTimer()
		left, changed, err := r.keeper.ReadRegion(reading)
		if left || !changed || err != nil {
			b.Fatal(left, changed, err)
		}
		spent += r.processor() - began
	}
	b.ReportMetric(spent.Seconds()*1000/float64(n), "CPU-ms/op")
}
