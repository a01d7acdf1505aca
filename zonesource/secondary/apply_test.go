package secondary

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

var apex = zone.MustName("z.example.")

// parse reads records, separated by commas; SOA:n stands for the zone's with that serial.
func parse(t *testing.T, text string) []dns.RR {
	t.Helper()
	var out []dns.RR
	for line := range strings.SplitSeq(text, ",") {
		line = strings.TrimSpace(line)
		serial, ok := strings.CutPrefix(line, "SOA:")
		if ok {
			line = "z.example. 60 IN SOA ns.z.example. h.z.example. " + serial + " 1 1 3 60"
		}
		rr, err := dns.NewRR(line)
		if err != nil || rr == nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, rr)
	}
	return out
}

// records are what parse reads, as a message brings them.
func records(t *testing.T, text string) []wire.Record {
	t.Helper()
	var out []wire.Record
	for _, rr := range parse(t, text) {
		buf := make([]byte, wire.HeaderSize+dns.Len(rr)+512)
		end, err := dns.PackRR(rr, buf, wire.HeaderSize, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := wire.ReadRecord(buf[:end], wire.HeaderSize)
		out = append(out, r)
	}
	return out
}

// content are the records of a tree, sorted; the SOA as SOA:n.
func content(t *testing.T, tree *zone.Tree) []string {
	t.Helper()
	var out []string
	for name, node := range tree.All {
		for s := range node.RRsets {
			for data := range s.Rdata() {
				buf := slices.Concat(name, []byte{byte(s.Type >> 8), byte(s.Type), 0, 1, 0, 0, 0, byte(s.TTL()),
					byte(len(data) >> 8), byte(len(data))}, data)
				rr, _, err := dns.UnpackRR(buf, 0)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, strings.Join(strings.Fields(rr.String()), " "))
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestApply(t *testing.T) {
	first, err := apply(nil, apex,
		records(t, "SOA:5, z.example. 60 A 10.0.0.1, a.z.example. 60 A 10.0.0.2, a.z.example. 60 A 10.0.0.3, SOA:5"))
	if err != nil {
		t.Fatal(err)
	}
	base := first.tree
	const soa = "z.example. 60 IN SOA ns.z.example. h.z.example. SERIAL 1 1 3 60"
	tests := []struct {
		name    string
		none    bool // there is no zone yet
		records string
		how     string
		serial  string
		want    string // without the SOA
		err     error
	}{
		{"whole", true, "SOA:7, b.Z.Example. 60 TXT \"x\", SOA:7", "axfr", "7", `b.z.example. 60 IN TXT "x"`, nil},
		{"whole for an IXFR", false, "SOA:7, a.z.example. 60 A 10.0.0.2, SOA:7", "axfr", "7", "a.z.example. 60 IN A 10.0.0.2",
			nil},
		{"twice, of two TTLs", true, "SOA:7, a.z.example. 60 A 10.0.0.2, a.z.example. 50 A 10.0.0.2, SOA:7", "axfr", "7",
			"a.z.example. 50 IN A 10.0.0.2", nil},
		{"out of the zone", true, "SOA:7, other.example. 60 A 10.0.0.2, SOA:7", "axfr", "7", "", nil},
		{"nothing new", false, "SOA:5", "none", "5",
			"a.z.example. 60 IN A 10.0.0.2,a.z.example. 60 IN A 10.0.0.3,z.example. 60 IN A 10.0.0.1", nil},
		{"one difference", false, "SOA:6, SOA:5, a.z.example. 60 A 10.0.0.2, SOA:6, c.z.example. 60 A 10.0.0.4, SOA:6",
			"ixfr", "6",
			"a.z.example. 60 IN A 10.0.0.3,c.z.example. 60 IN A 10.0.0.4,z.example. 60 IN A 10.0.0.1", nil},
		{"two differences", false, "SOA:9, SOA:5, a.z.example. 60 A 10.0.0.2, a.z.example. 60 A 10.0.0.3, SOA:6, " +
			"c.z.example. 60 A 10.0.0.4, SOA:6, c.z.example. 60 A 10.0.0.4, SOA:9, SOA:9", "ixfr", "9",
			"z.example. 60 IN A 10.0.0.1", nil},
		{"another TTL", false, "SOA:6, SOA:5, z.example. 60 A 10.0.0.1, SOA:6, z.example. 50 A 10.0.0.1, SOA:6", "ixfr", "6",
			"a.z.example. 60 IN A 10.0.0.2,a.z.example. 60 IN A 10.0.0.3,z.example. 50 IN A 10.0.0.1", nil},
		{"nothing", true, "SOA:5", "", "", "", errCut},
		{"no SOA first", false, "z.example. 60 A 10.0.0.1, SOA:5", "", "", "", errNoZone},
		{"of another zone", false, "other.example. 60 SOA a. b. 1 2 3 4 5", "", "", "", errNoZone},
		{"cut off", false, "SOA:7, a.z.example. 60 A 10.0.0.2", "", "", "", errCut},
		{"another SOA last", false, "SOA:7, a.z.example. 60 A 10.0.0.2, SOA:8", "", "", "", errCut},
		{"two SOAs", true, "SOA:7, a.z.example. 60 A 10.0.0.2, SOA:8, SOA:7", "", "", "", errTwoSOAs},
		{"SOA below the apex", true, "SOA:7, a.z.example. 60 SOA a. b. 1 2 3 4 5, SOA:7", "", "", "", errTwoSOAs},
		{"of another class", true, "SOA:7, a.z.example. 60 CH TXT x, SOA:7", "", "", "", errNotOfClass},
		{"differences of nothing", true, "SOA:6, SOA:5, SOA:6, c.z.example. 60 A 10.0.0.4, SOA:6", "", "", "", errNoBase},
		{"differences of another version", false, "SOA:6, SOA:4, SOA:6, c.z.example. 60 A 10.0.0.4, SOA:6", "", "", "",
			errOtherBase},
		{"what isn't there", false, "SOA:6, SOA:5, c.z.example. 60 A 10.0.0.4, SOA:6, SOA:6", "", "", "", errNotThere},
		{"differences that don't lead there", false, "SOA:9, SOA:5, SOA:6, c.z.example. 60 A 10.0.0.4, SOA:9", "", "", "",
			errCut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from := base
			if tt.none {
				from = nil
			}
			next, err := apply(from, apex, records(t, tt.records))
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("%v, want %v", err, tt.err)
			}
			if err != nil {
				return
			}
			want := []string{strings.Replace(soa, "SERIAL", tt.serial, 1)}
			if tt.want != "" {
				want = append(want, strings.Split(tt.want, ",")...)
			}
			slices.Sort(want)
			got := content(t, next.tree)
			if next.how != tt.how || !slices.Equal(got, want) {
				t.Errorf("by %s\n%s\nwant by %s\n%s", next.how, strings.Join(got, "\n"), tt.how, strings.Join(want, "\n"))
			}
		})
	}
	if len(content(t, base)) != 4 {
		t.Errorf("the zone before has changed: %v", content(t, base))
	}
}
