package export

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"inside53/zonesource/changes"
)

// TestRoundTrip: 760 record sets of every kind, exported, and imported into an empty zone,
// leave no difference.
func TestRoundTrip(t *testing.T) {
	_, a := serve(t, checks(t))
	c := changes.New(a, changes.Options{})
	from, listed := makeZone(t.Context(), t, c, "example.com",
		func(z changes.Zone) []changes.RecordSet { return everything(t, z) })
	if len(listed) != 762 {
		t.Fatalf("%d record sets with SOA and NS", len(listed))
	}
	dir := t.TempDir()
	report, err := BIND(dir, []HostedZone{{from, listed}}, BINDOptions{Region: "eu-west-1", Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	to, copied := makeZone(t.Context(), t, c, "example.com", func(z changes.Zone) []changes.RecordSet {
		read, err := changes.ReadFile(t.Context(), z, report.Written[0])
		if err != nil || len(read.Notes) != 0 {
			t.Fatalf("%+v, %v", read, err)
		}
		return read.Sets
	})
	p := changes.NewPlan(to, copied, changes.Localise(listed, from.ID, to.ID), true)
	if len(p.Steps) != 0 || p.Same != 760 {
		t.Errorf("%s; %d are as they were", p.Summary(), p.Same)
		for _, s := range p.Steps[:min(5, len(p.Steps))] {
			old, _ := EncodeJSON(s.Old)
			is, _ := EncodeJSON(s.New)
			t.Errorf("%s: %s\nwant %s", s.Kind(), old, is)
		}
	}
}

// TestMasterFileIsOne: another parser reads the master file, and finds the stand-ins.
func TestMasterFileIsOne(t *testing.T) {
	z := changes.Zone{ID: "Z1", Name: "example.com."}
	sets := append(everything(t, z),
		parseSet(t, z, "@ NS 172800 ns-1.example.net."),
		parseSet(t, z, "@ SOA 900 ns-1.example.net. h.example.net. 1 7200 900 1209600 86400"))
	text, problems := Master(z, sets, MasterOptions{Region: "eu-west-1", Serial: 7})
	got := map[string][]string{}
	parser := dns.NewZoneParser(strings.NewReader(string(text)), "example.com.", "")
	first := ""
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		h := rr.Header()
		if first == "" {
			first = rr.String()
		}
		key := strings.TrimSuffix(strings.TrimSuffix(h.Name, "example.com."), ".") + " " + dns.TypeToString[h.Rrtype]
		got[key] = append(got[key], strings.TrimPrefix(rr.String(), h.String()))
	}
	if parser.Err() != nil {
		t.Fatal(parser.Err())
	}
	if first != "example.com.\t900\tIN\tSOA\tns-1.example.net. h.example.net. 7 7200 900 1209600 86400" {
		t.Errorf("the first record is %s", first)
	}
	want := map[string]string{
		"weighted A": "203.0.113.33", "failover CNAME": "primary.example.net.", "latency A": "203.0.113.42",
		"geo A":   "203.0.113.53",
		"multi A": "203.0.113.61 203.0.113.62", "near A": "203.0.113.71", "cidr A": "203.0.113.82", "odd A": "203.0.113.91",
		"alias A": "203.0.113.1", "alias-alias A": "203.0.113.1", "alias-lb CNAME": "lb-1.eu-west-1.elb.amazonaws.com.",
		"alias-lb A":   "",
		"geo-lb CNAME": "lb-1.eu-west-1.elb.amazonaws.com.", "alias-txt CNAME": "", "alias-txt TXT": `"beside an alias"`,
		" A": "", " CNAME": "",
		"many A": strings.Join(got["many A"], " "),
	}
	for key, w := range want {
		if strings.Join(got[key], " ") != w {
			t.Errorf("%s is %q, want %q", key, got[key], w)
		}
	}
	if len(got["many A"]) != 60 {
		t.Errorf("%d values", len(got["many A"]))
	}
	var reported []string
	for _, p := range problems {
		reported = append(reported, p.Name+" "+p.Type+": "+p.Reason)
	}
	slices.Sort(reported)
	wantReported := []string{
		"alias-lb.example.com. AAAA: an alias to lb-1.eu-west-1.elb.amazonaws.com.: a CNAME record stands in",
		"alias-txt.example.com. A: an alias to lb-1.eu-west-1.elb.amazonaws.com. has no stand-in: no CNAME record can be " +
			"beside its other records",
		"cidr.example.com. A: cidr: else stands in",
		"example.com. A: an alias to lb-1.eu-west-1.elb.amazonaws.com. has no stand-in: no CNAME record can be at the apex",
		"failover.example.com. CNAME: failover: one stands in",
		"geo-lb.example.com. A: an alias to lb-1.eu-west-1.elb.amazonaws.com.: a CNAME record stands in",
		"geo.example.com. A: geolocation: default stands in",
		"latency.example.com. A: latency: dublin stands in",
		"multi.example.com. A: multivalue: a choice of the first 2 by set identifier stands in",
		"near.example.com. A: geoproximity: near stands in",
		`odd.example.com. A: weighted: q"uo\te;x stands in`,
		"weighted.example.com. A: weighted: green stands in",
	}
	if !slices.Equal(reported, wantReported) {
		t.Errorf("reported\n%s\nwant\n%s", strings.Join(reported, "\n"), strings.Join(wantReported, "\n"))
	}
	slices.Reverse(sets)
	again, _ := Master(z, sets, MasterOptions{Region: "eu-west-1", Serial: 7})
	if string(again) != string(text) {
		t.Error("another order of the record sets gives another file")
	}
}

func TestStandInsThatAreNone(t *testing.T) {
	z := changes.Zone{ID: "Z1", Name: "example.com."}
	sets := []changes.RecordSet{
		parseSet(t, z, "loop A alias loop2 SELF false"), parseSet(t, z, "loop2 A alias loop SELF false"),
		parseSet(t, z, "gone A alias nothing SELF false"), parseSet(t, z, "bad A 60 192.0.2"),
		parseSet(t, z, "two A alias one.example.net ZA false"), parseSet(t, z, "two AAAA alias other.example.net ZA false"),
	}
	text, problems := Master(z, sets, MasterOptions{})
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, ";") {
			t.Errorf("record %s", line)
		}
	}
	want := []string{"bad A left out", "gone A has no stand-in: its target nothing.example.com. has no such records",
		"loop A has no stand-in: its aliases lead on and on",
		"loop2 A has no stand-in", "two A an alias to one.example.net. has no stand-in: its types lead to different names",
		"two AAAA an alias to other.example.net."}
	if len(problems) != len(want) {
		t.Fatalf("problems %+v", problems)
	}
	for i, p := range problems {
		if got := strings.TrimSuffix(p.Name, ".example.com.") + " " + p.Type + " " +
			p.Reason; !strings.HasPrefix(got, want[i]) {
			t.Errorf("problem %q, want %q", got, want[i])
		}
	}
}

