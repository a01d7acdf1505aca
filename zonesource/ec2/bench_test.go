package ec2

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// largeRegion is an EC2 of one region, by its pages of instances.
type largeRegion struct {
	pages [][]byte
	cards []byte
}

// Do implements aws.HTTPClient.
func (r *largeRegion) Do(request *http.Request) (*http.Response, error) {
	err := request.ParseForm()
	if err != nil {
		return nil, err
	}
	operation := request.PostForm.Get("Action")
	body := fmt.Appendf(nil, "<%sResponse><requestId>1</requestId></%[1]sResponse>", operation)
	switch operation {
	case "DescribeInstances":
		at := 0
		_, _ = fmt.Sscanf(request.PostForm.Get("NextToken"), "page%d", &at) // none: the first
		body = r.pages[at]
	case "DescribeNetworkInterfaces":
		body = r.cards
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: request,
		Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// instancesPage is the i-th of so many pages of a thousand instances; the first one of it has the version in its tag.
func instancesPage(i, pages, version int) []byte {
	b := []byte(`<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>` +
		"1</requestId><reservationSet>")
	for k := range pageSize {
		tag := fmt.Sprintf("host-%d-%d", i, k)
		if k == 0 {
			tag = fmt.Sprintf("host-%d-%d-%d", i, k, version)
		}
		b = fmt.Appendf(b, "<item><reservationId>r-%d</reservationId><ownerId>1</ownerId><instancesSet><item>"+
			"<instanceId>i-%06d</instanceId><vpcId>vpc-1</vpcId><instanceState><code>16</code><name>running</name>"+
			"</instanceState><privateIpAddress>10.%d.%d.%d</privateIpAddress><tagSet><item><key>dns</key><value>%s</value>"+
			"</item></tagSet></item></instancesSet></item>", i*pageSize+k, i*pageSize+k, i, k/250, k%250, tag)
	}
	b = append(b, "</reservationSet>"...)
	if i+1 < pages {
		b = fmt.Appendf(b, "<nextToken>page%d</nextToken>", i+1)
	}
	return append(b, "</DescribeInstancesResponse>"...)
}

// BenchmarkListing is what a refresh of 20,000 instances costs: of which nothing has changed, of which a tag of
// one has, and the first one.
func BenchmarkListing(b *testing.B) {
	const pages = 20
	for _, name := range []string{"unchanged", "one tag", "first"} {
		b.Run(name, func(b *testing.B) {
			region := &largeRegion{cards: []byte("<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>" +
				"<networkInterfaceId>eni-1</networkInterfaceId><vpcId>vpc-1</vpcId>" +
				"<privateIpAddress>10.0.0.0</privateIpAddress></item></networkInterfaceSet></DescribeNetworkInterfacesResponse>")}
			for i := range pages {
				region.pages = append(region.pages, instancesPage(i, pages, 0))
			}
			var kept zonesource.Part
			s, err := New(Options{Regions: []string{"eu-west-1"},
				Kept: func(zonesource.Key) (zonesource.Part, bool) { return kept, kept.Region != nil },
				Accounts: []Account{{Config: aws.Config{HTTPClient: region,
					Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
					APIOptions:  []func(*middleware.Stack) error{awscall.ComparePages(zonesource.Rest, "EC2")}}}}})
			if err != nil {
				b.Fatal(err)
			}
			r := s.newRegion(s.o.Accounts[0], "eu-west-1")
			r.salt = s.o.saltOf(r.account)
			slots := make(chan struct{}, 1)
			kept, err = r.inTurn(b.Context(), slots)
			if err != nil || len(kept.Region.Hosts) != pages*pageSize {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for version := 1; b.Loop(); version++ {
				switch name {
				case "one tag":
					region.pages[3] = instancesPage(3, pages, version)
				case "first":
					kept = zonesource.Part{}
				}
				kept, err = r.inTurn(b.Context(), slots)
				if err != nil || len(kept.Region.Hosts) != pages*pageSize {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(pages*pageSize), "ns/instance")
		})
	}
}
