package route53

import (
	"testing"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
)

// TestHastenCatalog: an order to read the list of zones has the list read, and not a zone of its name.
func TestHastenCatalog(t *testing.T) {
	f := &fakeAPI{counted: 3, sets: manyTypes(3)}
	s, err := newSource(Options{
		Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(1e3)}},
		Kept:     func(zonesource.Key) (zonesource.Part, bool) { return zonesource.Part{}, false },
	}, []api{f.api()})
	if err != nil {
		t.Fatal(err)
	}
	scheduled, _ := s.Hasten([]zonesource.Key{catalogKey("")})
	asked := s.accounts[0].wishes.accept()
	if len(scheduled) != 1 || !asked.catalog || len(asked.zones) != 0 {
		t.Errorf("%v is scheduled: %+v", scheduled, asked)
	}
}
