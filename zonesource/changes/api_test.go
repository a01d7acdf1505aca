package changes

import (
	"slices"
	"testing"

	"inside53/zonesource/awssim"
)

// TestActions: the list names each operation of the api once, sorted.
func TestActions(t *testing.T) {
	c := newAPI(newCloud(t, awssim.Options{}, Options{}).account.Config)
	want := []string{c.zones.Name, c.zonesByName.Name, c.zone.Name, c.createZone.Name, c.deleteZone.Name, c.records.Name,
		c.change.Name, c.status.Name}
	for i := range want {
		want[i] = "route53:" + want[i]
	}
	slices.Sort(want)
	if !slices.Equal(Actions(), want) {
		t.Errorf("actions %q, want %q", Actions(), want)
	}
}
