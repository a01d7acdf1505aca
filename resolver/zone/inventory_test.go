package zone

import (
	"net/netip"
	"testing"
)

func addr4(text string) [4]byte { return netip.MustParseAddr(text).As4() }

// world has our VPC 10.0.0.0/16; "peer" 10.1.0.0/16; "twin", whose block lies
// within ours; "far" and "far2", two of one block; "stale", too old to use.
func world() *Inventory {
	prefixes := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	vpcs := []Network{
		{ID: "own", Region: "eu-west-1", CIDRs: prefixes("10.0.0.0/16", "100.64.0.0/24")},
		{ID: "peer", Region: "eu-west-1", CIDRs: prefixes("10.1.0.0/16")},
		{ID: "twin", Region: "us-east-1", CIDRs: prefixes("10.0.128.0/17")},
		{ID: "far", Region: "us-east-1", CIDRs: prefixes("172.31.0.0/16")},
		{ID: "far2", Region: "us-east-1", CIDRs: prefixes("172.31.0.0/16")},
		{ID: "stale", Region: "ap-south-1", CIDRs: prefixes("10.5.0.0/16"), Stale: true},
	}
	face := func(id, public, private string, vpc uint32, owner Owner) Interface {
		f := Interface{ID: id, Private: netip.MustParseAddr(private), VPC: vpc, Owner: owner}
		if public != "" {
			f.Public = netip.MustParseAddr(public)
		}
		return f
	}
	a := NewInventory(vpcs, []Interface{
		face("eni-own", "198.51.100.1", "10.0.0.1", 0, Instance),
		face("eni-own2", "198.51.100.2", "100.64.0.9", 0, LoadBalancer),
		face("eni-nat", "198.51.100.3", "10.0.0.3", 0, OtherOwner),
		face("eni-peer", "198.51.100.4", "10.1.0.4", 1, Instance),
		face("eni-twin", "198.51.100.5", "10.0.200.5", 2, Instance),
		face("eni-far", "198.51.100.6", "172.31.0.6", 3, Instance),
		face("eni-far2", "198.51.100.7", "172.31.0.6", 4, Instance),
		face("eni-stale", "198.51.100.8", "10.5.0.8", 5, Instance),
		face("eni-plain", "", "10.0.0.9", 0, Instance),
		face("eni-twin2", "", "10.0.200.7", 2, Instance),
		face("eni-owntwin", "", "10.0.200.5", 0, Instance),
	})
	return a
}

// The views of the world.
const (
	autoView    = iota // own VPC, reaches peer, twin, far and stale
	privateView        // own VPC, addresses: private
	publicView         // own VPC, addresses: public
	farView            // own VPC far, reaches no VPC, but the CIDR of peer
	restView           // no VPC at all
	bothView           // no VPC of its own, reaches both far ones
)

