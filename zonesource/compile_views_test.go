package zonesource

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

func TestAutomaticViews(t *testing.T) {
	ireland := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16 172.31.0.0/16", "vpc-b 10.1.0.0/16", "vpc-d 172.31.0.0/16")
	virginia := regionPart("", "us-east-1", "vpc-c 10.1.128.0/20 10.2.0.0/16")
	cases := []struct {
		name  string
		self  Self
		want  map[string]string // client -> view
		lines []string          // of the report
	}{
		{
			"nobody's", Self{},
			map[string]string{"10.0.0.1": "vpc-a", "10.1.0.1": "vpc-b", "10.1.128.1": "rest", "10.2.0.1": "vpc-c",
				"172.31.0.1": "rest", "192.168.0.1": "rest", "127.0.0.1": "rest", "8.8.8.8": "-"},
			[]string{`10.1.128.0/20 is claimed by vpc-b, vpc-c: its clients get the view "rest"`,
				`172.31.0.0/16 is claimed by vpc-a, vpc-d: its clients get the view "rest"`},
		},
		{
			"of one of them", Self{VPC: "vpc-d", Region: "eu-west-1"},
			map[string]string{"10.0.0.1": "vpc-a", "10.1.128.1": "rest", "172.31.0.1": "vpc-d", "127.0.0.53": "vpc-d",
				"::1": "vpc-d", "fe80::1": "rest"},
			[]string{`10.1.128.0/20 is claimed by vpc-b, vpc-c: its clients get the view "rest"`,
				"172.31.0.0/16 is claimed by vpc-a, vpc-d: its clients are taken for those of vpc-d, where this server runs"},
		},
		{
			"of the smaller prefix", Self{VPC: "vpc-c", Region: "us-east-1"},
			map[string]string{"10.1.128.1": "vpc-c", "10.1.0.1": "vpc-b"},
			[]string{
				"10.1.128.0/20 is claimed by vpc-b, vpc-c: its clients are taken for those of vpc-c, where this server runs",
				`172.31.0.0/16 is claimed by vpc-a, vpc-d: its clients get the view "rest"`},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := mustCompile(t, Config{EC2: true, Self: c.self, Allow: Allow{Private: true, VPCs: true}}, ireland, virginia)
			for client, view := range c.want {
				if is := clientView(got.Snapshot, client); is != view {
					t.Errorf("%s is in view %s, want %s", client, is, view)
				}
			}
			var lines []string
			for _, p := range got.Report.Problems {
				lines = append(lines, p.Name+" "+p.Reason)
			}
			if !slices.Equal(lines, c.lines) {
				t.Errorf("report %q, want %q", lines, c.lines)
			}
			rest := viewNamed(t, got.Snapshot, "rest")
			if rest.Addresses != zone.AddressPublic || rest.Region != c.self.Region || len(rest.VPCs) > 0 {
				t.Errorf("rest is %+v", rest)
			}
			if a := viewNamed(t, got.Snapshot, "vpc-b"); a.Region != "eu-west-1" || a.Addresses != zone.AddressAuto ||
				!slices.Equal(a.VPCs, []string{"vpc-b"}) {
				t.Errorf("vpc-b is %+v", a)
			}
		})
	}
}

// clientView returns the name of a client's view, "-" when it isn't allowed or has
// none.
func clientView(s *zone.Snapshot, client string) string {
	c := s.Client(netip.MustParseAddr(client))
	if !c.Allowed || c.View < 0 {
		return "-"
	}
	return s.Views[c.View].Name
}

func TestAVPCWithoutAPrefixOfItsOwnHasNoView(t *testing.T) {
	c := mustCompile(t, Config{EC2: true}, regionPart("", "eu-west-1", "vpc-a 172.31.0.0/16", "vpc-b 172.31.0.0/16"))
	if len(c.Snapshot.Views) != 1 || c.Snapshot.Views[0].Name != "rest" {
		t.Errorf("%d views", len(c.Snapshot.Views))
	}
}

func TestSharedVPCIsOne(t *testing.T) {
	owner, participant := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16"),
		regionPart("lab", "eu-west-1", "vpc-a 10.0.0.0/16")
	c := mustCompile(t, Config{EC2: true, Allow: Allow{VPCs: true}}, owner, participant)
	if got := clientView(c.Snapshot, "10.0.0.1"); got != "vpc-a" || len(c.Snapshot.Inventory.VPCs) != 1 {
		t.Errorf("client of the shared VPC is in %s, %d VPCs", got, len(c.Snapshot.Inventory.VPCs))
	}
}

