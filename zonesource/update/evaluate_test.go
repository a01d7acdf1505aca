package update

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"inside53/resolver/zone"
	"inside53/zonesource/changes"
)

var apex = zone.MustName("example.")

// zoneText is what Route 53 has: NAME TTL TYPE VALUE, one record a line; ALIAS and
// WEIGHTED in the place of the TTL.
const zoneText = `
example. 900 SOA ns.example. host.example. 1 2 3 4 5
example. 172800 NS ns-1.example.
example. 172800 NS ns-2.example.
example. 300 A 192.0.2.1
a.example. 300 A 192.0.2.1
a.example. 300 A 192.0.2.2
a.example. 60 TXT "t"
one.example. 300 A 192.0.2.1
c.example. 300 CNAME Target.example.
d.ent.example. 300 A 192.0.2.1
mx.example. 300 MX 10 Mail.example.
alias.example. ALIAS A a.example.
w.example. WEIGHTED A 192.0.2.9
w.example. 300 TXT "w"
sub.example. 300 NS ns.sub.example.
`

// listing parses record sets.
func listing(t testing.TB, text string) []changes.RecordSet {
	t.Helper()
	var sets []changes.RecordSet
	for line := range strings.Lines(strings.TrimSpace(text)) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 4)
		set := changes.RecordSet{Name: aws.String(words[0]), Type: types.RRType(words[2])}
		switch words[1] {
		case "ALIAS":
			set.AliasTarget = &changes.AliasTarget{DNSName: aws.String(words[3]), HostedZoneId: aws.String("Z1")}
		case "WEIGHTED":
			set.Weight, set.SetIdentifier, set.TTL = aws.Int64(1), aws.String("x"), aws.Int64(300)
		default:
			var ttl int64
			_, err := fmt.Sscan(words[1], &ttl)
			if err != nil {
				t.Fatal(err)
			}
			set.TTL = &ttl
		}
		if set.AliasTarget != nil {
			sets = append(sets, set)
			continue
		}
		value := changes.Value{Value: aws.String(words[3])}
		at := slices.IndexFunc(sets, func(s changes.RecordSet) bool {
			return *s.Name == words[0] &&
				string(s.Type) == words[2]
		})
		if at >= 0 {
			sets[at].ResourceRecords = append(sets[at].ResourceRecords, value)
			continue
		}
		set.ResourceRecords = []changes.Value{value}
		sets = append(sets, set)
	}
	return sets
}

// owners are the fresh contents of a listing.
func owners(sets []changes.RecordSet) func(string) *owner {
	return func(name string) *owner {
		var own []changes.RecordSet
		for _, s := range sets {
			if string(zone.MustName(*s.Name)) == name {
				own = append(own, s)
			}
		}
		return listedOwner(own)
	}
}

// record parses NAME TTL CLASS TYPE [RDATA].
func record(t *testing.T, text string) Record {
	t.Helper()
	words := strings.SplitN(text, " ", 5)
	if len(words) < 4 {
		t.Fatalf("no record: %s", text)
	}
	r := Record{Name: zone.MustName(words[0]), Type: dns.StringToType[words[3]], Class: dns.StringToClass[words[2]]}
	if strings.HasPrefix(words[3], "TYPE") {
		_, err := fmt.Sscanf(words[3], "TYPE%d", &r.Type)
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := fmt.Sscan(words[1], &r.TTL)
	if err != nil {
		t.Fatal(err)
	}
	if len(words) == 5 {
		rr, err := dns.NewRR(". 0 IN " + words[3] + " " + words[4])
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1024)
		n, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		r.Data = buf[11:n]
	}
	return r
}

// message parses an update: records after "?" are prerequisites, the others changes.
func message(t *testing.T, lines ...string) *Message {
	t.Helper()
	m := &Message{Key: "ops."}
	for _, l := range lines {
		rest, is := strings.CutPrefix(l, "? ")
		if is {
			m.Prerequisites = append(m.Prerequisites, record(t, rest))
		} else {
			m.Updates = append(m.Updates, record(t, l))
		}
	}
	return m
}

