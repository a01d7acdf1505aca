package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"inside53/zonesource/awssim"
)

// guardTraffic is asked while the guard holds what was emptied.
func guardTraffic() []question {
	return append(demoQuestions(),
		asks(outside, "pages.example.net A", "203.0.113.202"),
		asks(outside, "host-29.example.net A", "192.0.2.29").byTCP(),
	)
}

// filled is the demo data with thirty more record sets in the product zone.
func filled(t *testing.T) *cloud {
	t.Helper()
	c := newCloud(t, nil)
	var sets []string
	for i := range 30 {
		sets = append(sets, fmt.Sprintf("CREATE host-%d.example.net A 192.0.2.%d", i, i))
	}
	c.change(t, productZone, sets...)
	return c
}

// TestProgramEmptied has every kind of listing come back empty.
func TestProgramEmptied(t *testing.T) {
	c := filled(t)
	p := newSite(t).ready(t, c.config())
	clients := p.traffic(t, guardTraffic()...)
	const exists = "a hosted zone exists and was not listed"
	// held says that listings of a source were refused, or wait for a second one.
	held := func(source string) bool {
		failing, _ := p.metric(t, fmt.Sprintf("inside53_source_failing_parts{source=%q}", source))
		pending, _ := p.metric(t, fmt.Sprintf("inside53_source_pending_parts{source=%q}", source))
		return failing != "0" || pending != "0"
	}
	for operation, source := range map[string]string{
		"ListResourceRecordSets": "route53", "DescribeNetworkInterfaces": "ec2", "DescribeInstances": "ec2",
	} {
		c.fault(t, awssim.Fault{Operation: operation, Fault: "empty"})
		p.await(t, "the emptied "+operation+" is held", func() bool { return held(source) })
		clients.during(t, 50)
		if r := p.readiness(t); !r.Ready {
			t.Errorf("%s: it is unready: %q", operation, r.Reasons)
		}
		c.ClearFaults()
		p.await(t, "all is as before after "+operation, func() bool { return !held(source) })
	}
	// What these tell is in other listings too.
	for _, operation := range []string{"DescribeVpcs", "DescribeSubnets", "DescribeAddresses"} {
		c.fault(t, awssim.Fault{Operation: operation, Fault: "empty", Count: 4})
		p.await(t, "the emptied "+operation+" is listed", func() bool { return len(c.Faults()) == 0 })
		clients.during(t, 50)
	}
	// Zones that aren't listed are asked for: these exist.
	c.fault(t, awssim.Fault{Operation: "ListHostedZones", Fault: "empty"})
	p.await(t, "the emptied list of zones is seen through",
		func() bool { return strings.Count(p.log.String(), exists) > 3 })
	clients.during(t, 50)
	clients.stop(t, 200)
}

// TestProgramAccept shrinks a zone for good, which an operator then accepts.
func TestProgramAccept(t *testing.T) {
	c := filled(t)
	p := newSite(t).ready(t, c.config())
	clients := p.traffic(t, guardTraffic()...)
	before := c.Records(productZone)
	err := c.SetRecords(productZone, before[:10])
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "/zones shows what has shrunk", func() bool { return p.zone(t, productZone).Shrunk != nil })
	clients.during(t, 50)
	z := p.zone(t, productZone)
	if z.Shrunk.Now >= z.Shrunk.Before || z.Records != len(before) || z.Name != "example.net." ||
		z.Visibility != "public" {
		t.Errorf("the zone is %+v, shrunk %+v, with %d record sets before", z, z.Shrunk, len(before))
	}
	clients.stop(t, 50)

	for _, tt := range []struct {
		method, path string
		code         int
		body         string
	}{
		{http.MethodPost, "/accept", http.StatusBadRequest, "which zone?"},
		{http.MethodPost, "/accept?zone=example.com", http.StatusNotFound, "example.com"},
		{http.MethodGet, "/accept?zone=example.net", http.StatusMethodNotAllowed, ""},
		{http.MethodPost, "/accept?zone=example.net", http.StatusOK, "accepted\n"},
		{http.MethodPost, "/accept?zone=example.net", http.StatusNotFound, "no shrunken listing"},
	} {
		code, body := p.get(t, tt.method, tt.path)
		if code != tt.code || !strings.Contains(body, tt.body) {
			t.Errorf("%s %s: status %d, %q", tt.method, tt.path, code, body)
		}
	}
	p.check(t, asks(outside, "host-29.example.net A", "NXDOMAIN"), asks(outside, "example.net A", "203.0.113.201"))
	z = p.zone(t, productZone)
	if z.Shrunk != nil || z.Records != 10 {
		t.Errorf("after it was accepted the zone is %+v", z)
	}
}