func TestConfiguredViews(t *testing.T) {
	cfg := Config{
		EC2: true, Allow: Allow{Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("192.0.2.0/24")}},
		Views: []ViewConfig{
			{Name: "prod", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"),
				netip.MustParsePrefix("192.168.0.0/16")}, VPCs: []string{"vpc-a", "vpc-b"}},
			{Name: "vpn", Clients: []netip.Prefix{netip.MustParsePrefix("10.0.9.0/24")}, Region: "us-east-1",
				Addresses: zone.AddressPublic},
			{Name: "all", Clients: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}, VPCs: []string{"*"}},
		},
	}
	c := mustCompile(t, cfg, regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16", "vpc-c 10.3.0.0/16"))
	for client, want := range map[string]string{"10.0.0.1": "prod", "10.0.9.1": "vpn", "10.9.0.1": "all", "10.3.0.1": "-",
		"192.0.2.1": "-", "192.168.0.1": "-"} {
		if got := clientView(c.Snapshot, client); got != want {
			t.Errorf("%s is in view %s, want %s", client, got, want)
		}
	}
	if p := c.Report.Problems; len(p) != 1 || p[0].Name != "vpc-b" ||
		p[0].Reason != "is a VPC of view prod, and in no region that is read" {
		t.Errorf("problems %v", p)
	}
	var got []string
	for _, v := range c.Snapshot.Views {
		got = append(got, v.Name+" "+v.Region+" "+strings.Join(v.VPCs, ","))
	}
	want := []string{"prod eu-west-1 vpc-a,vpc-b", "vpn us-east-1 ", "all eu-west-1 vpc-a,vpc-c"}
	if !slices.Equal(got, want) {
		t.Errorf("views %q, want %q", got, want)
	}
}

func TestAllowPrivate(t *testing.T) {
	c := mustCompile(t, Config{Allow: Allow{Private: true}})
	for client, want := range map[string]string{
		"127.0.0.1": "rest", "::1": "rest", "10.255.255.255": "rest", "172.16.0.1": "rest", "172.32.0.1": "-",
		"192.168.1.1": "rest",
		"100.64.0.1":  "rest", "100.128.0.1": "-", "169.254.1.1": "rest", "fe80::1": "rest", "fd00::1": "rest",
		"2001:db8::1": "-", "192.0.2.1": "-",
	} {
		if got := clientView(c.Snapshot, client); got != want {
			t.Errorf("%s is in view %s, want %s", client, got, want)
		}
	}
}

// TestRegionOfViews: where nobody says where a view's clients are, the policies of latency
// and place would answer as for nowhere.
func TestRegionOfViews(t *testing.T) {
	associated := privateZone(t, "ZPRIV", "in.example.", "vpc-z vpc-a")
	associated.Zone.VPCs[0].Region, associated.Zone.VPCs[1].Region = "ap-south-1", "us-west-2"
	views := []ViewConfig{
		{Name: "own", VPCs: []string{"vpc-a"}, Region: "sa-east-1"},
		{Name: "read", VPCs: []string{"vpc-a", "vpc-z"}},
		{Name: "associated", VPCs: []string{"vpc-z"}},
		{Name: "unknown", VPCs: []string{"vpc-u"}},
		{Name: "every", VPCs: []string{"*"}},
		{Name: "none"},
	}
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"nothing known", Config{},
			"own sa-east-1, read us-west-2, associated ap-south-1, unknown , every , none , outside "},
		{"inventory", Config{EC2: true},
			"own sa-east-1, read eu-west-1, associated ap-south-1, unknown , every eu-west-1, none , outside "},
		{"inventory and region", Config{EC2: true, Region: "eu-north-1"},
			"own sa-east-1, read eu-west-1, associated ap-south-1, unknown eu-north-1, every eu-north-1, none eu-north-1, " +
				"outside eu-north-1"},
		{"region", Config{Region: "eu-north-1"}, "own sa-east-1, read us-west-2, associated ap-south-1, unknown " +
			"eu-north-1, every eu-north-1, none eu-north-1, outside eu-north-1"},
		{"self", Config{Region: "eu-north-1", Self: Self{VPC: "vpc-s", Region: "eu-west-2"}},
			"own sa-east-1, read us-west-2, associated ap-south-1, unknown eu-west-2, every eu-west-2, none eu-west-2, " +
				"outside eu-west-2"},
	} {
		tt.cfg.Views = views
		s := mustCompile(t, tt.cfg, associated, regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16")).Snapshot
		var got []string
		for _, v := range append(slices.Clone(s.Views), s.Outside) {
			got = append(got, v.Name+" "+v.Region)
		}
		if is := strings.Join(got, ", "); is != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, is, tt.want)
		}
	}
	rest := viewNamed(t, mustCompile(t, Config{Region: "eu-north-1"}).Snapshot, "rest")
	if rest.Region != "eu-north-1" {
		t.Errorf("rest is in %q", rest.Region)
	}
}