// written is a batch, one change a line: NAME TYPE TTL VALUE, VALUE.
func written(b changes.Batch) []string {
	var lines []string
	for _, c := range b {
		var values []string
		for _, v := range c.Set.ResourceRecords {
			values = append(values, *v.Value)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %d %s", c.Action, *c.Set.Name, c.Set.Type, aws.ToInt64(c.Set.TTL),
			strings.Join(values, ", ")))
	}
	return lines
}

// TestPrerequisites goes through RFC 2136 section 2.4 and 3.2.
func TestPrerequisites(t *testing.T) {
	for _, tt := range []struct {
		section string
		lines   []string
		want    int
	}{
		{"2.4.1 RRset exists", []string{"? a.example. 0 ANY A"}, NoError},
		{"2.4.1 RRset exists, of an alias", []string{"? alias.example. 0 ANY A"}, NoError},
		{"2.4.1 RRset exists, of a policy", []string{"? w.example. 0 ANY A"}, NoError},
		{"2.4.1 RRset exists, not of that type", []string{"? a.example. 0 ANY AAAA"}, NXRRset},
		{"2.4.1 RRset exists, no such name", []string{"? no.example. 0 ANY A"}, NXRRset},
		{"2.4.2 RRset exists, value", []string{"? a.example. 0 IN A 192.0.2.2", "? a.example. 0 IN A 192.0.2.1"}, NoError},
		{"2.4.2 value, a record twice", []string{"? one.example. 0 IN A 192.0.2.1", "? one.example. 0 IN A 192.0.2.1"},
			NoError},
		{"2.4.2 value, a subset", []string{"? a.example. 0 IN A 192.0.2.2"}, NXRRset},
		{"2.4.2 value, a superset", []string{"? one.example. 0 IN A 192.0.2.1", "? one.example. 0 IN A 192.0.2.2"}, NXRRset},
		{"2.4.2 value, another", []string{"? one.example. 0 IN A 192.0.2.7"}, NXRRset},
		{"2.4.2 value, no such name", []string{"? no.example. 0 IN A 192.0.2.7"}, NXRRset},
		{"2.4.2 value, names in any case",
			[]string{"? mx.example. 0 IN MX 10 mail.EXAMPLE.", "? c.example. 0 IN CNAME target.example."}, NoError},
		{"2.4.2 value, of two RRsets", []string{"? a.example. 0 IN TXT \"t\"", "? one.example. 0 IN A 192.0.2.1"}, NoError},
		{"2.4.2 value, text in another case", []string{"? a.example. 0 IN TXT \"T\""}, NXRRset},
		{"2.4.2 value, of an alias", []string{"? alias.example. 0 IN A 192.0.2.1"}, NXRRset},
		{"2.4.3 RRset does not exist", []string{"? a.example. 0 NONE AAAA", "? no.example. 0 NONE A"}, NoError},
		{"2.4.3 RRset does not exist, it does", []string{"? a.example. 0 NONE A"}, YXRRset},
		{"2.4.3 RRset does not exist, an alias does", []string{"? alias.example. 0 NONE A"}, YXRRset},
		{"2.4.4 name is in use", []string{"? a.example. 0 ANY ANY", "? alias.example. 0 ANY ANY"}, NoError},
		{"2.4.4 name is in use, it isn't", []string{"? no.example. 0 ANY ANY"}, NXDomain},
		{"2.4.4 name is in use, an empty non-terminal", []string{"? ent.example. 0 ANY ANY"}, NXDomain},
		{"2.4.5 name is not in use", []string{"? no.example. 0 NONE ANY", "? ent.example. 0 NONE ANY"}, NoError},
		{"2.4.5 name is not in use, it is", []string{"? w.example. 0 NONE ANY"}, YXDomain},
		{"all have to hold", []string{"? a.example. 0 ANY A", "? a.example. 0 NONE TXT"}, YXRRset},

		{"3.2.1 TTL", []string{"? a.example. 1 ANY A"}, FormErr},
		{"3.2.1 not in the zone", []string{"? a.example.net. 0 ANY A"}, NotZone},
		{"3.2.2 data with ANY", []string{"? a.example. 0 ANY A 192.0.2.1"}, FormErr},
		{"3.2.3 data with NONE", []string{"? a.example. 0 NONE A 192.0.2.1"}, FormErr},
		{"3.2.4 type ANY of the class of the zone", []string{"? a.example. 0 IN ANY"}, FormErr},
		{"3.2.4 no data", []string{"? a.example. 0 IN A"}, FormErr},
		{"3.2.4 another class", []string{"? a.example. 0 CH A"}, FormErr},
		{"3.2 no type of data", []string{"? a.example. 0 ANY AXFR"}, FormErr},
	} {
		m := message(t, tt.lines...)
		result := m.Check(apex)
		if result.good() {
			result = newPlan(apex, owners(listing(t, zoneText))).evaluate(m)
		}
		if result.Rcode != tt.want {
			t.Errorf("%s: %s, want %s", tt.section, dns.RcodeToString[result.Rcode], dns.RcodeToString[tt.want])
		}
	}
}

