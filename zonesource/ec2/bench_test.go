package ec2

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/breath"
)

// largeRegion is an EC2 of one region, by the pages of its operations: of instances with an interface each, of which
// every tenth has an elastic IP.
type largeRegion struct {
	instances  int
	loneCards  int // interfaces besides those of instances
	pages      map[string][][]byte
	tokenFirst bool // the tokens stand before the items
	decoded    lab  // counts
	room       int  // octets of pages that are remembered; 0: as many as usual
	of         *region
}

// Do implements aws.HTTPClient.
func (r *largeRegion) Do(request *http.Request) (*http.Response, error) {
	err := request.ParseForm()
	if err != nil {
		return nil, err
	}
	operation := request.PostForm.Get("Action")
	body := fmt.Appendf(nil, "<%sResponse><requestId>1</requestId></%[1]sResponse>", operation)
	if pages := r.pages[operation]; len(pages) > 0 {
		at := 0
		_, _ = fmt.Sscanf(request.PostForm.Get("NextToken"), "page%d", &at) // none: the first
		body = pages[at]
	}
	if r.tokenFirst {
		body = tokenFirst(body)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: request,
		Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// tokenFirst is a page whose token stands before its items.
func tokenFirst(page []byte) []byte {
	before, token, found := bytes.Cut(page, []byte("<nextToken>"))
	token, after, _ := bytes.Cut(token, []byte("</nextToken>"))
	if !found {
		return page
	}
	head, rest, _ := bytes.Cut(before, []byte("<requestId>"))
	return slices.Concat(head, []byte("<nextToken>"), token, []byte("</nextToken><requestId>"), rest, after)
}

// pageOf is the i-th of so many pages of an operation.
func pageOf(f form, i, pages int, items []byte) []byte {
	b := fmt.Appendf(nil, `<%sResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>`+
		"<%s>%s</%[2]s>", f.operation, f.set, items)
	if i+1 < pages {
		b = fmt.Appendf(b, "<nextToken>page%d</nextToken>", i+1)
	}
	return fmt.Appendf(b, "</%sResponse>", f.operation)
}

// instancesPage is the i-th of so many pages of a thousand instances; the first one of it has the version in its tag.
func instancesPage(i, pages, version int) []byte {
	var b []byte
	for k := range pageSize {
		tag := fmt.Sprintf("host-%d-%d", i, k)
		if k == 0 {
			tag = fmt.Sprintf("host-%d-%d-%d", i, k, version)
		}
		b = fmt.Appendf(b, "<item><reservationId>r-%d</reservationId><ownerId>1</ownerId><instancesSet><item>"+
			"<instanceId>i-%06d</instanceId><vpcId>vpc-1</vpcId><instanceState><code>16</code><name>running</name>"+
			"</instanceState><privateIpAddress>10.%d.%d.%d</privateIpAddress><tagSet><item><key>dns</key><value>%s</value>"+
			"</item><item><key>%s</key><value>group-%d</value></item></tagSet></item></instancesSet></item>", i*pageSize+k,
			i*pageSize+k, i, k/250, k%250, tag, groupTag, k%50)
	}
	return pageOf(instanceForm, i, pages, b)
}

// cardsPage is that of their interfaces; the second one of it has the version in an address.
func cardsPage(i, pages, version int) []byte {
	var b []byte
	for k := range pageSize {
		b = fmt.Appendf(b, "<item><networkInterfaceId>eni-%06d</networkInterfaceId><vpcId>vpc-1</vpcId><ownerId>1</ownerId>"+
			"<attachment><instanceId>i-%06[1]d</instanceId><deviceIndex>0</deviceIndex></attachment><privateIpAddress>"+
			"10.%d.%d.%d</privateIpAddress>", i*pageSize+k, i, k/250, k%250)
		switch {
		case k%10 == 0:
			b = fmt.Appendf(b, "<association><publicIp>192.0.%d.%d</publicIp></association>", i, k/10)
		case k == 1:
			b = fmt.Appendf(b, "<association><publicIp>198.%d.%d.%d</publicIp></association>", i, version>>8&0xff,
				version&0xff)
		}
		b = append(b, "</item>"...)
	}
	return pageOf(cardForm, i, pages, b)
}

// addressesPage is that of the elastic IPs of so many pages of instances; the first one goes from interface to
// interface with the version.
func addressesPage(pages, version int) []byte {
	var b []byte
	for i := range pages {
		for k := 0; k < pageSize; k += 10 {
			at := i*pageSize + k
			if at == 0 {
				at = version % 10
			}
			b = fmt.Appendf(b, "<item><publicIp>192.0.%d.%d</publicIp><allocationId>eipalloc-%d-%[2]d</allocationId>"+
				"<networkInterfaceId>eni-%06[3]d</networkInterfaceId></item>", i, k/10, at)
		}
	}
	return pageOf(addressForm, 0, 1, b)
}

// subnetsPage are subnets, the first one of which has as many free addresses as the version says.
func subnetsPage(version int) []byte {
	var b []byte
	for i := range 500 {
		free := 100
		if i == 0 {
			free = version
		}
		b = fmt.Appendf(b, "<item><subnetId>subnet-%03d</subnetId><vpcId>vpc-1</vpcId><cidrBlock>10.%d.%d.0/24</cidrBlock>"+
			"<availableIpAddressCount>%d</availableIpAddressCount></item>", i, i/250, i%250, free)
	}
	return pageOf(subnetForm, 0, 1, b)
}

// vpcsPage are VPCs, the first one of which has the version in its CIDR.
func vpcsPage(version int) []byte {
	var b []byte
	for i := range 100 {
		cidr := i
		if i == 0 {
			cidr = 100 + version%100
		}
		b = fmt.Appendf(b, "<item><vpcId>vpc-%d</vpcId><ownerId>1</ownerId><cidrBlock>10.%d.0.0/16</cidrBlock></item>", i,
			cidr)
	}
	return pageOf(vpcForm, 0, 1, b)
}

func newLargeRegion(pages int) *largeRegion {
	r := &largeRegion{instances: pages * pageSize, pages: map[string][][]byte{
		addressForm.operation: {addressesPage(pages, 0)}, subnetForm.operation: {subnetsPage(0)},
		vpcForm.operation: {vpcsPage(0)},
	}}
	for i := range pages {
		r.pages[instanceForm.operation] = append(r.pages[instanceForm.operation], instancesPage(i, pages, 0))
		r.pages[cardForm.operation] = append(r.pages[cardForm.operation], cardsPage(i, pages, 0))
	}
	return r
}

// regionChange is something that changes in a large region.
type regionChange struct {
	name   string
	change func(r *largeRegion, pages, version int)
	names  []string // nil: those that are usual
}

func regionChanges() []regionChange {
	tag := func(r *largeRegion, pages, version int) {
		r.pages[instanceForm.operation][pages/2] = instancesPage(pages/2, pages, version)
	}
	card := func(r *largeRegion, pages, version int) {
		r.pages[cardForm.operation][pages/2] = cardsPage(pages/2, pages, version)
	}
	subnet := func(r *largeRegion, _, version int) { r.pages[subnetForm.operation][0] = subnetsPage(version) }
	return []regionChange{
		{"unchanged", func(*largeRegion, int, int) {}, nil},
		{"one tag", tag, nil},
		{"one tag, numbered groups", tag, []string{"{asg}-{ordinal}"}},
		{"one interface", card, nil},
		{"one elastic IP", func(r *largeRegion, pages, version int) {
			r.pages[addressForm.operation][0] = addressesPage(pages, version)
		}, nil},
		{"free addresses of one subnet", subnet, nil},
		{"one VPC", func(r *largeRegion, _, version int) { r.pages[vpcForm.operation][0] = vpcsPage(version) }, nil},
		{"an instance with its interface and subnet", func(r *largeRegion, pages, version int) {
			tag(r, pages, version)
			card(r, pages, version)
			subnet(r, pages, version)
		}, nil},
	}
}

// listings returns what lists a large region again and again, from a first listing on.
func (r *largeRegion) listings(tb testing.TB, names []string) (again func(forgetful bool) *zonesource.Region) {
	tb.Helper()
	var kept zonesource.Part
	s, err := New(Options{Regions: []string{"eu-west-1"}, Names: names,
		Kept: func(zonesource.Key) (zonesource.Part, bool) { return kept, kept.Region != nil },
		Accounts: []Account{{Config: aws.Config{HTTPClient: r,
			Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
			APIOptions: []func(*middleware.Stack) error{awscall.ComparePages(breath.Take, "EC2"),
				r.decoded.countDecoded}}}}})
	if err != nil {
		tb.Fatal(err)
	}
	if r.room > 0 {
		s.room.most = r.room
	}
	of := s.newRegion(s.o.Accounts[0], "eu-west-1")
	r.of = of
	of.salt = s.o.saltOf(of.account)
	slots := make(chan struct{}, 1)
	again = func(forgetful bool) *zonesource.Region {
		if forgetful {
			kept = zonesource.Part{}
		}
		kept, err = of.inTurn(tb.Context(), slots)
		if err != nil || len(kept.Region.Hosts) != r.instances || len(kept.Region.Interfaces) != r.instances+r.loneCards {
			tb.Fatal(err)
		}
		return kept.Region
	}
	again(true)
	return again
}

// processor is the time that the process has used.
func processor(tb testing.TB) time.Duration {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	if err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkListing is what a refresh of 20,000 instances costs: of which one thing has changed, and the first one.
func BenchmarkListing(b *testing.B) {
	const pages = 20
	for _, c := range append(regionChanges(), regionChange{name: "first", change: func(*largeRegion, int, int) {}}) {
		b.Run(c.name, func(b *testing.B) {
			r := newLargeRegion(pages)
			again := r.listings(b, c.names)
			b.ReportAllocs()
			r.decoded.items = 0
			spent := time.Duration(0) // of the processor: a listing rests meanwhile
			for version := 1; b.Loop(); version++ {
				b.StopTimer()
				c.change(r, pages, version)
				began := processor(b)
				b.StartTimer()
				again(c.name == "first")
				spent += processor(b) - began
			}
			b.ReportMetric(spent.Seconds()*1e6/float64(b.N)/(pages*pageSize), "CPU-us/instance")
			b.ReportMetric(float64(r.decoded.items)/float64(b.N), "decoded/op")
		})
	}
}

// TestOneChangeOfARegionIsDecodedAlone: some chunks around a change are decoded, however much there is, and nothing is
// allocated for what isn't decoded, but some strings of an elastic IP where these differ.
func TestOneChangeOfARegionIsDecodedAlone(t *testing.T) {
	for _, c := range regionChanges() {
		oneChange(t, c, 2, true)
		if testing.Short() {
			continue
		}
		for _, pages := range []int{1, 4} {
			oneChange(t, c, pages, false)
		}
	}
}

func oneChange(t *testing.T, c regionChange, pages int, tokenFirst bool) {
	t.Helper()
	r := newLargeRegion(pages)
	r.tokenFirst = tokenFirst
	again := r.listings(t, c.names)
	calls := testing.AllocsPerRun(1, func() { again(false) }) // where nothing changes
	version, items := 0, 0
	with := testing.AllocsPerRun(2, func() {
		version++
		c.change(r, pages, version)
		r.decoded.items = 0
		again(false)
		items = max(items, r.decoded.items)
	})
	without := testing.AllocsPerRun(1, func() { c.change(r, pages, version) })
	if items > 20*chunkSize || (items == 0) != (c.name == "unchanged") {
		t.Errorf("%s, token first %t: of %d instances %d items are decoded", c.name, tokenFirst, r.instances, items)
	}
	if n := with - without - calls; n > float64(2000+200*items+6*r.instances/10) {
		t.Errorf("%s, token first %t: of %d instances %d items are decoded, for %v allocations", c.name, tokenFirst,
			r.instances, items, n)
	}
}
