package server

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

var (
	fleetSeconds = flag.Int("seconds", 1, "how long changes come, one a second and then a hundred")
	fleetSpread  = flag.Int("spread", 20, "updates of which is measured when all servers have them")
	fleetRecords = flag.Int("records", 10_000, "records that a server starts with that joins a fleet")
)

// manyConfig is that of a server of zones that are read seldom.
const manyConfig = `
listen: {dns: ["127.0.0.1:0"]}
admin: "127.0.0.1:0"
state_dir: state
drain: 0s
route53: {refresh: 1h, requests_per_second: RATE}
views: [{name: all, clients: [127.0.0.0/8], vpcs: ["*"]}]
`

// manyZones is an AWS of n zones of so many records each: h0.many0.example. and so on.
func manyZones(n, records int) fstest.MapFS {
	files := fstest.MapFS{}
	var zones []string
	for i := range n {
		id, name := fmt.Sprintf("ZMANY%d", i), fmt.Sprintf("many%d.example.", i)
		zones = append(zones, fmt.Sprintf(`{"Id":"/hostedzone/%s","Name":"%s","CallerReference":"r%d"}`, id, name, i))
		sets := []string{fmt.Sprintf(`{"Name":"%s","Type":"SOA","TTL":900,"ResourceRecords":[{"Value":`+
			`"ns.example. host.example. 1 7200 900 1209600 86400"}]}`, name), fmt.Sprintf(`{"Name":"%s","Type":"NS","TTL":900,`+
			`"ResourceRecords":[{"Value":"ns.example."}]}`, name)}
		for j := range records {
			sets = append(sets, fmt.Sprintf(`{"Name":"h%d.%s","Type":"A","TTL":60,"ResourceRecords":[{"Value":"10.%d.%d.%d"}]}`,
				j, name, i, j/250, j%250))
		}
		files["route53/"+id+"/list-resource-record-sets.json"] = &fstest.MapFile{
			Data: []byte(`{"ResourceRecordSets":[` + strings.Join(sets, ",") + `]}`)}
	}
	files["route53/list-hosted-zones.json"] = &fstest.MapFile{
		Data: []byte(`{"HostedZones":[` + strings.Join(zones, ",") + `]}`)}
	return files
}

// tookOf says how long things took.
func tookOf(took []time.Duration) string {
	slices.Sort(took)
	if len(took) == 0 {
		return "none"
	}
	at := func(share float64) time.Duration {
		return took[min(len(took)-1, int(share*float64(len(took))))].Round(time.Millisecond)
	}
	return fmt.Sprintf("%d: p50 %v, p99 %v, worst %v", len(took), at(0.5), at(0.99), at(1))
}

// arrival is a change whose event has arrived.
type arrival struct {
	name, address string
	at            time.Time
}

// arrivals are changes that servers don't answer yet.
type arrivals struct {
	mu   sync.Mutex
	open map[*program][]arrival
	left map[string]int // servers that don't answer one yet, by name
	took []time.Duration
}

// look has one server be asked for all changes that it hasn't answered yet.
func (a *arrivals) look(t *testing.T, p *program, members int) {
	a.mu.Lock()
	open := slices.Clone(a.open[p])
	a.mu.Unlock()
	for _, one := range open {
		if !p.answers(t, asks("127.0.0.1", one.name+" A", one.address)) {
			continue
		}
		a.mu.Lock()
		a.open[p] = slices.DeleteFunc(a.open[p], func(o arrival) bool { return o == one })
		a.left[one.name]++
		if a.left[one.name] == members {
			a.took = append(a.took, time.Since(one.at))
		}
		a.mu.Unlock()
	}
}