// withoutZone is the demo data's list of zones without one.
func withoutZone(t *testing.T, id string) []byte {
	t.Helper()
	var list struct{ HostedZones []map[string]any }
	unmarshal(t, readExample(t, "demo/route53/list-hosted-zones.json"), &list)
	kept := list.HostedZones[:0]
	for _, z := range list.HostedZones {
		if z["Id"] != "/hostedzone/"+id {
			kept = append(kept, z)
		}
	}
	list.HostedZones = kept
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestProgramZoneVanishes deletes a hosted zone: it stays while Route 53 doesn't say
// that it is gone, and goes when it does.
func TestProgramZoneVanishes(t *testing.T) {
	c := filled(t)
	s := newSite(t)
	p := s.ready(t, c.config())
	clients := p.traffic(t, guardTraffic()...)
	c.fault(t, awssim.Fault{Operation: "GetHostedZone", Fault: "access-denied"})
	err := c.Replace("route53/list-hosted-zones.json", withoutZone(t, productZone))
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "the zone is missed", func() bool { return p.zone(t, productZone).Error != "" })
	c.ResetCalls()
	p.await(t, "it was asked for again and again",
		func() bool { return c.Calls()["GetHostedZone"] >= 6 && c.Calls()["ListHostedZones"] >= 3 })
	clients.stop(t, 50)
	if p.zone(t, productZone).ID == "" {
		t.Error("the zone went although nobody said that it is gone")
	}

	clients = p.traffic(t, demoQuestions()...)
	c.ClearFaults()
	gone := asks(outside, "pages.example.net A", "NXDOMAIN") // says the world outside
	p.await(t, "the zone is gone", func() bool { return p.zone(t, productZone).ID == "" && p.answers(t, gone) })
	clients.stop(t, 20)
	if !strings.Contains(p.log.String(), "zone is gone") {
		t.Error("the log does not tell")
	}
	p.end(t)

	c.away.Store(true)
	p = s.ready(t, c.config())
	if z := p.zone(t, productZone); z.ID != "" {
		t.Errorf("after a restart the zone is there again: %+v", z)
	}
}

// TestProgramInventoryAges has the inventory fail until it is too old to translate
// addresses by.
func TestProgramInventoryAges(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config("MAXAGE", "3s"))
	stale := func() string {
		n, _ := p.metric(t, "inside53_stale_regions")
		return n
	}
	private, public := asks(dublin, "bastion.example.com A", "10.0.1.10"),
		asks(dublin, "bastion.example.com A", "203.0.113.10")
	outage := awssim.Fault{Operation: "DescribeInstances", Fault: "access-denied"}
	steady := p.traffic(t,
		asks(outside, "bastion.example.com A", "203.0.113.10"),
		asks(dublin, "www.example.com A", "10.0.1.21", "10.0.2.21"),
		asks(dublin, "web.internal A", "10.0.1.21", "10.0.2.21"),
	)
	p.check(t, private)
	if n := stale(); n != "0" {
		t.Errorf("%s regions are stale at the start", n)
	}
	c.fault(t, outage)
	p.await(t, "the listings fail", func() bool {
		n, _ := p.metric(t, `inside53_source_failing_parts{source="ec2"}`)
		return n == "2"
	})
	if n := stale(); n == "0" && !p.answers(t, private) && stale() == "0" {
		t.Error("translation ended before the inventory was too old")
	}
	p.await(t, "translation ends", func() bool { return stale() == "2" && p.answers(t, public) })
	if r := p.readiness(t); !r.Ready || !strings.Contains(r.Sources["ec2"].Error, "DescribeInstances") {
		t.Errorf("readiness is %+v", r)
	}
	c.ClearFaults()
	p.await(t, "translation begins again", func() bool { return stale() == "0" && p.answers(t, private) })
	steady.stop(t, 100)
}
