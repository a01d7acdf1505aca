package past

import "testing"

// TestIdentity says who answers, without a ledger.
func TestIdentity(t *testing.T) {
	for _, tt := range []struct{ host, version, want string }{
		{"dns-1", "inside53 1.2.3", "dns-1 - 1.2.3"},
		{"", "inside53", "- - inside53"},
	} {
		if got := (&Past{}).Identity(tt.host, tt.version); got != tt.want {
			t.Errorf("%q %q: %q, want %q", tt.host, tt.version, got, tt.want)
		}
	}
}
