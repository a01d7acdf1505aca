package zonesource

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestLists: things leave a list and others come into it, which stays in the order of ids; the list itself is what it
// was.
func TestLists(t *testing.T) {
	list := []string{"a", "b", "b", "c", "d"}
	id := func(s string) string { return s }
	for _, test := range []struct {
		gone   []int
		others []string
		want   string
	}{
		{nil, nil, "[a b b c d]"}, {[]int{0, 1, 2, 3, 4}, nil, "[]"}, {[]int{0, 4}, []string{"0", "e"}, "[0 b b c e]"},
		{[]int{1, 2}, []string{"aa", "b", "e"}, "[a aa b c d e]"}, {nil, []string{"b"}, "[a b b b c d]"},
	} {
		if got := fmt.Sprint(Merge(Without(list, test.gone), test.others, id)); got != test.want {
			t.Errorf("without %d and with %q: %s, want %s", test.gone, test.others, got, test.want)
		}
	}
	if got := Merge(Without([]string(nil), nil), nil, id); got != nil {
		t.Errorf("of nothing: %v", got)
	}
	if fmt.Sprint(list) != "[a b b c d]" {
		t.Errorf("the list itself is %q now", list)
	}
	for of, want := range map[string][2]int{
		"0": {0, 0}, "a": {0, 1}, "b": {1, 3}, "bb": {3, 3}, "d": {4, 5}, "e": {5, 5},
	} {
		if from, to := PlacesOf(list, of, id); from != want[0] || to != want[1] {
			t.Errorf("%s is at %d to %d", of, from, to)
		}
	}
}

// TestFollowed: hosts have the public address that is at their private one, by the last interface that has that, and in
// their VPC alone; where no interface has it any more that is told.
func TestFollowed(t *testing.T) {
	ip := netip.MustParseAddr
	at := func(vpc, private, public string) *Interface {
		f := &Interface{VPC: vpc, Private: ip(private)}
		if public != "" {
			f.Public = ip(public)
		}
		return f
	}
	var followed Followed
	if !followed.IsEmpty() || !followed.Give([]*Host{{Instance: "i-1"}}) {
		t.Error("of nothing something is followed")
	}
	hosts := []*Host{{Instance: "i-1", VPC: "one", Private: ip("10.0.0.1"), Public: ip("192.0.2.1")},
		{Instance: "i-2", VPC: "two", Private: ip("10.0.0.1"), Public: ip("192.0.2.2")},
		{Instance: "i-3", VPC: "one", Private: ip("10.0.1.1"), Public: ip("192.0.2.3")},
		{Instance: "i-4", VPC: "one", Private: ip("10.0.0.4"), Public: ip("192.0.2.4")}}
	was := fmt.Sprint(*hosts[0])
	first := hosts[0]
	followed.Add("one", ip("10.0.0.1"))
	followed.AddGone(at("one", "10.0.0.4", ""))
	all := []*Interface{at("one", "10.0.0.1", "198.51.100.1"), at("two", "10.0.0.1", ""), at("one", "10.0.1.1", ""),
		at("one", "10.0.0.1", "198.51.100.2")}
	followed.FindAmong(all)
	if followed.Give(hosts) {
		t.Error("an address that no interface has isn't told")
	}
	if hosts[0].Public != ip("198.51.100.2") || hosts[1].Public != ip("192.0.2.2") || hosts[2].Public != ip("192.0.2.3") ||
		hosts[3].Public != ip("192.0.2.4") || fmt.Sprint(*first) != was {
		t.Errorf("hosts have %v, %v, %v, %v; the first one was %v", hosts[0], hosts[1], hosts[2], hosts[3], first)
	}
	public, listed := followed.Public("one", ip("10.0.0.1"))
	if _, other := followed.Public("two", ip("10.0.0.1")); !listed || public != hosts[0].Public || other {
		t.Errorf("the public address is %s, %t", public, listed)
	}
	followed.FindAmong(append(all, at("one", "10.0.0.4", "")))
	if !followed.Give(hosts) || hosts[3].Public.IsValid() {
		t.Errorf("where an interface has it: %v", hosts[3])
	}
}
