package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

// fakeAPI has one public zone, example. (Z1), and counts as it likes. It is for what
// no true Route 53 does, and for tests in a bubble of time.
type fakeAPI struct {
	counted   int
	mu        sync.Mutex // guards sets where they change during a run: see replace
	sets      []recordSet
	repeats   bool // pages of 300, each begins with the first of a name and type
	zonesErr  func() error
	setsErr   func() error
	byVPC     func(vpc string) ([]types.HostedZoneSummary, error)
	zoneCalls int
	listings  int
	questions int
}

// replace puts another set in the place of one.
func (f *fakeAPI) replace(i int, set recordSet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = slices.Clone(f.sets)
	f.sets[i] = set
}

// api is the fake as the source calls it.
func (f *fakeAPI) api() api {
	return api{
		zones: fakeOp(opListZones, f.ListHostedZones), byVPC: fakeOp(opListByVPC, f.ListHostedZonesByVPC),
		zone:        fakeOp(opGetZone, f.GetHostedZone),
		records:     fakeOp(opListRecords, f.ListResourceRecordSets),
		collections: fakeOp(opListCollections, f.ListCidrCollections),
		blocks:      fakeOp(opListBlocks, f.ListCidrBlocks),
	}
}

func fakeOp[In, Out any](name string, f func(context.Context, *In) (*Out, error)) awscall.Op[In, Out] {
	return awscall.Op[In, Out]{Service: service, Name: name, Call: f}
}

var errNotFaked = errors.New("the fake has no such call")

func (f *fakeAPI) zone() types.HostedZone {
	return types.HostedZone{Id: aws.String("/hostedzone/Z1"), Name: aws.String("example."),
		ResourceRecordSetCount: aws.Int64(int64(f.counted))}
}

func (f *fakeAPI) ListHostedZones(context.Context, *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput,
	error) {
	f.zoneCalls++
	if f.zonesErr != nil {
		err := f.zonesErr()
		if err != nil {
			return nil, err
		}
	}
	return &route53.ListHostedZonesOutput{HostedZones: []types.HostedZone{f.zone()}}, nil
}

func (f *fakeAPI) ListHostedZonesByVPC(_ context.Context,
	in *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput, error) {
	if f.byVPC == nil {
		return nil, errNotFaked
	}
	summaries, err := f.byVPC(*in.VPCId)
	return &route53.ListHostedZonesByVPCOutput{HostedZoneSummaries: summaries}, err
}

func (f *fakeAPI) GetHostedZone(_ context.Context, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput,
	error) {
	f.questions++
	if *in.Id != "Z1" {
		return nil, errNotFaked
	}
	z := f.zone()
	return &route53.GetHostedZoneOutput{HostedZone: &z}, nil
}

func (f *fakeAPI) ListResourceRecordSets(_ context.Context,
	in *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error) {
	f.listings++
	if f.setsErr != nil {
		err := f.setsErr()
		if err != nil {
			return nil, err
		}
	}
	if *in.HostedZoneId != "Z1" || in.StartRecordName != nil && !f.repeats {
		return nil, errNotFaked
	}
	f.mu.Lock()
	sets := f.sets // an array that nobody changes
	f.mu.Unlock()
	start := 0
	if in.StartRecordName != nil {
		start = slices.IndexFunc(sets,
			func(r recordSet) bool { return *r.Name == *in.StartRecordName && r.Type == in.StartRecordType })
	}
	out := &route53.ListResourceRecordSetsOutput{ResourceRecordSets: slices.Clone(sets[start:])}
	if f.repeats && len(sets) > start+300 {
		next := sets[start+300]
		out.ResourceRecordSets = out.ResourceRecordSets[:300]
		out.IsTruncated, out.NextRecordName, out.NextRecordType = true, next.Name, next.Type
	}
	return out, nil
}

func (f *fakeAPI) ListCidrCollections(context.Context,
	*route53.ListCidrCollectionsInput) (*route53.ListCidrCollectionsOutput, error) {
	return nil, errNotFaked
}

func (f *fakeAPI) ListCidrBlocks(context.Context, *route53.ListCidrBlocksInput) (*route53.ListCidrBlocksOutput, error) {
	return nil, errNotFaked
}

// source makes a source on the fake.
func (f *fakeAPI) source(t *testing.T) *Source {
	t.Helper()
	s, err := newSource(Options{Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(1e6)}}}, []api{f.api()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *fakeAPI) cycle(t *testing.T, s *Source) []zonesource.Part {
	t.Helper()
	var parts []zonesource.Part
	err := s.accounts[0].cycle(t.Context(), func(p zonesource.Part) { parts = append(parts, p) })
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

// manyTypes is n address records in the SDK's form.
func manyTypes(n int) []recordSet {
	sets := make([]recordSet, n)
	for i := range sets {
		sets[i] = setOf(fmt.Sprintf("host%05d.example.", i), "A", fmt.Sprintf("10.1.%d.%d", i/250, i%250))
	}
	return sets
}

// setOf is a plain record set with a TTL of 300.
func setOf(name, rrtype string, values ...string) recordSet {
	s := recordSet{Name: aws.String(name), Type: types.RRType(rrtype), TTL: aws.Int64(300)}
	for _, v := range values {
		s.ResourceRecords = append(s.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return s
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
