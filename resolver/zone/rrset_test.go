package zone

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecords(t *testing.T) {
	rdata := [][]byte{{10, 0, 0, 1}, {}, bytes.Repeat([]byte{7}, 300)}
	s, err := NewRecords(TypeA, 1<<31-1, rdata...)
	if err != nil {
		t.Fatal(err)
	}
	want := "\xc0\x0c\x00\x01\x00\x01\x7f\xff\xff\xff\x00\x04\x0a\x00\x00\x01" +
		"\xc0\x0c\x00\x01\x00\x01\x7f\xff\xff\xff\x00\x00"
	if !strings.HasPrefix(string(s.Data), want) {
		t.Errorf("packed as %q", s.Data[:len(want)])
	}
	if s.Type != TypeA || s.Count != 3 || s.Kind != Records || s.Flags != Translatable || !s.Exists() ||
		s.TTL() != 1<<31-1 {
		t.Errorf("made %+v with TTL %d", s, s.TTL())
	}
	if diff := cmp.Diff(rdata, slices.Collect(s.Rdata())); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(s.First(), rdata[0]) {
		t.Errorf("first %v", s.First())
	}
	for range s.Rdata() {
		break // must not go on
	}
}

func TestRecordsBounds(t *testing.T) {
	full := maxRRset - rrHeader
	_, err := NewRecords(TypeTXT, 0, make([]byte, full))
	if err != nil {
		t.Errorf("the largest record: %v", err)
	}
	_, err = NewRecords(TypeTXT, 0, make([]byte, full+1))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("one octet more: %v", err)
	}
	_, err = NewRecords(TypeTXT, 0, make([]byte, full-12), nil)
	if err != nil {
		t.Errorf("two records that just fit: %v", err)
	}
	_, err = NewRecords(TypeTXT, 0, make([]byte, full-11), nil)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("two records, one octet more: %v", err)
	}
	_, err = NewRecords(TypeTXT, 0)
	if err == nil {
		t.Error("made an RRset of no records")
	}
}