// TestChanges goes through RFC 2136 section 2.5 and 3.4.
func TestChanges(t *testing.T) {
	const nsOld = "DELETE example. NS 172800 ns-1.example., ns-2.example."
	for _, tt := range []struct {
		section string
		lines   []string
		want    string // batch, separated by " | "; or a response code
	}{
		{"2.5.1 add to nothing", []string{"new.example. 60 IN A 192.0.2.5"}, "CREATE new.example. A 60 192.0.2.5"},
		{"2.5.1 add two", []string{"new.example. 60 IN A 192.0.2.5", "new.example. 60 IN A 192.0.2.6"},
			"CREATE new.example. A 60 192.0.2.5, 192.0.2.6"},
		{"2.5.1 add one twice", []string{"new.example. 60 IN A 192.0.2.5", "new.example. 60 IN A 192.0.2.5"},
			"CREATE new.example. A 60 192.0.2.5"},
		{"2.5.1 add to others", []string{"one.example. 300 IN A 192.0.2.5"},
			"DELETE one.example. A 300 192.0.2.1 | CREATE one.example. A 300 192.0.2.1, 192.0.2.5"},
		{"2.5.1 add what is there", []string{"one.example. 300 IN A 192.0.2.1"}, ""},
		{"2.5.1 another TTL", []string{"a.example. 60 IN A 192.0.2.1"},
			"DELETE a.example. A 300 192.0.2.1, 192.0.2.2 | CREATE a.example. A 60 192.0.2.1, 192.0.2.2"},
		{"2.5.1 a wildcard", []string{"*.example. 60 IN A 192.0.2.1"}, `CREATE \052.example. A 60 192.0.2.1`},
		{"2.5.1 the same name in another case", []string{"mx.example. 300 IN MX 10 mail.example."}, ""},
		{"2.5.1 text", []string{"txt.example. 0 IN TXT \"a\\\"b\" \"c\\\\;\""}, `CREATE txt.example. TXT 0 "a\"b" "c\\;"`},
		{"2.5.2 delete an RRset", []string{"a.example. 0 ANY A"}, "DELETE a.example. A 300 192.0.2.1, 192.0.2.2"},
		{"2.5.2 delete an RRset that isn't there", []string{"a.example. 0 ANY AAAA", "no.example. 0 ANY A"}, ""},
		{"2.5.2 delete the SOA of the apex", []string{"example. 0 ANY SOA"}, ""},
		{"2.5.2 delete the NS of the apex", []string{"example. 0 ANY NS"}, ""},
		{"2.5.2 delete other NS", []string{"sub.example. 0 ANY NS"}, "DELETE sub.example. NS 300 ns.sub.example."},
		{"2.5.3 delete a name", []string{"a.example. 0 ANY ANY"},
			`DELETE a.example. A 300 192.0.2.1, 192.0.2.2 | DELETE a.example. TXT 60 "t"`},
		{"2.5.3 delete a name that isn't there", []string{"ent.example. 0 ANY ANY"}, ""},
		{"2.5.3 delete the apex", []string{"example. 0 ANY ANY"}, "DELETE example. A 300 192.0.2.1"},
		{"2.5.4 delete a record", []string{"a.example. 0 NONE A 192.0.2.1"},
			"DELETE a.example. A 300 192.0.2.1, 192.0.2.2 | CREATE a.example. A 300 192.0.2.2"},
		{"2.5.4 delete the last record", []string{"one.example. 0 NONE A 192.0.2.1"}, "DELETE one.example. A 300 192.0.2.1"},
		{"2.5.4 delete a record that isn't there",
			[]string{"one.example. 0 NONE A 192.0.2.7", "no.example. 0 NONE A 192.0.2.7"}, ""},
		{"2.5.4 delete a record, its name in another case", []string{"c.example. 0 NONE CNAME target.example."},
			"DELETE c.example. CNAME 300 Target.example."},
		{"2.5.4 delete an NS of the apex", []string{"example. 0 NONE NS ns-1.example."},
			nsOld + " | CREATE example. NS 172800 ns-2.example."},
		{"2.5.4 delete all NS of the apex", []string{"example. 0 NONE NS ns-1.example.", "example. 0 NONE NS ns-2.example."},
			nsOld + " | CREATE example. NS 172800 ns-2.example."},
		{"2.5.4 delete the SOA", []string{"example. 0 NONE SOA ns.example. host.example. 1 2 3 4 5"}, ""},

		{"3.4.2.2 a CNAME beside others", []string{"a.example. 60 IN CNAME b.example."}, ""},
		{"3.4.2.2 a CNAME beside an alias", []string{"alias.example. 60 IN CNAME b.example."}, ""},
		{"3.4.2.2 others beside a CNAME", []string{"c.example. 60 IN A 192.0.2.1"}, ""},
		{"3.4.2.2 a CNAME in the place of one", []string{"c.example. 60 IN CNAME b.example."},
			"DELETE c.example. CNAME 300 Target.example. | CREATE c.example. CNAME 60 b.example."},
		{"3.4.2.2 the CNAME that is there", []string{"c.example. 300 IN CNAME target.example."}, ""},
		{"3.4.2.2 a CNAME after the others have gone", []string{"a.example. 0 ANY ANY", "a.example. 60 IN CNAME b.example."},
			`DELETE a.example. A 300 192.0.2.1, 192.0.2.2 | DELETE a.example. TXT 60 "t" | CREATE a.example. CNAME 60 ` +
				`b.example.`},
		{"3.4.2.2 the SOA of the apex", []string{"example. 60 IN SOA ns.example. host.example. 9 2 3 4 5"}, ""},
		{"3.4.2.2 an SOA elsewhere", []string{"a.example. 60 IN SOA ns.example. host.example. 9 2 3 4 5"}, ""},
		{"in order: delete and add the same", []string{"one.example. 0 ANY A", "one.example. 300 IN A 192.0.2.1"}, ""},
		{"in order: replace", []string{"one.example. 0 ANY A", "one.example. 60 IN A 192.0.2.8"},
			"DELETE one.example. A 300 192.0.2.1 | CREATE one.example. A 60 192.0.2.8"},
		{"in order: add and delete", []string{"new.example. 60 IN A 192.0.2.8", "new.example. 0 ANY ANY"}, ""},
		{"nothing at all", nil, ""},

		{"an alias", []string{"alias.example. 60 IN A 192.0.2.1"}, "REFUSED"},
		{"an alias, deleted", []string{"alias.example. 0 ANY A"}, "REFUSED"},
		{"an alias, its name deleted", []string{"new.example. 60 IN A 192.0.2.1", "alias.example. 0 ANY ANY"}, "REFUSED"},
		{"an alias, a record deleted", []string{"alias.example. 0 NONE A 192.0.2.1"}, "REFUSED"},
		{"beside an alias", []string{"alias.example. 60 IN TXT \"x\""}, `CREATE alias.example. TXT 60 "x"`},
		{"a policy", []string{"w.example. 60 IN A 192.0.2.1"}, "REFUSED"},
		{"beside a policy", []string{"w.example. 0 ANY TXT"}, `DELETE w.example. TXT 300 "w"`},
		{"a type that Route 53 hasn't", []string{"loc.example. 60 IN TYPE65280 \\# 2 0102"}, "REFUSED"},
		{"a TTL that is none", []string{"new.example. 2147483648 IN A 192.0.2.1"}, "REFUSED"},

		{"3.4.1 not in the zone", []string{"new.example.net. 60 IN A 192.0.2.1"}, "NOTZONE"},
		{"3.4.1 add ANY", []string{"new.example. 60 IN ANY"}, "FORMERR"},
		{"3.4.1 add nothing", []string{"new.example. 60 IN A"}, "FORMERR"},
		{"3.4.1 delete with a TTL", []string{"a.example. 60 ANY A"}, "FORMERR"},
		{"3.4.1 delete an RRset with data", []string{"a.example. 0 ANY A 192.0.2.1"}, "FORMERR"},
		{"3.4.1 delete AXFR", []string{"a.example. 0 ANY AXFR"}, "FORMERR"},
		{"3.4.1 delete a record with a TTL", []string{"a.example. 60 NONE A 192.0.2.1"}, "FORMERR"},
		{"3.4.1 delete a record ANY", []string{"a.example. 0 NONE ANY"}, "FORMERR"},
		{"3.4.1 another class", []string{"a.example. 60 CH A"}, "FORMERR"},
		{"3.4.1 nothing is done where one is wrong", []string{"new.example. 60 IN A 192.0.2.1", "a.example. 60 ANY A"},
			"FORMERR"},
	} {
		m := message(t, tt.lines...)
		result := m.Check(apex)
		var got string
		if result.good() {
			p := newPlan(apex, owners(listing(t, zoneText)))
			if !p.accept(&entry{message: m}) || len(p.unread.list) > 0 {
				t.Fatalf("%s: not taken, or unread %q", tt.section, p.unread.list)
			}
			result = p.entries[0].result
			b := p.batch()
			got = strings.Join(written(b), " | ")
			if cost := changes.CostOf(b); cost != p.cost {
				t.Errorf("%s: counted as %+v, is %+v", tt.section, p.cost, cost)
			}
			if p.entries[0].changes != (len(b) > 0) {
				t.Errorf("%s: changes %v, batch %q", tt.section, p.entries[0].changes, got)
			}
		}
		if !result.good() {
			got = strings.TrimPrefix(dns.RcodeToString[result.Rcode]+" "+got, "")
			got = strings.TrimSuffix(got, " ")
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s\n%s", tt.section, got, tt.want, result.Text)
		}
	}
}