func views(a *Inventory) *Inventory {
	a.AddView(AddressAuto, []string{"own", "unknown"}, []string{"peer", "twin", "far", "stale", "gone"}, nil)
	a.AddView(AddressPrivate, []string{"own"}, nil, nil)
	a.AddView(AddressPublic, []string{"own"}, []string{"peer"}, nil)
	a.AddView(AddressAuto, []string{"far"}, nil, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24")})
	a.AddView(AddressAuto, nil, nil, nil)
	a.AddView(AddressAuto, nil, []string{"far", "far2"}, nil)
	return a
}

func TestTranslate(t *testing.T) {
	a := views(world())
	for _, test := range []struct {
		view    int
		public  string
		private string // "" for unchanged
		why     Verdict
	}{
		{autoView, "203.0.113.1", "", Unknown},
		{autoView, "198.51.100.1", "10.0.0.1", Translated},
		{autoView, "198.51.100.2", "100.64.0.9", Translated},
		{autoView, "198.51.100.3", "", NotOurs},
		{autoView, "198.51.100.4", "10.1.0.4", Translated},
		{autoView, "198.51.100.5", "", Overlapping}, // reachable, yet within our own block
		{autoView, "198.51.100.6", "172.31.0.6", Translated},
		{autoView, "198.51.100.7", "", Unreachable},
		{autoView, "198.51.100.8", "", StaleRegion},

		{privateView, "198.51.100.1", "10.0.0.1", Translated},
		{privateView, "198.51.100.3", "", NotOurs},
		{privateView, "198.51.100.5", "", Overlapping},
		{privateView, "198.51.100.7", "172.31.0.6", Translated},
		{privateView, "198.51.100.8", "", StaleRegion},

		{publicView, "198.51.100.1", "", ViewPublic},
		{publicView, "198.51.100.3", "", NotOurs},
		{publicView, "198.51.100.4", "", ViewPublic},
		{publicView, "203.0.113.1", "", Unknown},

		{farView, "198.51.100.6", "172.31.0.6", Translated},
		{farView, "198.51.100.7", "", Overlapping},
		{farView, "198.51.100.4", "10.1.0.4", Translated}, // by its CIDR
		{farView, "198.51.100.1", "", Unreachable},

		{restView, "198.51.100.1", "", Unreachable},
		{restView, "198.51.100.8", "", StaleRegion},
		{bothView, "198.51.100.7", "172.31.0.6", Translated},
	} {
		private, f, why := a.Translate(test.view, addr4(test.public))
		want := test.public
		if test.private != "" {
			want = test.private
		}
		if why != test.why || private != addr4(want) || (f == nil) != (why == Unknown) {
			t.Errorf("view %d, %s: %v (verdict %d, interface %v), want %s (verdict %d)", test.view, test.public, private, why, f,
				want, test.why)
		}
		if f != nil && f.Public != netip.MustParseAddr(test.public) {
			t.Errorf("view %d, %s: got interface %s", test.view, test.public, f.ID)
		}
	}
}

func TestPrivate(t *testing.T) {
	a := views(world())
	for _, test := range []struct {
		view    int
		private string
		want    string
	}{
		{autoView, "10.0.0.1", "eni-own"},
		{autoView, "10.0.0.9", "eni-plain"},
		{autoView, "10.1.0.4", "eni-peer"},
		{autoView, "10.0.200.5", "eni-owntwin"}, // our own before the twin's
		{autoView, "10.0.200.6", ""},
		{autoView, "10.0.200.7", ""},        // the twin's, and within our block
		{autoView, "172.31.0.6", "eni-far"}, // far2 isn't reachable
		{bothView, "172.31.0.6", ""},        // not unique
		{bothView, "10.0.0.1", ""},
		{farView, "172.31.0.6", "eni-far"},
		{restView, "10.0.0.1", ""},
		{autoView, "8.8.8.8", ""},
	} {
		got := ""
		f := a.Private(test.view, addr4(test.private))
		if f != nil {
			got = f.ID
		}
		if got != test.want {
			t.Errorf("view %d, %s: %q, want %q", test.view, test.private, got, test.want)
		}
	}
}

// TestPrivateFollowsTheFence: a private name or address is given where its instance's
// addresses are.
func TestPrivateFollowsTheFence(t *testing.T) {
	a := views(world())
	for _, test := range []struct {
		view    int
		private string
		want    string
	}{
		{publicView, "10.0.0.1", ""},          // addresses: public
		{autoView, "10.5.0.8", ""},            // stale
		{farView, "10.1.0.4", "eni-peer"},     // by its CIDR
		{privateView, "10.1.0.4", "eni-peer"}, // every known one
		{privateView, "172.31.0.6", ""},       // not unique
	} {
		got := ""
		f := a.Private(test.view, addr4(test.private))
		if f != nil {
			got = f.ID
		}
		if got != test.want {
			t.Errorf("view %d, %s: %q, want %q", test.view, test.private, got, test.want)
		}
	}
}

func TestInside(t *testing.T) {
	a := views(world())
	for _, test := range []struct {
		view int
		addr string
		want bool
	}{
		{autoView, "10.0.255.255", true}, {autoView, "100.64.0.1", true}, {autoView, "10.1.0.1", false},
		{farView, "172.31.9.9", true}, {farView, "10.1.0.1", false}, {restView, "10.0.0.1", false},
	} {
		if got := a.Inside(test.view, addr4(test.addr)); got != test.want {
			t.Errorf("view %d, %s: inside %t", test.view, test.addr, got)
		}
	}
	if got := a.Region(&a.base.all[4]); got != "us-east-1" {
		t.Errorf("region %s", got)
	}
}

// TestOddInterfaces: interfaces without a private IPv4 address, or of one public
// address.
func TestOddInterfaces(t *testing.T) {
	public := netip.MustParseAddr("198.51.100.1")
	a := NewInventory([]Network{{ID: "own"}}, []Interface{
		{ID: "eni-v6"},
		{ID: "eni-odd", Public: netip.MustParseAddr("198.51.100.9")}, // public alone: nothing to give
		{ID: "eni-1", Public: public, Private: netip.MustParseAddr("10.0.0.1")},
		{ID: "eni-2", Public: public, Private: netip.MustParseAddr("10.0.0.2")},
	})
	a.AddView(AddressAuto, []string{"own"}, nil, nil)
	_, f, _ := a.Translate(0, public.As4())
	if f == nil || f.ID != "eni-2" {
		t.Errorf("the address is of %v, want the last interface", f)
	}
	_, _, why := a.Translate(0, addr4("198.51.100.9"))
	if why != Unknown {
		t.Errorf("an interface without a private address: verdict %d", why)
	}
}
