package recorder

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inside53/zonesource"
)

// randomRegion has few hosts and interfaces, some of them more than once.
func randomRegion(r *rand.Rand) *zonesource.Region {
	of := &zonesource.Region{Name: "eu-west-1", AccountID: "1"}
	few := func() int { return r.IntN(6) / 3 * r.IntN(3) } // 0 as a rule
	for i := range 2 + r.IntN(3) {
		of.VPCs = append(of.VPCs, zonesource.VPC{ID: fmt.Sprint("vpc-", i), Default: r.IntN(4) == 0})
		of.Subnets = append(of.Subnets, zonesource.Subnet{ID: fmt.Sprint("subnet-", i), Zone: fmt.Sprint(few())})
	}
	for i := range 8 {
		for range []int{0, 1, 1, 1, 1, 1, 2, 3}[r.IntN(8)] {
			private := netip.AddrFrom4([4]byte{10, 0, byte(few()), byte(i)})
			of.Interfaces = append(of.Interfaces, &zonesource.Interface{ID: fmt.Sprint("eni-", i), Private: private,
				Managed: r.IntN(5) == 0})
			of.Hosts = append(of.Hosts, &zonesource.Host{Instance: fmt.Sprint("i-", i), Private: private,
				Names: []zonesource.HostName{{Text: fmt.Sprint("name", few())}}})
		}
	}
	return of
}

// TestDifferenceOfRegions: what regions have otherwise is the same whether what they have in common is looked at or
// not, and where hardly anything differs little is made of them.
func TestDifferenceOfRegions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		was, is := zonesource.Part{Region: randomRegion(r)}, zonesource.Part{Region: randomRegion(r)}
		if r.IntN(2) == 0 {
			same := *was.Region
			same.Hosts, is.Region = is.Region.Hosts, &same
		}
		want, err := differenceOfAll(was, is)
		if err != nil {
			t.Fatal(err)
		}
		got, err := difference(was, is)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("of %+v and %+v (-want +got):\n%s", was.Region, is.Region, cmp.Diff(want, got))
		}
	}
	large := func(version int) zonesource.Part {
		of := &zonesource.Region{}
		for i := range 20_000 {
			h := &zonesource.Host{Instance: fmt.Sprintf("i-%05d", i)}
			if i == 10_000 {
				h.Ordinal = version
			}
			of.Hosts = append(of.Hosts, h)
		}
		return zonesource.Part{Region: of}
	}
	was, is := large(1), large(2)
	allocations := testing.AllocsPerRun(1, func() {
		all, err := difference(was, is)
		if err != nil || len(all) != 1 {
			t.Errorf("%d differences: %v", len(all), err)
		}
	})
	if allocations > 100 {
		t.Errorf("%v allocations for one host of 20,000", allocations)
	}
}
