package member

import (
	"errors"
	"net/http"
	"testing"

	"inside53/server/admin"

	"github.com/google/go-cmp/cmp"
)

// TestScheduledBy has a reading be asked of this server and of who leads.
func TestScheduledBy(t *testing.T) {
	reads := func(keys ...string) admin.Scheduled { return admin.Scheduled{Scheduled: append([]string{}, keys...)} }
	unknown := &admin.Refusal{Status: http.StatusNotFound, Err: errors.New("no such zone")}
	away := &admin.Refusal{Status: http.StatusServiceUnavailable, Err: errors.New("asking the leader: nobody leads")}
	for _, tt := range []struct {
		name       string
		own, led   admin.Scheduled
		err, fault error
		want       []string
		wantErr    error
	}{
		{"both", reads("a"), reads("b"), nil, nil, []string{"a", "b"}, nil},
		{"who leads alone", reads(), reads("b"), unknown, nil, []string{"b"}, nil},
		{"this server alone", reads("a"), reads(), nil, unknown, []string{"a"}, nil},
		{"a file, which nobody asks for", reads(), reads(), nil, unknown, []string{}, nil},
		{"neither", reads(), reads(), unknown, unknown, nil, unknown},
		{"who leads is away", reads("a"), reads(), nil, away, []string{"a"}, nil},
		{"who leads is away, and nothing is read here", reads(), reads(), nil, away, nil, away},
		{"who leads is away, and it isn't known here", reads(), reads(), unknown, away, nil, away},
	} {
		got, err := scheduledBy(tt.own, tt.err, tt.led, tt.fault)
		if !errors.Is(err, tt.wantErr) || err == nil && !cmp.Equal(got.Scheduled, tt.want) {
			t.Errorf("%s: %v, %v", tt.name, got.Scheduled, err)
		}
	}
}
