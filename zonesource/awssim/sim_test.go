package awssim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"inside53/server/house"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

// newSim is a simulator without throttling, unless o says otherwise.
func newSim(t *testing.T, o Options) *Sim {
	t.Helper()
	if o.Reads == (Limit{}) {
		o.Reads = Unlimited()
	}
	if o.Inventory == (Limit{}) {
		o.Inventory = Unlimited()
	}
	if o.Changes == (Limit{}) {
		o.Changes = Unlimited()
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// aClient is the real SDK, without retries so that calls can be counted.
type aClient struct {
	route53 *route53.Client
	ec2     *ec2.Client
	elb     *elasticloadbalancingv2.Client
	sts     *sts.Client
}

// serve puts s behind a real HTTP server and returns clients of it.
func serve(t *testing.T, s *Sim) aClient {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return clientAt(server.URL, &http.Client{Transport: transport}, staticKey("AKIAIOSFODNN7EXAMPLE"))
}

func clientAt(url string, doer aws.HTTPClient, who aws.CredentialsProvider) aClient {
	c := aws.Config{
		Region: "eu-west-1", Credentials: who, HTTPClient: doer, BaseEndpoint: &url,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return aClient{route53.NewFromConfig(c), ec2.NewFromConfig(c), elasticloadbalancingv2.NewFromConfig(c),
		sts.NewFromConfig(c)}
}

// inProcess hands requests to a handler without a network, for tests in a synctest bubble.
type inProcess struct{ handler http.Handler }

func (p inProcess) Do(r *http.Request) (response *http.Response, err error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer func() {
		cut := recover() // what net/http makes a broken connection of
		if cut != nil && cut != any(http.ErrAbortHandler) {
			panic(cut)
		}
		if cut != nil {
			response, err = nil, io.ErrUnexpectedEOF
		}
	}()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// staticKey are credentials of any access key.
func staticKey(key string) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(key, "secret", "")
}

func direct(s *Sim) aClient {
	return clientAt("http://sim.invalid", inProcess{s}, staticKey("AKIAIOSFODNN7EXAMPLE"))
}

// wantCode checks that err is the API error want; "" wants none.
func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	var api smithy.APIError
	switch {
	case want == "" && err == nil:
	case !errors.As(err, &api):
		t.Errorf("%s: got error %v, want code %q", what, err, want)
	case api.ErrorCode() != want:
		t.Errorf("%s: got code %s (%s), want %q", what, api.ErrorCode(), api.ErrorMessage(), want)
	}
}

// zoneFiles is a data directory with one public zone example.com of the given record sets beside its NS and SOA.
func zoneFiles(sets ...string) fstest.MapFS {
	all := append([]string{
		`{"Name":"example.com.","Type":"NS","TTL":172800,"ResourceRecords":[{"Value":"ns-1.awsdns-00.com."}]}`,
		`{"Name":"example.com.","Type":"SOA","TTL":900,"ResourceRecords":[{"Value":"ns-1.awsdns-00.com. ` +
			`awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}]}`,
	}, sets...)
	return fstest.MapFS{
		"route53/list-hosted-zones.json": {
			Data: []byte(`{"HostedZones":[{"Id":"/hostedzone/Z1","Name":"example.com.","CallerReference":"r1",
			"Config":{"PrivateZone":false},"ResourceRecordSetCount":2}]}`)},
		"route53/Z1/list-resource-record-sets.json": {
			Data: []byte(`{"ResourceRecordSets":[` + strings.Join(all, ",") + `]}`)},
	}
}

// listAll pages through a zone as a client does, and counts the pages.
func listAll(t *testing.T, c aClient, zone string) (sets []types.ResourceRecordSet, pages int, err error) {
	t.Helper()
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: &zone}
	for {
		out, err := c.route53.ListResourceRecordSets(t.Context(), in)
		if err != nil {
			return sets, pages, err
		}
		pages++
		if pages > 50 {
			t.Fatal("the listing does not end")
		}
		sets = append(sets, out.ResourceRecordSets...)
		if !out.IsTruncated {
			return sets, pages, nil
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType,
			out.NextRecordIdentifier
	}
}

func names(sets []types.ResourceRecordSet) []string {
	var all []string
	for _, s := range sets {
		all = append(all, fmt.Sprintf("%s %s %s", *s.Name, s.Type, aws.ToString(s.SetIdentifier)))
	}
	return all
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		options Options
		want    string
	}{
		{"account", Options{Account: "12"}, "want 12 digits"},
		{"delay", Options{SyncDelay: -1}, "cannot be negative"},
		{"limit", Options{Reads: Limit{PerSecond: 1}}, "limit reads"},
	} {
		_, err := New(c.options)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestEmptyAccount(t *testing.T) {
	c := serve(t, newSim(t, Options{}))
	zones, err := c.route53.ListHostedZones(t.Context(), &route53.ListHostedZonesInput{})
	if err != nil || len(zones.HostedZones) != 0 || zones.IsTruncated {
		t.Errorf("zones of nothing: %v, %v", zones, err)
	}
	instances, err := c.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	if err != nil || len(instances.Reservations) != 0 {
		t.Errorf("instances of nothing: %v, %v", instances, err)
	}
}

// Run has to end by itself with its context, a hanging request in it or not.
func TestRunEnds(t *testing.T) {
	s := newSim(t, Options{})
	err := s.AddFaults(Fault{Fault: "hang"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := clientAt("http://"+l.Addr().String(), &http.Client{Transport: transport}, staticKey("k"))
	hung := make(chan error, 1)
	go func() {
		_, err := c.route53.GetHostedZoneCount(context.Background(), &route53.GetHostedZoneCountInput{})
		hung <- err
	}()
	for s.Calls()["GetHostedZoneCount"] == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	err = <-ended
	if err != nil {
		t.Errorf("Run: %v", err)
	}
	err = <-hung
	if err == nil {
		t.Error("the hanging request got an answer")
	}
}

func TestRunReportsABrokenListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	err = newSim(t, Options{}).Run(t.Context(), l)
	if err == nil {
		t.Error("Run on a closed listener: no error")
	}
}

// Requests that no SDK sends get an error document and never a panic.
func TestMalformedRequests(t *testing.T) {
	s := newSim(t, Options{Data: zoneFiles()})
	scope := func(service string) string {
		return "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/" + service +
			"/aws4_request, SignedHeaders=host, Signature=0"
	}
	for _, c := range []struct {
		name, method, target, auth, body string
		status                           int
		want                             string
	}{
		{"unsigned route53", "GET", "/2013-04-01/hostedzone", "", "", 403, "<Code>MissingAuthenticationToken</Code>"},
		{"unsigned query", "POST", "/", "", "Action=DescribeVpcs", 403,
			"<Response><Errors><Error><Code>MissingAuthenticationToken</Code>"},
		{"bad scope", "GET", "/2013-04-01/hostedzone", "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=0", "", 403,
			"IncompleteSignature"},
		{"no such path", "GET", "/2013-04-01/nothing", scope("route53"), "", 404, "UnknownOperationException"},
		{"other version", "GET", "/2012-12-12/hostedzone", scope("route53"), "", 404, "UnknownOperationException"},
		{"wrong method", "PATCH", "/2013-04-01/hostedzone/Z1", scope("route53"), "", 404, "UnknownOperationException"},
		{"bad escape", "GET", "/2013-04-01/hostedzone/%2F", scope("route53"), "", 404, "NoSuchHostedZone"},
		{"no XML", "POST", "/2013-04-01/hostedzone/Z1/rrset/", scope("route53"), "{}", 400, "MalformedInput"},
		{"other XML", "POST", "/2013-04-01/hostedzone/Z1/rrset/", scope("route53"), "<a/>", 400, "MalformedInput"},
		{"bad number", "POST", "/2013-04-01/hostedzone/Z1/rrset/", scope("route53"),
			"<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><ResourceRecordSet><TTL>x</TTL></" +
				"ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>", 400, "MalformedInput"},
		{"empty batch", "POST", "/2013-04-01/hostedzone/Z1/rrset/", scope("route53"), "<ChangeResourceRecordSetsRequest/>",
			400, "InvalidInput"},
		{"maxitems", "GET", "/2013-04-01/hostedzone?maxitems=none", scope("route53"), "", 400, "InvalidInput"},
		{"type without name", "GET", "/2013-04-01/hostedzone/Z1/rrset?type=A", scope("route53"), "", 400, "InvalidInput"},
		{"identifier without type", "GET", "/2013-04-01/hostedzone/Z1/rrset?name=a&identifier=b", scope("route53"), "", 400,
			"InvalidInput"},
		{"type unknown", "GET", "/2013-04-01/hostedzone/Z1/rrset?name=a&type=BOGUS", scope("route53"), "", 400,
			"InvalidInput"},
		{"start name", "GET", "/2013-04-01/hostedzone/Z1/rrset?name=a..b", scope("route53"), "", 400, "InvalidInput"},
		{"marker", "GET", "/2013-04-01/hostedzone?marker=Z9", scope("route53"), "", 400, "InvalidInput"},
		{"byvpc token", "GET", "/2013-04-01/hostedzonesbyvpc?vpcid=v&vpcregion=r&nexttoken=AAAA", scope("route53"), "", 400,
			"InvalidPaginationToken"},
		{"no action", "POST", "/", scope("ec2"), "", 400, "MissingAction"},
		{"unknown action", "POST", "/", scope("ec2"), "Action=MonitorInstances", 400, "InvalidAction"},
		{"action of another service", "POST", "/", scope("sts"), "Action=DescribeVpcs", 400, "InvalidAction"},
		{"bad form", "POST", "/", scope("ec2"), "Action=%zz", 400, "MalformedQueryString"},
		{"ec2 token", "POST", "/", scope("ec2"), "Action=DescribeVpcs&NextToken=x", 400, "InvalidNextToken"},
		{"ec2 page", "POST", "/", scope("ec2"), "Action=DescribeVpcs&MaxResults=4", 400, "InvalidParameterValue"},
		{"elb page", "POST", "/", scope("elasticloadbalancing"), "Action=DescribeLoadBalancers&PageSize=0", 400,
			"ValidationError"},
		{"role", "POST", "/", scope("sts"), "Action=AssumeRole&RoleArn=x&RoleSessionName=y", 400, "ValidationError"},
		{"too large", "POST", "/", scope("ec2"), strings.Repeat("x", maxBody+1), 413, "RequestEntityTooLarge"},
		{"no control", "GET", "/_sim/other", "", "", 404, "there are GET"},
	} {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
		if c.auth != "" {
			r.Header.Set("Authorization", c.auth)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		body := w.Body.String()
		if w.Code != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: got %d %s; want %d %s", c.name, w.Code, body, c.status, c.want)
		}
		if c.method != "GET" && !strings.Contains(strings.ToLower(body), "<requestid>") {
			t.Errorf("%s: no request id in %s", c.name, body)
		}
	}
}
