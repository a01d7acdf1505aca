package house

import (
	"strings"
	"testing"
)

func TestImports(t *testing.T) { Imports(t) }

func TestFault(t *testing.T) {
	for _, tt := range []struct {
		pkg, path string
		test      bool
		want      string // part of it; "" for none
	}{
		{"resolver/wire", "encoding/binary", false, ""},
		{"resolver/wire", "inside53/resolver/zone", false, "below everything"},
		{"resolver/wire", "github.com/miekg/dns", false, "of others it may import []"},
		{"resolver/wire", "github.com/miekg/dns", true, ""},
		{"resolver/zone", "inside53/resolver/wire", false, ""},
		{"resolver/forward", "inside53/resolver/wire", false, ""},
		{"resolver", "inside53/resolver/wire", false, ""},
		{"resolver/zone", "slices", false, ""},
		{"resolver/zone", "inside53/resolver/forward", false, "the data model depends on nothing"},
		{"resolver/zone", "log/slog", false, "nothing here logs"},
		{"resolver/zone", "os", false, "nothing here does I/O"},
		{"resolver/zone", "os", true, ""},
		{"resolver/zone", "github.com/miekg/dns", false, "the wire is the data model"},
		{"resolver", "inside53/resolver/zone", false, ""},
		{"resolver", "inside53/zonesource", false, "meet in zone.Snapshot"},
		{"resolver", "inside53/zonesource", true, "meet in zone.Snapshot"},
		{"resolver", "inside53/server/house", true, ""},
		{"resolver", "inside53/server/house", false, "meet in zone.Snapshot"},
		{"resolver", "github.com/miekg/dns", false, ""},
		{"resolver", "golang.org/x/sync/errgroup", false, "of others it may import [github.com/miekg/dns]"},
		{"resolver", "github.com/aws/smithy-go", true, "stays below zonesource"},
		{"resolver/forward", "inside53/resolver/zone", true, "knows no zones"},
		{"resolver/forward", "github.com/miekg/dns", false, "taken apart by the walker"},
		{"resolver/history", "inside53/resolver/zone", false, ""},
		{"resolver/history", "inside53/server", false, "not who is told"},
		{"zonesource", "inside53/zonesource/route53", false,
			"of ours it may import [resolver/zone zonesource/atomicfile zonesource/breath zonesource/statedir]"},
		{"zonesource/route53", "inside53/zonesource/awsclient", false, ""},
		{"zonesource/route53", "inside53/zonesource/awssim", false, "zone.Snapshot alone"},
		{"zonesource/route53", "inside53/zonesource/awssim", true, ""},
		{"zonesource/health", "inside53/zonesource", false, "zone.Snapshot alone"},
		{"zonesource/awsclient", "inside53/zonesource", false, "below every source"},
		{"zonesource/rdata", "golang.org/x/sync/errgroup", false, "of others"},
		{"zonesource/awssim", "inside53/zonesource/rdata", false, "hide their faults"},
		{"zonesource/update", "inside53/zonesource/changes", false, ""},
		{"zonesource/update", "inside53/resolver", false, "zone.Snapshot alone"},
		{"server", "inside53/server/inside53", false, "of ours it may import"},
		{"server", "inside53/server/config", false, ""},
		{"server", "inside53/server/admin", false, ""},
		{"server/admin", "inside53/server/config", false, ""},
		{"server/admin", "inside53/zonesource", false, "knows nobody behind them"},
		{"server/admin", "inside53/resolver", false, "knows nobody behind them"},
		{"server/config", "inside53/resolver/wire", false, ""},
		{"server/config", "inside53/resolver/zone", false, "the App translates it"},
		{"server/config", "inside53/zonesource/health", false, "the App translates it"},
		{"server/config", "inside53/server", false, "the App translates it"},
		{"server/config", "net/http", false, "asks anybody"},
		{"server/inside53", "inside53/server", false, ""},
		{"server", "inside53/server/listen", false, ""},
		{"server/listen", "inside53/resolver", false, ""},
		{"server/tsig", "inside53/resolver", false, ""},
		{"server/tsig", "inside53/server", false, "keys come from the configuration"},
		{"server/transfer", "inside53/server/tsig", false, ""},
		{"server/transfer", "inside53/zonesource/transfer", false, "whatever source it is from"},
		{"server/transfer", "inside53/server/listen", false, "of ours it may import"},
		{"server/update", "inside53/zonesource/update", false, ""},
		{"server/update", "inside53/zonesource/route53", false, "who may change what"},
		{"server/listen", "inside53/resolver/zone", false, "know nothing of data"},
		{"server/listen", "inside53/zonesource", false, "know nothing of data"},
		{"server/bench/load", "inside53/resolver", false, "what it measures"},
		{"cmd", "fmt", false, "nowhere in the house"},
	} {
		got := Fault(tt.pkg, tt.path, tt.test)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s imports %s (test %t): %q, want %q", tt.pkg, tt.path, tt.test, got, tt.want)
		}
	}
}