// TestAutomaticViewsOfARegionThatWasNotRead: who may be in a VPC that isn't known gets no
// answers of the rest's, who is in one that is known keeps its own.
func TestAutomaticViewsOfARegionThatWasNotRead(t *testing.T) {
	ireland := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16", "vpc-b 172.31.0.0/16", "vpc-c 192.0.2.0/24 10.9.0.0/16",
		"vpc-d 10.9.0.0/16")
	missing := regionPart("", "us-east-1").Key
	self := Self{VPC: "vpc-m", Region: "us-east-1"}
	for _, test := range []struct {
		name string
		err  error
		self Self
		want map[string]string
	}{
		{"damaged", nil, Self{}, map[string]string{"10.0.0.1": "unread", "10.2.0.1": "unread", "192.168.0.1": "unread",
			"fd00::1": "unread", "127.0.0.1": "rest", "169.254.0.1": "rest", "192.0.2.1": "unread",
			"10.9.0.1": "rest"}},
		{"where this server doesn't run", nil, Self{VPC: "vpc-a", Region: "eu-west-1"}, map[string]string{"10.0.0.1": "vpc-a",
			"10.2.0.1": "unread", "127.0.0.1": "vpc-a", "::1": "vpc-a", "172.31.0.1": "unread", "192.0.2.1": "unread",
			"10.9.0.1": "rest"}},
		{"where this server runs", nil, self, map[string]string{"10.0.0.1": "unread", "10.9.0.1": "unread",
			"172.31.0.1": "unread", "127.0.0.1": "unread", "::1": "unread"}},
		{"new", errNew, self, map[string]string{"10.0.0.1": "vpc-a", "10.2.0.1": "rest", "127.0.0.1": "rest"}},
		{"given up", errGivenUp, self, map[string]string{"10.0.0.1": "vpc-a", "10.2.0.1": "rest", "127.0.0.1": "rest"}},
	} {
		cfg := Config{EC2: true, Self: test.self, Allow: Allow{Private: true, VPCs: true}}
		cfg.Expected = []Key{ireland.Key, missing}
		parts := partsOf(ireland)
		if test.err != nil {
			parts[missing] = Part{Key: missing, Err: test.err}
		}
		c, err := Compile(nil, cfg, parts, noon)
		if err != nil {
			t.Fatal(err)
		}
		for client, view := range test.want {
			if is := clientView(c.Snapshot, client); is != view {
				t.Errorf("%s: %s is in view %s, want %s", test.name, client, is, view)
			}
		}
		for _, v := range c.Snapshot.Views {
			if (v.Unread != "") != (v.Name == "unread") {
				t.Errorf("%s: view %s is unread for %q", test.name, v.Name, v.Unread)
			}
		}
		if len(c.Snapshot.Views) == 5 && !slices.ContainsFunc(c.Report.Problems, func(p Problem) bool {
			return strings.Contains(p.Reason, "clients of private addresses that aren't those of this server's VPC get SERVFAIL")
		}) {
			t.Errorf("%s: the report has %v", test.name, c.Report.Problems)
		}
	}
	file := publicZone(t, "F", "one.example.", "files.one.example. 10.0.0.9")
	file.Key = Key{"zonefile", "one.example."}
	file.Zone = zone.New(zone.Info{Origin: zone.File, ID: "F"}, file.Zone.Tree, 0)
	withFile := partsOf(file, publicZone(t, "Z1", "one.example.", "www.one.example. 192.0.2.1"), ireland)
	over, err := Compile(nil, Config{EC2: true, Expected: []Key{missing}}, withFile, noon)
	if err != nil {
		t.Fatal(err)
	}
	for view, unread := range map[string]bool{"unread": true, "rest": false} {
		a := viewNamed(t, over.Snapshot, view).Apex(zone.MustName("one.example."))
		layers := over.Snapshot.Layers(a)
		if len(layers) != 2 || layers[0].Origin != zone.File || (layers[1].Unavailable != "") != unread {
			t.Errorf("view %s has %s", view, showApex(over.Snapshot, a))
		}
	}
	parts := partsOf(ireland, publicZone(t, "Z1", "one.example."))
	c, err := Compile(nil, Config{EC2: true, Expected: []Key{missing}, Views: []ViewConfig{{Name: "all"}}}, parts, noon)
	if err != nil || len(c.Snapshot.Views) != 1 {
		t.Errorf("configured views: %v, %v", c.Snapshot.Views, err)
	}
}
