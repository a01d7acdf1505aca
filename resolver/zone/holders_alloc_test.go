//go:build !race

package zone

import (
	"net/netip"
	"testing"
)

// TestHoldersAllocateNothing: what queries ask of an inventory, as it was made and after changes.
func TestHoldersAllocateNothing(t *testing.T) {
	network := []Network{{ID: "one"}}
	made := NewInventory(network, []Interface{face("eni-1", "198.51.100.1", "10.0.0.1", "i-1"),
		face("eni-2", "198.51.100.2", "10.0.0.2", "i-2")})
	made.AddView(AddressAuto, []string{"one"}, nil, nil)
	changed, ok := made.Changed([]Interface{face("eni-1", "", "10.0.0.1", "")},
		[]Interface{face("eni-3", "198.51.100.1", "10.0.0.1", "i-1")})
	if !ok {
		t.Fatal("it had to be made anew")
	}
	first, public, private := []byte("i-1"), addr4("198.51.100.1"), addr4("10.0.0.1")
	for name, a := range map[string]*Inventory{"made": made, "changed": changed} {
		n := testing.AllocsPerRun(100, func() {
			_, f, _ := a.Translate(0, public)
			one, _ := a.Instance(0, first)
			same := a.Interface(&InstanceAddress{Private: netip.AddrFrom4(private)})
			if f == nil || one != f || a.Private(0, private) != f || same != f || !a.Has(public) || !a.Any() {
				t.Fatal("not found")
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
