package events

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource/awssim"
)

// manyZones is the demo with so many zones more, of 1,000 records each.
func manyZones(t *testing.T, n int) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	var zones []string
	for i := range n {
		id, name := fmt.Sprintf("ZMANY%d", i), fmt.Sprintf("many%d.example.", i)
		zones = append(zones, fmt.Sprintf(`{"Id":"/hostedzone/%s","Name":"%s","CallerReference":"r%d"}`, id, name, i))
		sets := []string{fmt.Sprintf(`{"Name":"%s","Type":"SOA","TTL":900,"ResourceRecords":[{"Value":`+
			`"ns.example. host.example. 1 7200 900 1209600 86400"}]}`, name), fmt.Sprintf(`{"Name":"%s","Type":"NS","TTL":900,`+
			`"ResourceRecords":[{"Value":"ns.example."}]}`, name)}
		for j := range 1000 {
			sets = append(sets, fmt.Sprintf(`{"Name":"h%d.%s","Type":"A","TTL":60,"ResourceRecords":[{"Value":"10.%d.%d.%d"}]}`,
				j, name, i, j/250, j%250))
		}
		files["route53/"+id+"/list-resource-record-sets.json"] = &fstest.MapFile{
			Data: []byte(`{"ResourceRecordSets":[` + strings.Join(sets, ",") + `]}`)}
	}
	files["route53/list-hosted-zones.json"] = &fstest.MapFile{
		Data: []byte(`{"HostedZones":[` + strings.Join(zones, ",") + `]}`)}
	for _, name := range []string{"vpcs", "subnets", "instances"} {
		file := "eu-west-1/describe-" + name + ".json"
		text, err := os.ReadFile("../../examples/demo/" + file)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = &fstest.MapFile{Data: text}
	}
	return files
}

// TestRate changes 100 records a second, of 20 zones, where AWS lets 10 calls a second through, and has all
// be served: it says how long that takes from the arrival of an event. Of the limit half is for events.
func TestRate(t *testing.T) {
	const zones, perSecond, allowed = 20, 100, 10
	seconds := 2
	if testing.Short() {
		seconds = 1
	}
	o := unlimited()
	o.Data = manyZones(t, zones)
	o.Reads = awssim.Limit{PerSecond: allowed, Burst: 50}
	l := newLab(t, o)
	l.rate = allowed
	l.start()
	l.await("all zones", func() bool { return len(l.keeper.Parts("route53")) == zones+1 })
	type change struct {
		zone, name string
		at         time.Time
	}
	var mu sync.Mutex
	var open []change
	last := map[string]int{}
	var took []time.Duration
	served := func(c change, octet int) bool {
		for _, p := range l.keeper.Parts("route53") {
			if p.Zone == nil || p.Zone.ID != c.zone {
				continue
			}
			for d := range p.Zone.Tree.Lookup(zone.MustName(c.name)).RRset(zone.TypeA).Rdata() {
				return int(d[3]) == octet
			}
		}
		return false
	}
	look := func() int {
		mu.Lock()
		defer mu.Unlock()
		open = slices.DeleteFunc(open, func(c change) bool {
			ok := served(c, last[c.name])
			if ok {
				took = append(took, time.Since(c.at))
			}
			return ok
		})
		return len(open)
	}
	before, began := l.sim.Calls()["ListResourceRecordSets"], time.Now()
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for i := range seconds * perSecond {
		<-tick.C
		z := i % zones
		c := change{fmt.Sprintf("ZMANY%d", z), fmt.Sprintf("h%d.many%d.example.", i*7%1000, z), time.Now()}
		octet := 100 + i%150
		_, err := l.sim.Change(c.zone, address(c.name, fmt.Sprintf("192.0.2.%d", octet)))
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		last[c.name] = octet
		open = append(open, c)
		mu.Unlock()
		if i%10 == 0 {
			look()
		}
	}
	deadline := time.Now().Add(60 * time.Second)
	for look() > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if len(open) > 0 {
		t.Fatalf("%d changes aren't served; events %v, calls %v", len(open), l.counted(), l.sim.Calls())
	}
	read := l.sim.Calls()["ListResourceRecordSets"] - before
	const burst = 10 * allowed / 2 // of the part of the budget that events have
	if most := burst + int(time.Since(began).Seconds()+1)*allowed/2; read > most {
		t.Errorf("%d calls, more than %d: events have half of the budget", read, most)
	}
	slices.Sort(took)
	t.Logf("%d changes a second over %d zones at %d calls a second: p50 %v, p99 %v, worst %v; calls %v", perSecond, zones,
		allowed, took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond),
		took[len(took)-1].Round(time.Millisecond), read)
}
