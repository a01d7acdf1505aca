package server

import (
	"net/http"
	"strings"
	"testing"

	"inside53/server/admin"
	"inside53/zonesource"
	"inside53/zonesource/awssim"
)

// TestProgramZonesOfOthers: a zone of another account that is associated with the VPC of a view,
// below a zone of ours. Its names are the VPC resolver's to answer, not ours to deny.
func TestProgramZonesOfOthers(t *testing.T) {
	const foreign = `{"HostedZoneSummaries": [
		{"HostedZoneId": "Z0OTHERS", "Name": "shared.example.com.", "Owner": {"OwningAccount": "999999999999"}}]}`
	c := newCloud(t, nil)
	for _, vpc := range []string{"vpc-0a1b2c3d4e5f60718", "vpc-0b7c1d2e3f4a59687"} {
		err := c.Replace("route53/"+vpc+"/list-hosted-zones-by-vpc.json", []byte(foreign))
		if err != nil {
			t.Fatal(err)
		}
	}
	dublins := world(t, "app.shared.example.com. 60 IN A 10.77.0.1\n")
	config := c.config() + "  - { zone: \".\", upstreams: [\"" + dublins + "\"], views: [dublin] }\n"
	s := newSite(t)
	p := s.ready(t, config)
	known := asks(dublin, "app.shared.example.com A", "10.77.0.1")
	p.await(t, "the zone of others is known", func() bool { return p.answers(t, known) })
	all := []question{
		known, known.byTCP(),
		asks(dublin, "none.shared.example.com A", "NXDOMAIN"),
		asks(dublin, "www.example.com A", "10.0.1.21", "10.0.2.21"),
		asks(dublin, "nothing.example.com A", "NXDOMAIN"),
		asks(outside, "app.shared.example.com A", "NXDOMAIN"),
	}
	p.check(t, all...)
	if calls := c.Calls()["ListHostedZonesByVPC"]; calls != 2 {
		t.Errorf("%d calls of ListHostedZonesByVPC", calls)
	}

	// A view without a resolver of its VPC: none is better than a wrong one.
	err := p.app.keeper.SetSelf(zonesource.Self{VPC: "vpc-elsewhere", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	denied := asks(virginia, "app.shared.example.com A", "SERVFAIL 22")
	p.check(t, append(all, denied)...)
	_, report := p.get(t, http.MethodGet, "/report")
	if !strings.Contains(report, "private zone Z0OTHERS of 999999999999 is associated with vpc-0b7c1d2e3f4a59687") {
		t.Errorf("the report is %s", report)
	}
	p.end(t)

	// The next process knows it at once, and asks for it when it is time again.
	p = s.ready(t, config)
	clients := p.traffic(t, all...)
	clients.during(t, 20)
	clients.stop(t, 20)
	if calls := c.Calls()["ListHostedZonesByVPC"]; calls != 2 {
		t.Errorf("%d calls of ListHostedZonesByVPC, the restart among them", calls)
	}
	p.end(t)

	// One that knows nothing yet is refused, and says so once.
	c.fault(t, awssim.Fault{Operation: "ListHostedZonesByVPC", Fault: "access-denied"})
	p = newSite(t).ready(t, config)
	p.await(t, "the survey was refused", func() bool {
		_, report := p.get(t, http.MethodGet, "/report")
		return strings.Contains(report, "needs the IAM action route53:ListHostedZonesByVPC")
	})
	if n := strings.Count(p.log.String(), "private zones of others not listed"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// TestProgramForwardedBelow tells what secondaries of a zone deny that clients are forwarded for.
func TestProgramForwardedBelow(t *testing.T) {
	c := newCloud(t, nil)
	config := strings.Replace(c.transferConfig("127.0.0.1:9"), "forward:\n",
		"forward:\n  - { zone: plant.example.com, upstreams: [\"127.0.0.1:9\"], views: [dublin] }\n", 1)
	p := newSite(t).ready(t, config)
	tells := func(view string) bool {
		var info admin.Transfers
		p.into(t, "/transfers", &info)
		for _, z := range info.Zones {
			for _, f := range z.Findings {
				if z.View == view && z.Zone == "example.com." && f.Name == "plant.example.com." {
					return f.Type == "ANY" && strings.Contains(f.Reason, "clients are forwarded to 127.0.0.1:9")
				}
			}
		}
		return false
	}
	p.await(t, "it is told", func() bool { return tells("dublin") })
	if tells("virginia") {
		t.Error("told of a view that doesn't forward it")
	}
}
