package changes

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestImpossible: what AWS would refuse is known before the first batch.
func TestImpossible(t *testing.T) {
	long := `"` + strings.Repeat("x", 250) + `"`
	text := strings.Repeat(long+" ", 16)
	many := strings.TrimSuffix(strings.Repeat("192.0.2.1,", 401), ",")
	weighted, failover := ` ;routing="WEIGHTED" weight=1 identifier="a"`,
		` ;routing="FAILOVER" failover="PRIMARY" identifier="b"`
	tests := []struct {
		name    string
		current []string
		wanted  []string
		remove  bool
		want    string // of the last wanted; "" for what can be
	}{
		{"CNAME at the apex", nil, []string{"@ CNAME 60 a.example."}, false, "no CNAME record can be at the apex"},
		{"CNAME beside A", nil, []string{"a A 60 192.0.2.1", "a CNAME 60 b.example."}, false,
			"no CNAME record can be beside"},
		{"CNAME in place of A", []string{"a A 60 192.0.2.1"}, []string{"a CNAME 60 b.example."}, false, ""},
		{"CNAME with two targets", nil, []string{"a CNAME 60 b.example.,c.example."}, false,
			"a CNAME record has one target, not 2"},
		{"SOA below", nil, []string{"a SOA 60 a. b. 1 2 3 4 5"}, false, "an SOA record can be at the apex alone"},
		{"SOA of the apex", nil, []string{"@ SOA 60 a. b. 1 2 3 4 5"}, false, ""},
		{"DS at the apex", nil, []string{"@ DS 60 1 8 2 00"}, false, "a DS record belongs into the parent zone"},
		{"DS below", nil, []string{"a DS 60 1 8 2 00"}, false, ""},
		{"wildcard NS", nil, []string{"*.a NS 60 b.example."}, false, "NS records can't be wildcards"},
		{"wildcard A", nil, []string{"*.a A 60 192.0.2.1"}, false, ""},
		{"TXT of 4,032 characters", nil, []string{"a TXT 60 " + text[:len(text)-1]}, false,
			"a value of 4047 characters; the most is 4000"},
		{"TXT of 3,794", nil, []string{"a TXT 60 " + text[:15*253-1]}, false, ""},
		{"401 values", nil, []string{"a A 60 " + many}, false, "401 values; a record set has at most 400"},
		{"two policies", nil, []string{"a A 60 192.0.2.1" + weighted, "a A 60 192.0.2.1" + failover}, false,
			"it is failover and another"},
		{"alias for nothing", nil, []string{"a A alias b"}, false, "an alias for b.example.com., which has no A records"},
		{"alias for what is there", []string{"b A 60 192.0.2.1"}, []string{"a A alias b"}, false, ""},
		{"alias for what goes", []string{"b A 60 192.0.2.1"}, []string{"a A alias b"}, true, "an alias for b.example.com."},
		{"alias for what comes", nil, []string{"b A 60 192.0.2.1", "a A alias b"}, true, ""},
	}
	for _, test := range tests {
		var sets [2][]RecordSet
		for i, lines := range [][]string{test.current, test.wanted} {
			for _, line := range lines {
				sets[i] = append(sets[i], set(t, line))
			}
		}
		notes := Impossible(zone1, sets[0], sets[1], test.remove)
		last := &sets[1][len(sets[1])-1]
		i := slices.IndexFunc(notes, func(n Note) bool { return keyOf(&n.Set) == keyOf(last) })
		switch {
		case test.want == "" && len(notes) > 0:
			t.Errorf("%s: %v", test.name, notes)
		case test.want != "" && (i < 0 || !strings.HasPrefix(notes[i].Reason, test.want)):
			t.Errorf("%s: %v, want %q", test.name, notes, test.want)
		}
	}
}

func TestDoubts(t *testing.T) {
	tests := []struct{ set, want string }{
		{"www A 60 192.0.2.1", ""},
		{"www.example.com A 60 192.0.2.1", ""}, // set adds the zone: see below
		{"www CNAME 60 web.example.com.", ""},
		{"www CNAME 60 web.example.com.example.com.",
			"the target web.example.com.example.com. ends in the name of the zone twice"},
		{"www MX 60 10 mail.example.com.example.com.", "the target mail.example.com.example.com. ends in"},
		{"www CNAME 60 web.", "the target web. has a single label: is web.example.com. meant?"},
		{"www MX 60 0 .", ""},
		{"www SRV 60 1 2 3 host.", "the target host. has a single label"},
		{"www HTTPS 60 1 . alpn=h2", ""},
		{"www TXT 60 web.", ""},
	}
	tests[1].want = "the name ends in the name of the zone twice"
	for _, test := range tests {
		r := set(t, test.set)
		got := strings.Join(Doubts(zone1, &r), "; ")
		if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %q, want %q", test.set, got, test.want)
		}
	}
	one := Zone{ID: "Z2", Name: "internal."}
	r := RecordSet{Name: aws.String("a.internal."), Type: "CNAME",
		ResourceRecords: []Value{{Value: aws.String("internal.")}}}
	if got := Doubts(one, &r); len(got) > 0 {
		t.Errorf("a target that is the zone itself: %q", got)
	}
}

// TestKeepUnwritable: values that no master file can hold stay when a file is imported,
// with and without deletions.
func TestKeepUnwritable(t *testing.T) {
	current := []RecordSet{
		set(t, "a TLSA 60 1 1 1 odd,3 1 1 00"), set(t, "b CAA 60 odd"), set(t, "c A 60 192.0.2.1"),
	}
	for _, remove := range []bool{false, true} {
		wanted, notes := KeepUnwritable(zone1, current, []RecordSet{set(t, "a TLSA 60 3 1 1 00")})
		p := NewPlan(zone1, current, wanted, remove)
		if len(notes) != 2 || p.Same != 2 || len(p.Steps) > 0 != remove || remove &&
			(len(p.Steps) != 1 || p.Steps[0].Old.Type != "A") {
			t.Errorf("remove %v: %v, %+v", remove, notes, p)
		}
		wanted, _ = KeepUnwritable(zone1, current, []RecordSet{set(t, "a TLSA 60 3 1 1 01")})
		p = NewPlan(zone1, current, wanted, remove)
		i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Set().Type == "TLSA" })
		want := set(t, "a TLSA 60 3 1 1 01,1 1 1 odd")
		if i < 0 || !Equal(p.Steps[i].New, &want) {
			t.Errorf("remove %v, a change: %+v", remove, p.Steps)
		}
	}
}
