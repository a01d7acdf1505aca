package awssim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/examples"
)

// threePages is a zone of 700 record sets.
func threePages(t *testing.T, o Options) *Sim {
	t.Helper()
	var sets []string
	for i := range 698 {
		sets = append(sets, simple(fmt.Sprintf("h%03d.example.com.", i)))
	}
	o.Data = zoneFiles(sets...)
	return newSim(t, o)
}

func arm(t *testing.T, s *Sim, faults ...Fault) {
	t.Helper()
	err := s.AddFaults(faults...)
	if err != nil {
		t.Fatal(err)
	}
}

const listing3 = "ListResourceRecordSets"

// Each fault strikes the page it is armed for, as often as armed, and no other.
func TestFaultsOnAPage(t *testing.T) {
	for _, c := range []struct {
		fault string
		want  string // error code; "cut" for a broken answer
	}{
		{"500", "InternalFailure"}, {"throttle", "Throttling"}, {"access-denied", "AccessDenied"},
		{"prior-request", "PriorRequestNotComplete"}, {"fail", "cut"},
	} {
		s := threePages(t, Options{})
		client := serve(t, s)
		arm(t, s, Fault{Operation: listing3, Fault: c.fault, Page: 2, Count: 1})
		sets, pages, err := listAll(t, client, "Z1")
		if len(sets) != 300 || pages != 1 {
			t.Errorf("%s: %d sets in %d pages before the fault, want 300 in 1", c.fault, len(sets), pages)
		}
		if c.want == "cut" {
			if err == nil {
				t.Errorf("%s: a broken answer was taken for whole", c.fault)
			}
		} else {
			wantCode(t, c.fault, err, c.want)
		}
		if left := s.Faults(); len(left) != 0 {
			t.Errorf("%s: still armed after its count: %v", c.fault, left)
		}
		sets, pages, err = listAll(t, client, "Z1")
		if len(sets) != 700 || pages != 3 || err != nil {
			t.Errorf("%s: afterwards %d sets in %d pages, %v", c.fault, len(sets), pages, err)
		}
	}
}

func TestFaultsOfOtherServices(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	ctx := t.Context()
	for _, f := range []struct{ fault, ec2, sts string }{
		{"throttle", "RequestLimitExceeded", "Throttling"},
		{"access-denied", "UnauthorizedOperation", "AccessDenied"},
		{"expired-token", "RequestExpired", "ExpiredToken"},
		{"500", "InternalFailure", "InternalFailure"},
	} {
		arm(t, s, Fault{Operation: "*", Fault: f.fault})
		_, err := c.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
		wantCode(t, "ec2 "+f.fault, err, f.ec2)
		_, err = c.sts.GetCallerIdentity(ctx, nil)
		wantCode(t, "sts "+f.fault, err, f.sts)
		s.ClearFaults()
	}
}

func TestEmptyListings(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := serve(t, s)
	ctx := t.Context()
	arm(t, s, Fault{Fault: "empty"})
	zones, err := c.route53.ListHostedZones(ctx, &route53.ListHostedZonesInput{})
	if err != nil || len(zones.HostedZones) != 0 || zones.IsTruncated {
		t.Errorf("zones: %v, %v", zones, err)
	}
	sets, pages, err := listAll(t, c, "Z0484276PQ3RN1T5XWVB")
	if err != nil || len(sets) != 0 || pages != 1 {
		t.Errorf("records: %d in %d pages, %v", len(sets), pages, err)
	}
	instances, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	if err != nil || len(instances.Reservations) != 0 {
		t.Errorf("instances: %v, %v", instances, err)
	}
}

