package server

import (
	"strings"
	"testing"
	"time"

	"inside53/zonesource"
)

func TestTooOld(t *testing.T) {
	old := zonesource.SourceStatus{Oldest: time.Now().Add(-2 * time.Hour)}
	for _, tt := range []struct {
		name    string
		sources map[string]zonesource.SourceStatus
		maxAge  time.Duration
		want    string
	}{
		{"both", map[string]zonesource.SourceStatus{"route53": old, "ec2": old}, time.Hour,
			"data too old: ec2, older than 1h0m0s; data too old: route53, older than 1h0m0s"},
		{"young enough", map[string]zonesource.SourceStatus{"route53": old}, 3 * time.Hour, ""},
		{"of any age", map[string]zonesource.SourceStatus{"route53": old}, 0, ""},
		{"not there yet", map[string]zonesource.SourceStatus{"route53": {}}, time.Hour, ""},
		{"of others", map[string]zonesource.SourceStatus{"transfer": old, "zonefile": old, "route53": {Oldest: time.Now()}},
			time.Hour, ""},
	} {
		got := strings.Join(tooOld(zonesource.Brief{Sources: tt.sources}, tt.maxAge), "; ")
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