// TestSerials: a file changes when its zone does, and then its serial grows.
func TestSerials(t *testing.T) {
	z := changes.Zone{ID: "Z1", Name: "example.com."}
	soa := parseSet(t, z, "@ SOA 900 ns-1.example.net. h.example.net. 1 7200 900 1209600 86400")
	dir := filepath.Join(t.TempDir(), "new")
	export := func(value string) (Report, uint32) {
		t.Helper()
		zones := []HostedZone{
			{changes.Zone{ID: "Z2", Name: "example.com.", Private: true}, []changes.RecordSet{soa}},
			{z, []changes.RecordSet{soa, parseSet(t, z, "a A 60 "+value)}},
			{changes.Zone{ID: "Z3", Name: `a\057b.example.`}, []changes.RecordSet{soa}},
		}
		report, err := BIND(dir, zones, BINDOptions{Now: noon})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "example.com.Z1.zone"))
		if err != nil {
			t.Fatal(err)
		}
		return report, serialOf(text)
	}
	now := uint32(noon.Unix())
	first, serial := export("192.0.2.1")
	if len(first.Written) != 4 || first.Unchanged != 0 || serial != now {
		t.Errorf("first: %+v, serial %d", first, serial)
	}
	second, serial := export("192.0.2.1")
	if len(second.Written) != 0 || second.Unchanged != 4 || serial != now {
		t.Errorf("second: %+v, serial %d", second, serial)
	}
	third, serial := export("192.0.2.2")
	if len(third.Written) != 1 || third.Unchanged != 3 || serial != now+1 {
		t.Errorf("third: %+v, serial %d", third, serial)
	}
	conf, err := os.ReadFile(filepath.Join(dir, "named.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`// Made by inside53; include it in named.conf. Changes are lost with the next export.
zone "example.com" { type primary; file "DIR/example.com.Z2.zone"; check-names ignore; };
// zone "example.com" { type primary; file "DIR/example.com.Z1.zone"; check-names ignore; }; // hidden by Z2
zone "a/b.example" { type primary; file "DIR/a_b.example.Z3.zone"; check-names ignore; };
`, "DIR", dir)
	if string(conf) != want {
		t.Errorf("named.conf\n%s\nwant\n%s", conf, want)
	}
}
