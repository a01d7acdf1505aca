package route53

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"path"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

// hosted is one zone of a test's AWS.
type hosted struct {
	id, name string
	private  bool
	vpcs     []zone.VPC
	sets     []awssim.RecordSet // besides SOA and NS
}

// cloud is a simulated AWS with a client of ours before it.
type cloud struct {
	t      *testing.T
	sim    *awssim.Sim
	config aws.Config

	mu    sync.Mutex
	codes map[string]int // results that OnCall told
}

// newCloud serves the data over HTTP.
func newCloud(t *testing.T, data fstest.MapFS) *cloud {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Data: data, Reads: awssim.Unlimited(), Inventory: awssim.Unlimited(),
		ExternalIDs: map[string]string{"222222222222": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(sim.ClearFaults)
	return &cloud{t: t, sim: sim, codes: map[string]int{}, config: aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
		HTTPClient:   awshttp.NewBuildableClient(),
		APIOptions: []func(*middleware.Stack) error{
			awscall.ComparePages(func() {}, "Route 53"),
		},
	}}
}

// simpleCloud is a newCloud of some zones.
func simpleCloud(t *testing.T, zones ...hosted) *cloud {
	t.Helper()
	return newCloud(t, dataOf(t, zones...))
}

// dataOf is the data directory of some zones.
func dataOf(t *testing.T, zones ...hosted) fstest.MapFS {
	t.Helper()
	data := fstest.MapFS{}
	put := func(name string, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		data[name] = &fstest.MapFile{Data: text}
	}
	type object = map[string]any
	var list []object
	for _, z := range zones {
		info := object{"Id": "/hostedzone/" + z.id, "Name": z.name, "CallerReference": z.id,
			"Config": object{"PrivateZone": z.private, "Comment": "zone " + z.id}, "ResourceRecordSetCount": len(z.sets) + 2}
		list = append(list, info)
		put(path.Join("route53", z.id, "list-resource-record-sets.json"),
			object{"ResourceRecordSets": append(z.apex(), z.sets...)})
		if z.private {
			vpcs := []object{}
			for _, v := range z.vpcs {
				vpcs = append(vpcs, object{"VPCId": v.ID, "VPCRegion": v.Region})
			}
			put(path.Join("route53", z.id, "get-hosted-zone.json"), object{"HostedZone": info, "VPCs": vpcs})
		}
	}
	put("route53/list-hosted-zones.json", object{"HostedZones": list})
	return data
}

func (z hosted) apex() []awssim.RecordSet {
	return []awssim.RecordSet{
		plainSet(z.name, "NS", 172800, "ns-1.awsdns-00.com.", "ns-2.awsdns-00.net."),
		plainSet(z.name, "SOA", 900, "ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"),
	}
}

func plainSet(name, rrtype string, ttl int64, values ...string) awssim.RecordSet {
	s := awssim.RecordSet{Name: name, Type: rrtype, TTL: aws.Int64(ttl)}
	for _, v := range values {
		s.ResourceRecords = append(s.ResourceRecords, awssim.ResourceRecord{Value: v})
	}
	return s
}

// manySets is n address records of a zone.
func manySets(zoneName string, n int) []awssim.RecordSet {
	sets := make([]awssim.RecordSet, n)
	for i := range sets {
		sets[i] = plainSet(fmt.Sprintf("host%05d.%s", i, zoneName), "A", 300, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	return sets
}

// fast is an account whose budget is never felt.
func (c *cloud) fast(name string) *awsclient.Account {
	return &awsclient.Account{Name: name, Config: c.config, Budget: awscall.NewBudget(1e6)}
}

// source makes a source on the cloud; only what a test is about need be set in o.
func (c *cloud) source(o Options) *Source {
	c.t.Helper()
	if o.Accounts == nil {
		o.Accounts = []*awsclient.Account{c.fast("")}
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	o.OnCall = func(operation, code string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.codes[operation+" "+code]++
	}
	s, err := New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// cycle runs one cycle of the first account and returns what it delivered, in order.
func (c *cloud) cycle(s *Source) ([]zonesource.Part, error) {
	var parts []zonesource.Part
	err := s.accounts[0].cycle(c.t.Context(), func(p zonesource.Part) { parts = append(parts, p) })
	return parts, err
}

// mustCycle is a cycle without a failure anywhere.
func (c *cloud) mustCycle(s *Source) []zonesource.Part {
	c.t.Helper()
	parts, err := c.cycle(s)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range parts {
		if p.Err != nil {
			c.t.Fatalf("%s: %v", p.Key.Name, p.Err)
		}
	}
	return parts
}

// faults arms faults.
func (c *cloud) faults(faults ...awssim.Fault) {
	c.t.Helper()
	err := c.sim.AddFaults(faults...)
	if err != nil {
		c.t.Fatal(err)
	}
}

// wantCalls compares the calls since the last time.
func (c *cloud) wantCalls(want map[string]int) {
	c.t.Helper()
	got := maps.Clone(c.sim.Calls())
	maps.DeleteFunc(got, func(_ string, n int) bool { return n == 0 })
	c.sim.ResetCalls()
	diff := cmp.Diff(want, got)
	if diff != "" {
		c.t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// find returns the last part of a name.
func find(t *testing.T, parts []zonesource.Part, name string) zonesource.Part {
	t.Helper()
	for _, p := range slices.Backward(parts) {
		if p.Key.Name == name {
			if p.Key.Source != Name {
				t.Errorf("source of %s is %q", name, p.Key.Source)
			}
			return p
		}
	}
	t.Fatalf("no part %s", name)
	return zonesource.Part{}
}

// names are the keys of parts, in order.
func names(parts []zonesource.Part) []string {
	out := []string{}
	for _, p := range parts {
		out = append(out, p.Key.Name)
	}
	return out
}

// lookup returns an RRset of a tree by plain text.
func lookup(tree *zone.Tree, name string, rrtype uint16) zone.RRset {
	return tree.Lookup(zone.MustName(name)).RRset(rrtype)
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	diff := cmp.Diff(want, got)
	if diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