func TestTranslatable(t *testing.T) {
	for rrtype := range uint16(300) {
		s, err := NewRecords(rrtype, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewGroup(rrtype, Weighted, []Member{{Set: s}})
		if err != nil {
			t.Fatal(err)
		}
		want := Flags(0)
		if rrtype == TypeA || rrtype == TypeHTTPS || rrtype == TypeSVCB {
			want = Translatable
		}
		if s.Flags != want || g.Flags != want || NewAlias(rrtype, Alias{}).Flags != want {
			t.Errorf("type %d: records %d, group %d, alias %d, want %d", rrtype, s.Flags, g.Flags,
				NewAlias(rrtype, Alias{}).Flags, want)
		}
	}
}

// TestOtherKinds: the accessors of plain records give nothing for other kinds.
func TestOtherKinds(t *testing.T) {
	g, _ := NewGroup(TypeA, Weighted, []Member{{}})
	for _, s := range []RRset{{}, NewAlias(TypeA, Alias{Target: MustName("a.b.c.d.e.f.g.")}),
		NewUnservable(TypeA, "a reason of some length", nil), g} {
		if s.TTL() != 0 || s.First() != nil || slices.Collect(s.Rdata()) != nil {
			t.Errorf("kind %d has TTL %d, rdata %v", s.Kind, s.TTL(), s.First())
		}
		w := s.Members()
		var m Member
		if s.Kind != Group && w.Next(&m) {
			t.Errorf("kind %d has members", s.Kind)
		}
	}
}

func TestAliasRoundTrip(t *testing.T) {
	for _, want := range []Alias{
		{Target: MustName(".")},
		{ZoneID: []byte("Z1D633PJN98FT9"), Target: MustName("d111.cloudfront.net."), Health: true},
		{ZoneID: []byte("Z2"), Target: MustName("a.example.com."), SameZone: true},
		{ZoneID: bytes.Repeat([]byte{'Z'}, 255), Target: MustName(strings.Repeat("a.", 127)), Health: true, SameZone: true},
	} {
		s := NewAlias(TypeAAAA, want)
		if s.Kind != Aliased || s.Count != 1 || s.Type != TypeAAAA {
			t.Errorf("made %+v", s)
		}
		got := s.Alias()
		if len(got.ZoneID) == 0 {
			got.ZoneID = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestUnservableRoundTrip(t *testing.T) {
	for _, test := range []struct{ reason, raw string }{
		{"", ""},
		{"the value doesn't parse", `"unbalanced`},
		{strings.Repeat("r", 1024), strings.Repeat("v", maxRRset)},
	} {
		s := NewUnservable(TypeTXT, test.reason, []byte(test.raw))
		reason, raw := s.Unservable()
		if s.Kind != Unservable || s.Count != 1 || reason != test.reason || string(raw) != test.raw {
			t.Errorf("%d and %d octets came back as %d and %d", len(test.reason), len(test.raw), len(reason), len(raw))
		}
	}
	reason, raw := NewUnservable(TypeTXT, strings.Repeat("r", 70000), make([]byte, 1<<20)).Unservable()
	if len(reason) != 1024 || len(raw) != maxRRset {
		t.Errorf("overlong ones were cut to %d and %d octets", len(reason), len(raw))
	}
}

// everyMember has a member with each field of each policy.
func everyMember() []Member {
	records, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2})
	return []Member{
		{Set: records},
		{SetID: []byte("blue"), Weight: 255, Set: records},
		{SetID: []byte("second"), Check: []byte("abcdef11-2222-3333-4444-555555fedcba"), Secondary: true,
			Set: NewAlias(TypeA, Alias{ZoneID: []byte("Z1"), Target: MustName("lb.example.com."), Health: true})},
		{SetID: []byte("bad"), Region: []byte("eu-west-1"), Set: NewUnservable(TypeA, "because", []byte("raw"))},
		{SetID: []byte("geo"), Continent: []byte("EU"), Country: []byte("*"), Subdivision: []byte("CA"), Set: records},
		{SetID: []byte("near"), Bias: -99, Coordinates: []byte("49.22,-74.01"), LocalZone: []byte("az1"), Set: records},
		{SetID: []byte("far"), Bias: 99, Collection: []byte("c8c02a84"), Location: []byte("office"), Set: records},
		{SetID: bytes.Repeat([]byte{'s'}, 255), Location: bytes.Repeat([]byte{'l'}, 255)},
	}
}

func TestGroupRoundTrip(t *testing.T) {
	members := everyMember()
	for policy := range policies {
		s, err := NewGroup(TypeA, policy, members)
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind != Group || s.Policy() != policy || int(s.Count) != len(members) {
			t.Errorf("%s: made kind %d, policy %s, count %d", policy, s.Kind, s.Policy(), s.Count)
		}
		// Through a tree, where groups live.
		e := NewTree(MustName(".")).Edit()
		_ = e.Put(MustName("a."), s)
		s = e.Commit().Lookup(MustName("a.")).RRset(TypeA)
		i, m := 0, Member{Weight: 9, SetID: []byte("left over"), Secondary: true, Bias: 3}
		for w := s.Members(); w.Next(&m); i++ {
			want := members[i]
			want.Set.Type = TypeA // the type is the group's
			normal(&want)
			got := m
			normal(&got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s member %d: %s", policy, i, diff)
			}
		}
		if i != len(members) {
			t.Errorf("%s: %d members, want %d", policy, i, len(members))
		}
	}
}

// normal makes empty slices of a member nil.
func normal(m *Member) {
	for _, b := range []*[]byte{&m.SetID, &m.Check, &m.Region, &m.Continent, &m.Country, &m.Subdivision, &m.Coordinates,
		&m.LocalZone, &m.Collection, &m.Location, &m.Set.Data} {
		if len(*b) == 0 {
			*b = nil
		}
	}
}

func TestGroupBounds(t *testing.T) {
	_, err := NewGroup(TypeA, Weighted, nil)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("no members: %v", err)
	}
	_, err = NewGroup(TypeA, Weighted, make([]Member, 65536))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("65536 members: %v", err)
	}
	big, _ := NewRecords(TypeTXT, 0, make([]byte, 60000))
	_, err = NewGroup(TypeTXT, Weighted, slices.Repeat([]Member{{Set: big}}, 18))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("a megabyte: %v", err)
	}
}

func TestPolicyNames(t *testing.T) {
	seen := map[string]bool{}
	for p := range policies {
		if p.String() == "" || seen[p.String()] {
			t.Errorf("policy %d is called %q", p, p)
		}
		seen[p.String()] = true
	}
}

func TestEqual(t *testing.T) {
	a, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
	b, _ := NewRecords(TypeA, 60, []byte{10, 0, 0, 1})
	if !a.Equal(b) || !(RRset{}).Equal(RRset{}) {
		t.Error("equal RRsets differ")
	}
	for i, change := range []func(*RRset){
		func(s *RRset) { s.Type++ }, func(s *RRset) { s.Count++ }, func(s *RRset) { s.Kind++ },
		func(s *RRset) { s.Flags ^= TagNames }, func(s *RRset) { s.Data = s.Data[1:] },
	} {
		c := a
		change(&c)
		if a.Equal(c) {
			t.Errorf("change %d isn't seen", i)
		}
	}
}
