package changes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

var zone1 = Zone{ID: "Z1", Name: "example.com."}

// set reads "NAME TYPE TTL VALUE,VALUE" with the zone left out of the name; after a blank
// an extension may follow, and "alias TARGET" stands in place of TTL and values.
func set(t *testing.T, text string) RecordSet {
	t.Helper()
	text, words, _ := strings.Cut(text, " ;")
	f := strings.Fields(text)
	name := f[0] + ".example.com."
	if f[0] == "@" {
		name = "example.com."
	}
	r := RecordSet{Name: &name, Type: types.RRType(f[1])}
	if f[2] == "alias" {
		r = alias(name, f[3]+".example.com.", "Z1")
		r.Type = types.RRType(f[1])
	} else {
		var ttl int64
		_, err := fmt.Sscan(f[2], &ttl)
		if err != nil {
			t.Fatal(err)
		}
		r.TTL = &ttl
		for v := range strings.SplitSeq(strings.Join(f[3:], " "), ",") {
			r.ResourceRecords = append(r.ResourceRecords, Value{Value: aws.String(v)})
		}
	}
	if words != "" {
		err := extend(&r, words)
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func sets(t *testing.T, lines ...string) []RecordSet {
	t.Helper()
	var out []RecordSet
	for _, l := range lines {
		out = append(out, set(t, l))
	}
	return out
}

// short says what units do: "-A www +A www", a unit each.
func short(units []Unit) []string {
	out := []string{}
	for _, u := range units {
		var parts []string
		for _, c := range u {
			sign := map[Action]string{Create: "+", Delete: "-", Upsert: "="}[c.Action]
			parts = append(parts, sign+string(c.Set.Type)+" "+
				strings.TrimSuffix(strings.TrimSuffix(aws.ToString(c.Set.Name), "example.com."), "."))
		}
		out = append(out, strings.Join(parts, " "))
	}
	return out
}

const blue, green = ` ;routing="WEIGHTED" weight=10 identifier="blue"`,
	` ;routing="WEIGHTED" weight=20 identifier="green"`

func TestPlan(t *testing.T) {
	tests := []struct {
		name            string
		current, wanted []string
		remove          bool
		want            []string
		notes           int
		same, other     int
	}{
		{name: "nothing"},
		{name: "created", wanted: []string{"b A 60 192.0.2.1", "a A 60 192.0.2.1"}, want: []string{"+A a", "+A b"}},
		{name: "as it is, in other words",
			current: []string{"a AAAA 60 2001:db8::1,2001:db8::2", "c CNAME 60 www.example.net"},
			wanted:  []string{"a AAAA 60 2001:0DB8:0::2,2001:db8::1", "c CNAME 60 www.example.net."}, same: 2},
		{name: "changed", current: []string{"a A 60 192.0.2.1"}, wanted: []string{"a A 61 192.0.2.1"},
			want: []string{"-A a +A a"}},
		{name: "others stay", current: []string{"a A 60 192.0.2.1"}, other: 1},
		{name: "or go", current: []string{"a A 60 192.0.2.1"}, remove: true, want: []string{"-A a"}},
		{name: "the apex is Route 53's", current: []string{"@ NS 60 ns1.example.net", "@ SOA 60 a b 1 2 3 4 5"},
			wanted: []string{"@ SOA 60 a b 2 2 3 4 5", "@ NS 60 ns1.example.net"}, remove: true, notes: 1},
		{name: "a delegation is not", current: []string{"sub NS 60 ns1.example.net"}, remove: true,
			want: []string{"-NS sub"}},
		{name: "a CNAME record makes way", current: []string{"a CNAME 60 b.example.net"},
			wanted: []string{"a A 60 192.0.2.1", "a TXT 60 \"x\""}, want: []string{"-CNAME a +A a +TXT a"}},
		{name: "and has its way", current: []string{"a A 60 192.0.2.1", "a TXT 60 \"x\""},
			wanted: []string{"a CNAME 60 b.example.net"}, want: []string{"-A a -TXT a +CNAME a"}},
		{name: "a group replaces a simple record", current: []string{"a A 60 192.0.2.1"},
			wanted: []string{"a A 60 192.0.2.1" + blue}, want: []string{"-A a +A a"}},
		{name: "a member joins its group", current: []string{"a A 60 192.0.2.1" + blue},
			wanted: []string{"a A 60 192.0.2.1" + green}, want: []string{"+A a"}, other: 1},
		{name: "aliases follow what they stand for",
			wanted: []string{"a A alias b", "b A alias c", "c A 60 192.0.2.1", "d A alias d2", "d2 A 60 192.0.2.1"},
			want:   []string{"+A c", "+A d2", "+A b", "+A d", "+A a"}},
		{name: "aliases go first, after all that comes", current: []string{"a A 60 192.0.2.1", "b A alias a"},
			wanted: []string{"z A 60 192.0.2.1"}, remove: true,
			want: []string{"+A z", "-A b", "-A a"}},
		{name: "aliases of one name", wanted: []string{"a A alias a" + blue, "a A 60 192.0.2.1" + green},
			want: []string{"+A a +A a"}},
		{name: "a loop ends", wanted: []string{"a A alias b", "b A alias a"}, want: []string{"+A b", "+A a"}},
		{name: "traffic policies stay", current: []string{`a A 60 192.0.2.1 ;routing="SIMPLE" trafficPolicyInstanceId="t"`},
			wanted: []string{"a A 60 192.0.2.2"}, notes: 1},
	}
	for _, test := range tests {
		p := NewPlan(zone1, sets(t, test.current...), sets(t, test.wanted...), test.remove)
		got := short(p.Units())
		if test.name == "a loop ends" {
			slices.Sort(got)
			slices.Sort(test.want)
		}
		if !slices.Equal(got, test.want) || len(p.Notes) != test.notes || p.Same != test.same || p.Other != test.other {
			t.Errorf("%s: %q, %d notes, %d same, %d others; want %q, %d, %d, %d", test.name, got, len(p.Notes), p.Same, p.Other,
				test.want, test.notes, test.same, test.other)
		}
	}
}

func TestSummary(t *testing.T) {
	p := NewPlan(zone1, sets(t, "a A 60 192.0.2.1", "b A 60 192.0.2.1", "c A 60 192.0.2.1"),
		sets(t, "a A 60 192.0.2.2", "d A 60 192.0.2.2"), true)
	if p.Summary() != "1 to create, 1 to change, 2 to delete" {
		t.Error(p.Summary())
	}
	p = Plan{}
	if p.Summary() != "nothing to do" {
		t.Error(p.Summary())
	}
	p = PlanOf(zone1, Step{&RecordSet{Name: aws.String("example.com."), Type: "NS"},
		&RecordSet{Name: aws.String("example.com."), Type: "NS", TTL: aws.Int64(5)}})
	if got := short(p.Units()); !slices.Equal(got, []string{"=NS "}) {
		t.Errorf("NS records of the apex: %q", got)
	}
}

func TestEqual(t *testing.T) {
	const base = "a A 60 192.0.2.1"
	different := []string{
		"b A 60 192.0.2.1", "a TXT 60 192.0.2.1", "a A 61 192.0.2.1", "a A 60 192.0.2.2", "a A 60 192.0.2.1,192.0.2.2",
		"a A alias b",
		base + blue, base + ` ;routing="SIMPLE" healthCheckId="h"`,
	}
	a := set(t, base)
	for _, text := range different {
		b := set(t, text)
		if Equal(&a, &b) || Equal(&b, &a) {
			t.Errorf("%q is equal to %q", text, base)
		}
	}
	listed, written := set(t, "a A alias b"), set(t, "a A alias b")
	listed.TTL = aws.Int64(0)
	if !Equal(&listed, &written) {
		t.Error("the TTL of an alias makes a difference")
	}
	for _, pair := range [][2]string{
		{` ;routing="WEIGHTED" weight=1 identifier="i"`, ` ;routing="WEIGHTED" weight=2 identifier="i"`},
		{` ;routing="LATENCY" region="a" identifier="i"`, ` ;routing="LATENCY" region="b" identifier="i"`},
		{` ;routing="FAILOVER" failover="PRIMARY" identifier="i"`,
			` ;routing="FAILOVER" failover="SECONDARY" identifier="i"`},
		{` ;routing="GEOLOCATION" countryCode="US" identifier="i"`,
			` ;routing="GEOLOCATION" countryCode="US" subdivisionCode="WA" identifier="i"`},
		{` ;routing="GEOPROXIMITY" region="a" identifier="i"`, ` ;routing="GEOPROXIMITY" region="a" bias=1 identifier="i"`},
		{` ;routing="CIDR" collectionId="a" locationName="b" identifier="i"`,
			` ;routing="CIDR" collectionId="a" locationName="c" identifier="i"`},
		{` ;routing="MULTIVALUE" identifier="i"`, ` ;routing="MULTIVALUE" identifier="j"`},
	} {
		a, b := set(t, base+pair[0]), set(t, base+pair[1])
		again := set(t, base+pair[0])
		if Equal(&a, &b) || !Equal(&a, &again) {
			t.Errorf("%q and %q are equal, or %[1]q is not equal to itself", pair[0], pair[1])
		}
	}
}
