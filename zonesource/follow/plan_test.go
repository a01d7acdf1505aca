package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/resolver/zone"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// tree is a version of example.com of lines like "www 60 A 192.0.2.1 192.0.2.2".
func tree(t *testing.T, lines ...string) *zone.Tree {
	t.Helper()
	e := zone.NewTree(zone.MustName("example.com.")).Edit()
	for _, line := range append([]string{"@ 60 SOA ns.example.com.,h.example.com.,1,2,3,4,5", "@ 60 NS ns.example.com."},
		lines...) {
		name, rrtype, ttl, values := parse(t, line)
		var data [][]byte
		for _, v := range values {
			d, err := rdata.ParseValue(rrtype, v)
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, d)
		}
		set, err := zone.NewRecords(rrtype, ttl, data...)
		if err == nil {
			err = e.Put(name, set)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return e.Commit()
}

// parse reads a line; commas are blanks of a value.
func parse(t *testing.T, line string) (name []byte, rrtype uint16, ttl uint32, values []string) {
	t.Helper()
	f := strings.Fields(line)
	_, err := fmt.Sscan(f[1], &ttl)
	rrtype, known := rdata.Type(f[2])
	if err != nil || !known {
		t.Fatalf("line %q", line)
	}
	for _, v := range f[3:] {
		values = append(values, strings.ReplaceAll(v, ",", " "))
	}
	if f[0] == "@" {
		return zone.MustName("example.com."), rrtype, ttl, values
	}
	return zone.MustName(f[0] + ".example.com."), rrtype, ttl, values
}

// listed are record sets as Route 53 has them: lines as of a tree, with "alias" or a weight before.
func listed(t *testing.T, lines ...string) []changes.RecordSet {
	t.Helper()
	var all []changes.RecordSet
	for _, line := range lines {
		line, alias := strings.CutPrefix(line, "alias ")
		line, weighted := strings.CutPrefix(line, "weighted ")
		name, rrtype, ttl, values := parse(t, line)
		r := changes.RecordSet{Name: aws.String(rdata.FormatName(name)), Type: changes.RecordType(rdata.TypeText(rrtype))}
		if alias {
			r.AliasTarget = &changes.AliasTarget{DNSName: aws.String(values[0]), HostedZoneId: aws.String("Z2")}
		} else {
			r.TTL = aws.Int64(int64(ttl))
			for _, v := range values {
				r.ResourceRecords = append(r.ResourceRecords, changes.Value{Value: aws.String(v)})
			}
		}
		if weighted {
			r.SetIdentifier, r.Weight = aws.String("one"), aws.Int64(1)
		}
		all = append(all, r)
	}
	return all
}

// shown is a plan and its problems, a line each.
func shown(p changes.Plan, problems []string) string {
	var lines []string
	for _, s := range p.Steps {
		var values []string
		for _, v := range s.Set().ResourceRecords {
			values = append(values, *v.Value)
		}
		lines = append(lines, strings.Join(append([]string{s.Kind(), strings.TrimSuffix(*s.Set().Name, ".example.com."),
			string(s.Set().Type)}, values...), " "))
	}
	lines = append(lines, problems...)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestPlan: what is ours changes, and nothing else.
func TestPlan(t *testing.T) {
	for name, test := range map[string]struct {
		before [][]string // versions
		target []string
		has    []string
		names  []Pattern
		want   string
	}{
		"first": {nil, []string{"www 60 A 192.0.2.1", "same 60 A 192.0.2.2", "other 60 A 192.0.2.3"},
			[]string{"same 60 A 192.0.2.2", "other 60 A 192.0.2.9", "foreign 60 A 192.0.2.9"}, nil,
			"create www A 192.0.2.1\nproblem other A"},
		"changed and gone": {[][]string{{"www 60 A 192.0.2.1", "old 60 A 192.0.2.2"}}, []string{"www 60 A 192.0.2.3"},
			[]string{"www 60 A 192.0.2.1", "old 60 A 192.0.2.2", "foreign 60 A 192.0.2.9"}, nil,
			"change www A 192.0.2.3\ndelete old A 192.0.2.2"},
		"another TTL": {[][]string{{"www 60 A 192.0.2.1"}}, []string{"www 61 A 192.0.2.1"},
			[]string{"www 60 A 192.0.2.1"}, nil, "change www A 192.0.2.1"},
		"made already": {[][]string{{"www 60 A 192.0.2.1"}}, []string{"www 60 A 192.0.2.3"},
			[]string{"www 60 A 192.0.2.3"}, nil, ""},
		"changed by others": {[][]string{{"www 60 A 192.0.2.1"}}, []string{"www 60 A 192.0.2.3"},
			[]string{"www 60 A 192.0.2.9"}, nil, "problem www A"},
		"deleted by others": {[][]string{{"www 60 A 192.0.2.1"}}, []string{"www 60 A 192.0.2.3"}, nil, nil,
			"create www A 192.0.2.3"},
		"deleted by both": {[][]string{{"www 60 A 192.0.2.1"}}, nil, nil, nil, ""},
		"gone, changed by others": {[][]string{{"www 60 A 192.0.2.1"}}, nil, []string{"www 60 A 192.0.2.9"}, nil,
			"problem www A"},
		"begun before a crash": {[][]string{{"www 60 A 192.0.2.1", "a 60 A 192.0.2.1"}, {"www 60 A 192.0.2.2",
			"a 60 A 192.0.2.2"}},
			[]string{"www 60 A 192.0.2.3", "a 60 A 192.0.2.1"}, []string{"www 60 A 192.0.2.2", "a 60 A 192.0.2.2"}, nil,
			"change a A 192.0.2.1\nchange www A 192.0.2.3"},
		"an alias": {nil, []string{"www 60 A 192.0.2.1"}, []string{"alias www 0 A lb.example.net"}, nil, "problem www A"},
		"weighted": {nil, []string{"www 60 A 192.0.2.1"}, []string{"weighted www 60 A 192.0.2.1"}, nil, "problem www A"},
		"CNAME over": {nil, []string{"www 60 CNAME x.example.net"}, []string{"www 60 A 192.0.2.1"}, nil,
			"problem www CNAME"},
		"under CNAME": {nil, []string{"www 60 A 192.0.2.1"}, []string{"www 60 CNAME x.example.net"}, nil,
			"problem www CNAME"},
		"CNAME instead": {[][]string{{"www 60 A 192.0.2.1"}}, []string{"www 60 CNAME x.example.net."},
			[]string{"www 60 A 192.0.2.1"}, nil, "create www CNAME x.example.net.\ndelete www A 192.0.2.1"},
		"a type that isn't there": {nil, []string{"www 60 LOC 51,0,0,N,4,0,0,E,0m"}, nil, nil, "problem www LOC"},
		"names": {nil, []string{"a 60 A 192.0.2.1", "b.sub 60 A 192.0.2.1", "sub 60 A 192.0.2.1", "c 60 A 192.0.2.1"}, nil,
			[]Pattern{{Name: zone.MustName("a.example.com.")}, {Name: zone.MustName("sub.example.com."), Below: true}},
			"create a A 192.0.2.1\ncreate b.sub A 192.0.2.1"},
		"the apex": {nil, []string{"@ 60 MX 10,mx.example.net."}, []string{"@ 60 NS ns.aws.example."}, nil,
			"create example.com. MX 10 mx.example.net."},
	} {
		t.Run(name, func(t *testing.T) {
			p := &planner{hosted: changes.Zone{ID: "Z1", Name: "example.com."}, apex: zone.MustName("example.com."),
				names: test.names, target: tree(t, test.target...)}
			if p.names == nil {
				p.names = []Pattern{{}}
			}
			for _, lines := range test.before {
				p.before = append(p.before, tree(t, lines...))
			}
			plan, found := p.plan(p.affected(), listed(t, test.has...))
			var problems []string
			for _, o := range found {
				problems = append(problems, "problem "+strings.TrimSuffix(o.Name, ".example.com.")+" "+o.Type)
			}
			if got := shown(plan, problems); got != test.want {
				t.Errorf("planned\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// fakeRoute53 refuses what has a name of refused, and says of conflicts that somebody was first.
type fakeRoute53 struct {
	has      map[string]changes.RecordSet
	refused  string
	conflict func(*fakeRoute53) // before the first batch
	batches  int
}

func (f *fakeRoute53) Records(context.Context, changes.Zone) ([]changes.RecordSet, error) {
	var all []changes.RecordSet
	for _, r := range f.has {
		all = append(all, r)
	}
	return all, nil
}

func (f *fakeRoute53) RecordsOf(ctx context.Context, z changes.Zone, _ []string) ([]changes.RecordSet, error) {
	return f.Records(ctx, z)
}

func (f *fakeRoute53) Submit(_ context.Context, z changes.Zone, b changes.Batch) (string, error) {
	f.batches++
	if f.conflict != nil {
		f.conflict(f)
		f.conflict = nil
	}
	for _, c := range b {
		key := *c.Set.Name + string(c.Set.Type)
		is, there := f.has[key]
		switch {
		case strings.HasPrefix(*c.Set.Name, f.refused):
			return "", &changes.RefusedError{Zone: z, Reasons: []string{"no"}, Err: errors.New("no")}
		case c.Action == changes.Create && there:
			return "", &changes.RefusedError{Zone: z, Reasons: []string{"but it already exists"}, Err: errors.New("no")}
		case c.Action == changes.Delete && (!there || !changes.Equal(&is, &c.Set)):
			return "", &changes.RefusedError{Zone: z, Reasons: []string{"but it was not found"}, Err: errors.New("no")}
		}
	}
	for _, c := range b {
		key := *c.Set.Name + string(c.Set.Type)
		delete(f.has, key)
		if c.Action != changes.Delete {
			f.has[key] = c.Set
		}
	}
	return fmt.Sprint("C", f.batches), nil
}

// TestMake: what Route 53 refuses is told apart from the rest, and what others do meanwhile is
// looked at again.
func TestMake(t *testing.T) {
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprintf("n%d 60 A 192.0.2.%d", i, i))
	}
	p := &planner{hosted: changes.Zone{ID: "Z1", Name: "example.com."}, apex: zone.MustName("example.com."),
		names: []Pattern{{}}, target: tree(t, lines...)}
	f := &fakeRoute53{has: map[string]changes.RecordSet{}, refused: "n7.", conflict: func(f *fakeRoute53) {
		r := listed(t, "n3 60 A 198.51.100.3")[0]
		f.has["n3.example.com.A"] = r
		same := listed(t, "n4 60 A 192.0.2.4")[0]
		f.has["n4.example.com.A"] = same
	}}
	done, err := p.make(t.Context(), f)
	if err != nil || len(f.has) != 19 || *f.has["n3.example.com.A"].ResourceRecords[0].Value != "198.51.100.3" {
		t.Errorf("%v; %d record sets", err, len(f.has))
	}
	var problems []string
	for _, o := range done.problems {
		problems = append(problems, o.Name+" "+o.Reason)
	}
	slices.Sort(problems)
	if len(problems) != 2 || !strings.HasPrefix(problems[0], "n3.example.com. not followed: Route 53 has another one") ||
		problems[1] != "n7.example.com. not followed: Route 53 says: no" {
		t.Errorf("problems %q", problems)
	}
}

// TestVersions: what Route 53 may have outlives the process.
func TestVersions(t *testing.T) {
	apex := zone.MustName("example.com.")
	one, two := tree(t, "www 60 A 192.0.2.1"), tree(t, "www 60 A 192.0.2.2", "x 60 TXT \"a\"")
	v := &versions{path: Path(t.TempDir(), apex), apex: apex}
	for _, tree := range []*zone.Tree{one, two, two} {
		err := v.begin(tree)
		if err != nil {
			t.Fatal(err)
		}
	}
	again := &versions{path: v.path}
	err := again.load(apex)
	if err != nil || len(again.list) != 3 || !same(again.list[1], one) || !same(again.newest(), two) || same(one, two) {
		t.Errorf("%d versions, %v", len(again.list), err)
	}
	// Begun and not made: the same version still has all to do.
	p := &planner{apex: apex, names: []Pattern{{}}, target: two, before: again.list}
	if names := p.affected(); len(names) != 3 {
		t.Errorf("%d names of what was begun are to be made, want 3: the apex, www, x", len(names))
	}
	v.made(two)
	err = v.begin(one)
	if err == nil {
		err = again.load(apex)
	}
	if err != nil || len(v.list) != 2 {
		t.Errorf("%d versions, %v", len(v.list), err)
	}
}