// TestUnread says which names have to be read before a message is answered, where
// what is known is only what we serve.
func TestUnread(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		want  string
	}{
		{[]string{"new.example. 60 IN A 192.0.2.1"}, ""},
		{[]string{"one.example. 60 IN A 192.0.2.1"}, ""},
		{[]string{"one.example. 0 ANY A"}, ""},
		{[]string{"? new.example. 0 NONE ANY", "other.example. 60 IN A 192.0.2.1"}, "new.example."},
		{[]string{"one.example. 300 IN A 192.0.2.1"}, "one.example."},
		{[]string{"one.example. 0 ANY A", "one.example. 300 IN A 192.0.2.1"}, "one.example."},
		{[]string{"no.example. 0 ANY A"}, "no.example."},
		{[]string{"one.example. 0 ANY ANY"}, "one.example."},
		{[]string{"a.example. 60 IN CNAME b.example."}, "a.example."},
		{[]string{"alias.example. 0 ANY A"}, "alias.example."},
		{[]string{"new.example. 60 IN A 192.0.2.1", "one.example. 0 NONE A 192.0.2.7"}, "one.example."},
		{[]string{"new.example. 60 IN A 192.0.2.1", "new.example. 0 ANY A"}, "new.example."},
	} {
		fresh := owners(listing(t, zoneText))
		p := newPlan(apex, func(name string) *owner { return &owner{sets: fresh(name).sets} })
		p.accept(&entry{message: message(t, tt.lines...)})
		var got []string
		for _, n := range p.unread.list {
			got = append(got, zone.String([]byte(n)))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: unread are %q, want %q", tt.lines, got, tt.want)
		}
	}
}
