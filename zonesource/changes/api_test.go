package changes

import (
	"slices"
	"testing"

	"inside53/zonesource/awssim"
)

// TestActions: the list names each operation of the api once, sorted.
func TestActions(t *testing.T) {
	c := newAPI(newCloud(t, awssim.Options{}, Options{}).account.Config)
	want := []string{c.zones.name, c.zonesByName.name, c.zone.name, c.createZone.name, c.deleteZone.name, c.records.name, c.change.name, c.status.name}
	for i := range want {
		want[i] = "route53:" + want[i]
	}
	slices.Sort(want)
	if !slices.Equal(Actions(), want) {
		t.Errorf("actions %q, want %q", Actions(), want)
	}
}