// While "changing" is armed, what was on a page is gone from the zone before the next page, and comes back.
func TestChangingRecords(t *testing.T) {
	s := threePages(t, Options{})
	c := serve(t, s)
	count := func() int64 {
		out, err := c.route53.GetHostedZone(t.Context(), &route53.GetHostedZoneInput{Id: aws.String("Z1")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.HostedZone.ResourceRecordSetCount
	}
	arm(t, s, Fault{Operation: listing3, Fault: "changing", Page: 1})
	sets, _, err := listAll(t, c, "Z1")
	if err != nil || len(sets) != 700 || count() != 699 {
		t.Errorf("first listing: %d sets, %v; the zone has %d, want 700 listed of 699", len(sets), err, count())
	}
	sets, _, err = listAll(t, c, "Z1")
	if err != nil || len(sets) != 699 || count() != 700 {
		t.Errorf("second listing: %d sets, %v; the zone has %d, want 699 listed of 700", len(sets), err, count())
	}
	if slices.Contains(names(sets), "h000.example.com. A ") || sets[0].Type != "NS" {
		t.Errorf("the record gone is not the first below the apex: %q", names(sets)[:3])
	}
	_, _, err = listAll(t, c, "Z1")
	if err != nil || count() != 699 {
		t.Errorf("third listing: %v, the zone has %d", err, count())
	}
	s.ClearFaults()
	sets, _, err = listAll(t, c, "Z1")
	if err != nil || len(sets) != 700 || count() != 700 {
		t.Errorf("cleared: %d sets of %d, %v", len(sets), count(), err)
	}
}

// A listing by position skips an item when one before it goes.
func TestChangingInventory(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo(), PageSize: 5})
	c := serve(t, s)
	arm(t, s, Fault{Operation: "DescribeNetworkInterfaces", Fault: "changing", Count: 1})
	seen := map[string]int{}
	pages := ec2.NewDescribeNetworkInterfacesPaginator(c.ec2, &ec2.DescribeNetworkInterfacesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.NetworkInterfaces {
			seen[*e.NetworkInterfaceId]++
		}
	}
	if len(seen) != 15 {
		t.Errorf("saw %d of 16 interfaces, want the one at the boundary to be missed", len(seen))
	}
}

func TestStuckPage(t *testing.T) {
	s := threePages(t, Options{})
	c := serve(t, s)
	arm(t, s, Fault{Operation: listing3, Fault: "stuck", Page: 2})
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("Z1"),
		StartRecordName: aws.String("h298.example.com"), StartRecordType: "A"}
	out, err := c.route53.ListResourceRecordSets(t.Context(), in)
	if err != nil || !out.IsTruncated || *out.NextRecordName != "h298.example.com." {
		t.Errorf("next is %q, %v; want the page's own start", aws.ToString(out.NextRecordName), err)
	}
}

func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, Options{Data: zoneFiles()})
		c := direct(s)
		arm(t, s, Fault{Fault: "hang"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := c.route53.GetHostedZoneCount(ctx, &route53.GetHostedZoneCountInput{})
		if err == nil || time.Since(began) != time.Minute {
			t.Errorf("ended after %v with %v, want a minute and an error", time.Since(began), err)
		}
		answered := make(chan error, 1)
		go func() {
			_, err := c.route53.GetHostedZoneCount(t.Context(), &route53.GetHostedZoneCountInput{})
			answered <- err
		}()
		synctest.Wait()
		select {
		case err := <-answered:
			t.Fatalf("did not hang: %v", err)
		default:
		}
		arm(t, s, Fault{Operation: "ListHostedZones", Fault: "500"}) // another fault wakes nobody
		synctest.Wait()
		if len(answered) != 0 {
			t.Fatal("another fault has ended the hanging")
		}
		s.ClearFaults()
		err = <-answered
		if err != nil {
			t.Errorf("after clearing: %v", err)
		}
	})
}

func TestTokenBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Options{Data: changeFiles()})
		if err != nil {
			t.Fatal(err)
		}
		c := direct(s)
		ctx := t.Context()
		read := func() error {
			_, err := c.route53.GetHostedZoneCount(ctx, &route53.GetHostedZoneCountInput{})
			return err
		}
		until := func(call func() error) (n int) {
			for call() == nil {
				n++
				if n > 1000 {
					t.Fatal("never throttled")
				}
			}
			return n
		}
		if n := until(read); n != 50 {
			t.Errorf("burst of reads: %d, want 50", n)
		}
		wantCode(t, "reads", read(), "Throttling")
		if err := read(); !strings.Contains(err.Error(), "Rate exceeded") {
			t.Errorf("message: %v", err)
		}
		time.Sleep(time.Second)
		if n := until(read); n != 10 {
			t.Errorf("reads after a second: %d, want 10", n)
		}
		change := func() error {
			_, err := apply(t, c, do("UPSERT", plain("u.example.com", "A", 60, "192.0.2.1")))
			return err
		}
		if n := until(change); n != 50 {
			t.Errorf("burst of changes, with no read left: %d, want 50", n)
		}
		status := func() error {
			_, err := c.route53.GetHealthCheckStatus(ctx, &route53.GetHealthCheckStatusInput{HealthCheckId: aws.String("h1")})
			return err
		}
		if n := until(status); n != 4 {
			t.Errorf("burst of status calls: %d, want 4", n)
		}
		describe := func() error {
			_, err := c.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			return err
		}
		if n := until(describe); n != 100 {
			t.Errorf("burst of EC2: %d, want 100", n)
		}
		wantCode(t, "EC2", describe(), "RequestLimitExceeded")
		other := clientAt("http://sim.invalid", inProcess{s}, staticKey("ASIA2222222222220001"))
		_, err = other.route53.GetHostedZoneCount(ctx, &route53.GetHostedZoneCountInput{})
		wantCode(t, "another account", err, "")
	})
}

func TestControl(t *testing.T) {
	s := newSim(t, Options{Data: zoneFiles()})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode, strings.TrimSpace(string(text))
	}
	one := `{"operation":"ListHostedZones","fault":"500","page":1,"count":3}`
	two := `{"operation":"*","fault":"throttle","page":0,"count":0}`
	for _, c := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"GET", "", 200, "[]"},
		{"PUT", one, 200, "[" + one + "]"},
		{"PUT", two, 200, "[" + one + "," + two + "]"},
		{"PUT", "[" + two + "]", 200, "[" + two + "]"},
		{"PUT", `{"fault":"fire"}`, 400, "want one of"},
		{"PUT", `[{"fault":"500","page":-1}]`, 400, "cannot be negative"},
		{"PUT", `{"fault":"500","operation":"ListZones"}`, 400, "no such operation"},
		{"PUT", `{"fault":"500","pages":1}`, 400, "unknown field"},
		{"PUT", `{`, 400, "reading the fault"},
		{"GET", "", 200, "[" + two + "]"},
		{"PUT", `{"operation":"ListHostedZones","fault":500,"page":1,"count":3}`, 200, "[" + two + "," + one + "]"},
		{"PUT", `{"operation":"ListHostedZones"}`, 200, "[" + two + "]"},
		{"PUT", `{"fault":"none"}`, 200, "[]"},
		{"PUT", `[{"operation":"*","fault":"Throttling"}]`, 200, "[" + two + "]"},
		{"PUT", `[{"fault":"access denied"},{"fault":"AccessDenied"},{"fault":"emptied"}]`, 200,
			`[{"operation":"","fault":"access-denied","page":0,"count":0},{"operation":"","fault":"access-denied","page":0,` +
				`"count":0},{"operation":"","fault":"empty","page":0,"count":0}]`},
		{"PUT", `{"fault":true}`, 400, "reading the fault"},
		{"PUT", "[]", 200, "[]"},
		{"PUT", one, 200, "[" + one + "]"},
		{"DELETE", "", 200, "[]"},
	} {
		status, text := ask(c.method, "/_sim/faults", c.body)
		if status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: %d %s; want %d %s", c.method, c.body, status, text, c.status, c.want)
		}
	}

	client := serve(t, s)
	for range 3 {
		_, err := client.route53.ListHostedZones(t.Context(), &route53.ListHostedZonesInput{})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, text := ask("GET", "/_sim/calls", "")
	calls := map[string]int{}
	err := json.Unmarshal([]byte(text), &calls)
	if err != nil || !maps.Equal(calls, map[string]int{"ListHostedZones": 3}) {
		t.Errorf("calls: %s, %v", text, err)
	}
	_, text = ask("DELETE", "/_sim/calls", "")
	if text != "{}" || len(s.Calls()) != 0 {
		t.Errorf("calls after the reset: %s", text)
	}
}

func TestAddFaultsTakesAllOrNone(t *testing.T) {
	s := newSim(t, Options{})
	err := s.AddFaults(Fault{Fault: "500"}, Fault{Fault: "fire"})
	if err == nil || len(s.Faults()) != 0 {
		t.Errorf("%v, armed %v", err, s.Faults())
	}
}
