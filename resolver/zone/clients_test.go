package zone

import (
	"net/netip"
	"slices"
	"testing"
)

// TestExamples finds a client of each view, between prefixes that others have.
func TestExamples(t *testing.T) {
	p := netip.MustParsePrefix
	s := &Snapshot{Views: []*View{
		NewView(View{Name: "all"}), NewView(View{Name: "inner", Index: 1}), NewView(View{Name: "rest", Index: 2}),
		NewView(View{Name: "refused", Index: 3}), NewView(View{Name: "one", Index: 4}), NewView(View{Name: "none", Index: 5}),
		NewView(View{Name: "six", Index: 6}),
	}}
	s.SetClients(map[netip.Prefix]int{
		p("10.0.0.0/8"): 0, p("10.0.0.0/16"): 1, p("192.0.2.0/24"): 3, p("10.0.0.1/32"): 4, p("fd00::/8"): 6,
		p("10.255.0.0/16"): 5, p("10.255.0.0/17"): 1, p("10.255.128.0/17"): 1,
	}, 2, []netip.Prefix{p("10.0.0.0/8"), p("172.16.0.0/12"), p("fc00::/7")})
	want := []string{"10.1.0.0", "10.0.0.0", "172.16.0.1", "", "10.0.0.1", "", "fd00::1"}
	got := s.Examples()
	for i, text := range want {
		client := s.Client(got[i])
		switch {
		case text == "":
			if got[i].IsValid() {
				t.Errorf("view %s has the client %s", s.Views[i].Name, got[i])
			}
		case !client.Allowed || int(client.View) != i:
			t.Errorf("view %s: %s is a client of %+v; %s would do", s.Views[i].Name, got[i], client, text)
		}
	}
	if got := s.ClientsOf(1); !slices.Equal(got, []netip.Prefix{p("10.0.0.0/16"), p("10.255.0.0/17"),
		p("10.255.128.0/17")}) {
		t.Errorf("clients of inner: %v", got)
	}
	if s.ClientsOf(2) != nil || (&Snapshot{}).ClientsOf(0) != nil || len((&Snapshot{}).Examples()) != 0 {
		t.Error("everybody else has prefixes")
	}
}

func TestLastOf(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.255.255.255", "10.1.2.3/32": "10.1.2.3", "192.0.2.0/25": "192.0.2.127",
		"0.0.0.0/0": "255.255.255.255", "fd00::/120": "fd00::ff",
	} {
		if got := lastOf(netip.MustParsePrefix(text)); got.String() != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