// TestFleetArrivals measures the time from the arrival of an event until the last of five servers answers what it is
// about, at one change a second and at a hundred of 20 zones with 10 requests a second: all are answered.
func TestFleetArrivals(t *testing.T) {
	const zones, members = 20, 5
	c := newCloud(t, func(o *awssim.Options) {
		o.Data, o.Reads = manyZones(zones, 200), awssim.Limit{PerSecond: 10, Burst: 50}
	})
	err := c.CreateBucket("fleet")
	if err == nil {
		_, err = c.CreateQueue("eu-west-1", "events", nil)
	}
	if err == nil {
		err = c.SetEvents(awssim.EventSwitch{Queue: "events"})
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []*program
	for i := range members {
		section := strings.Replace(fleetSection(fmt.Sprintf("m%d", i+1)), "keys: [fleet.]}\n",
			"keys: [fleet.], events: \""+c.url+"/123456789012/events\"}\n", 1)
		all = append(all, newSite(t).start(t, strings.Replace(manyConfig, "RATE", "10", 1)+section))
	}
	for _, p := range all {
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	}
	leader := readyLeader(t, all)
	all[leader].await(t, "the members are known", func() bool {
		return len(all[leader].app.fleet.Member.Peers()) == members
	})
	next := 0
	for _, perSecond := range []int{1, 100} {
		a := &arrivals{open: map[*program][]arrival{}, left: map[string]int{}}
		ended := make(chan struct{})
		var watchers sync.WaitGroup
		for _, p := range all {
			watchers.Go(func() {
				for {
					a.look(t, p, members)
					select {
					case <-ended:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			})
		}
		count := *fleetSeconds * perSecond
		for range count {
			one := arrival{fmt.Sprintf("new%d.many%d.example", next, next%zones),
				fmt.Sprintf("192.0.%d.%d", next/250%250, next%250), time.Now()}
			c.change(t, fmt.Sprintf("ZMANY%d", next%zones), fmt.Sprintf("CREATE %s A %s", one.name, one.address))
			a.mu.Lock()
			for _, p := range all {
				a.open[p] = append(a.open[p], one)
			}
			a.mu.Unlock()
			next++
			time.Sleep(time.Second / time.Duration(perSecond))
		}
		all[0].await(t, "all changes are answered by all", func() bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.took) == count
		})
		close(ended)
		watchers.Wait()
		t.Logf("%d changes a second, from the event's arrival to the last of %d servers: %s", perSecond, members,
			tookOf(a.took))
	}
}

// TestFleetSpread sends updates to servers of five at random, and measures when the last one answers what each
// made: who was asked does at once.
func TestFleetSpread(t *testing.T) {
	c := newCloud(t, nil)
	const members = 5
	all := startFleetWith(t, c, members, fleetUpdates())
	leader := readyLeader(t, all)
	all[leader].await(t, "the members are known", func() bool {
		return len(all[leader].app.fleet.Member.Peers()) == members
	})
	var took []time.Duration
	late := 0
	for n := range *fleetSpread {
		p := all[rand.IntN(members)]
		name, address := fmt.Sprintf("s%d.example.net", n), fmt.Sprintf("10.%d.%d.7", n/250, n%250)
		s := ops()
		s.network = "tcp"
		if reply := s.send(t, p.addr, added(t, "example.net.", name+". 60 IN A "+address)); reply.Rcode != dns.RcodeSuccess {
			t.Fatalf("update %d: %v", n, reply)
		}
		began := time.Now()
		p.check(t, asks("127.0.0.1", name+" A", address))
		for _, other := range all {
			other.await(t, "the update at each server", func() bool {
				return other.answers(t, asks("127.0.0.1", name+" A", address))
			})
		}
		d := time.Since(began)
		took = append(took, d)
		if d > 300*time.Millisecond {
			late++
		}
	}
	t.Logf("from NOERROR to the last of %d servers: %s; %d later than 300 ms", members, tookOf(took), late)
}

// processorTime is what this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestFleetStart has a server join that has nothing: its first answer is right, from a fleet of many records. It is
// measured how long that takes.
func TestFleetStart(t *testing.T) {
	zones := *fleetRecords / 1000
	c := newCloud(t, func(o *awssim.Options) { o.Data = manyZones(zones, 1000) })
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(manyConfig, "RATE", "1000", 1)
	newSite(t).ready(t, config+fleetSection("m1"))
	c.fault(t, awssim.Fault{Operation: "ListResourceRecordSets", Fault: "500"})
	s := newSite(t)
	used, began := processorTime(t), time.Now()
	p := s.start(t, config+fleetSection("m2"))
	question := asks("127.0.0.1", fmt.Sprintf("h777.many%d.example A", zones-1), fmt.Sprintf("10.%d.3.27", zones-1))
	p.await(t, "the first right answer", func() bool { return p.answers(t, question) })
	t.Logf("%d records: the first right answer after %v, of both servers' processor %v", *fleetRecords,
		time.Since(began).Round(time.Millisecond), (processorTime(t) - used).Round(time.Millisecond))
	p.await(t, "ready", func() bool { return p.readiness(t).Ready })
}
