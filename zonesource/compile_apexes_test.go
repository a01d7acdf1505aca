package zonesource

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"
)

func TestApexes(t *testing.T) {
	prod := []ViewConfig{{Name: "prod", VPCs: []string{"vpc-b", "vpc-a"}}, {Name: "other", VPCs: []string{"vpc-c"}}}
	root := forwardTo(".", "10.9.0.2", "*")
	layered := forwardTo("corp.example.", "10.9.0.3", "*")
	layered.Layer = true
	efs := Unlisted{ID: "ZEFS", Name: zone.MustName("efs.example."), VPC: zone.VPC{ID: "vpc-a"}, Owner: "efs"}
	inB := efs
	inB.VPC.ID = "vpc-b"
	vpce := Unlisted{ID: "ZVPCE", Name: zone.MustName("ssm.eu-west-1.amazonaws.com."), VPC: zone.VPC{ID: "vpc-a"},
		Owner: "vpce.amazonaws.com"}
	vpcs := regionPart("", "eu-west-1", "vpc-a 10.0.0.0/16 172.31.0.0/16", "vpc-b 10.1.0.0/20 10.1.16.0/28")
	four := []Part{
		fileZone(t, "corp.example."), privateZone(t, "ZA", "corp.example.", "vpc-a"),
		privateZone(t, "ZB", "corp.example.", "vpc-b vpc-a"),
		publicZone(t, "ZP", "corp.example."),
	}
	cases := []struct {
		name  string
		cfg   Config
		parts []Part
		view  string
		want  []string // "name: apex that is closest"
	}{
		{"layers in order", Config{Views: prod, EC2: true, TagZone: "corp.example."}, four, "prod",
			[]string{"corp.example.: corp.example. file:corp.example. private:ZB private:ZA tags:tags public:ZP"}},
		{"shadow keeps the top", Config{Views: prod, Shadow: true}, four[1:], "prod",
			[]string{"corp.example.: corp.example. private:ZB"}},
		{"another view", Config{Views: prod}, four, "other",
			[]string{"corp.example.: corp.example. file:corp.example. public:ZP"}},
		{"file of other views", Config{Views: prod, FileViews: map[Key]ViewNames{{"zonefile", "corp.example."}: {"prod"}}},
			four, "other",
			[]string{"corp.example.: corp.example. public:ZP"}},
		{"every private zone", Config{Views: []ViewConfig{{Name: "all", VPCs: []string{"*"}}}}, four, "all",
			[]string{"corp.example.: corp.example. file:corp.example. private:ZA private:ZB public:ZP"}},
		{"rest sees no ambiguous name", Config{}, append(four, privateZone(t, "ZD", "d.example.", "vpc-x")), "rest",
			[]string{"corp.example.: corp.example. file:corp.example. public:ZP", "d.example.: d.example. private:ZD"}},

		{"a tie goes to the forwarder",
			Config{Views: prod, Forward: []ForwardConfig{forwardTo("corp.example.", "10.9.0.3", "*")}}, four, "prod",
			[]string{"corp.example.: corp.example. ->10.9.0.3"}},
		{"unless layered", Config{Views: prod, Forward: []ForwardConfig{layered}}, four[1:3], "prod",
			[]string{"corp.example.: corp.example. private:ZB private:ZA ->10.9.0.3 below"}},
		{"layered over nothing", Config{Views: prod, Forward: []ForwardConfig{layered}}, four[1:3], "other",
			[]string{"corp.example.: corp.example. ->10.9.0.3"}},
		{"an entry of its own wins", Config{Views: prod, Forward: []ForwardConfig{root, forwardTo(".", "10.9.0.9", "prod")}},
			nil, "prod",
			[]string{"x.example.: . ->10.9.0.9"}},
		{"the others keep theirs", Config{Views: prod, Forward: []ForwardConfig{root, forwardTo(".", "10.9.0.9", "prod")}},
			nil, "other",
			[]string{"x.example.: . ->10.9.0.2"}},
		{"longest match", Config{Views: prod,
			Forward: []ForwardConfig{root, forwardTo("sub.corp.example.", "10.9.0.4", "*")}}, four[3:], "prod",
			[]string{"a.corp.example.: corp.example. public:ZP", "a.sub.corp.example.: sub.corp.example. ->10.9.0.4",
				"example.: . ->10.9.0.2"}},

		{"unlisted, no resolver known", Config{Views: prod}, []Part{catalogPart(nil, efs)}, "prod",
			[]string{"efs.example.: efs.example. unavailable"}},
		{"unlisted, the shared forwarder isn't its resolver",
			Config{Views: prod, Self: Self{VPC: "vpc-z"}, Forward: []ForwardConfig{root}}, []Part{catalogPart(nil, efs)}, "prod",
			[]string{"efs.example.: efs.example. unavailable"}},
		{"unlisted, the shared forwarder may be its resolver", Config{Views: prod, Forward: []ForwardConfig{root}},
			[]Part{catalogPart(nil, efs)}, "prod",
			[]string{"efs.example.: . ->10.9.0.2"}},
		{"unlisted below a zone of ours, the shared forwarder may be its resolver",
			Config{Views: prod, Forward: []ForwardConfig{root}},
			[]Part{catalogPart(nil, efs), privateZone(t, "ZE", "example.", "vpc-a")}, "prod",
			[]string{"efs.example.: efs.example. ->10.9.0.2", "other.example.: example. private:ZE"}},
		{"unlisted names of a service", Config{Views: prod, Self: Self{VPC: "vpc-z"}, Forward: []ForwardConfig{root}},
			[]Part{catalogPart(nil, vpce)}, "prod",
			[]string{"ssm.eu-west-1.amazonaws.com.: . ->10.9.0.2"}},
		{"unlisted names of a service, in our own VPC",
			Config{Views: prod, Self: Self{VPC: "vpc-a"}, Forward: []ForwardConfig{root}}, []Part{catalogPart(nil, vpce)},
			"prod",
			[]string{"ssm.eu-west-1.amazonaws.com.: ssm.eu-west-1.amazonaws.com. ->169.254.169.253"}},
		{"unlisted below a zone of ours, another VPC's",
			Config{Views: prod, Self: Self{VPC: "vpc-z"}, Forward: []ForwardConfig{root}},
			[]Part{catalogPart(nil, efs), privateZone(t, "ZE", "example.", "vpc-a")}, "prod",
			[]string{"efs.example.: efs.example. unavailable", "other.example.: example. private:ZE"}},
		{"unlisted, in our own VPC", Config{Views: prod, Self: Self{VPC: "vpc-a"}}, []Part{catalogPart(nil, efs)}, "prod",
			[]string{"efs.example.: efs.example. ->169.254.169.253"}},
		{"unlisted in two VPCs of the view", Config{Views: prod, Self: Self{VPC: "vpc-a"}},
			[]Part{catalogPart(nil, inB, efs)}, "prod",
			[]string{"efs.example.: efs.example. ->169.254.169.253"}},
		{"unlisted, the view's own forwarder",
			Config{Views: prod, Forward: []ForwardConfig{forwardTo(".", "10.9.0.9", "prod")}}, []Part{catalogPart(nil, efs)},
			"prod",
			[]string{"efs.example.: efs.example. ->10.9.0.9"}},
		{"unlisted for another view", Config{Views: prod}, []Part{catalogPart(nil, efs)}, "other",
			[]string{"efs.example.: none"}},
		{"unlisted and forwarded", Config{Views: prod, Forward: []ForwardConfig{forwardTo("efs.example.", "10.9.0.7", "*")}},
			[]Part{catalogPart(nil, efs)}, "prod",
			[]string{"efs.example.: efs.example. ->10.9.0.7"}},
		{"unlisted hides the public zone", Config{Views: prod, Self: Self{VPC: "vpc-a"}},
			[]Part{catalogPart(nil, efs), publicZone(t, "ZP", "efs.example.")}, "prod",
			[]string{"efs.example.: efs.example. ->169.254.169.253"}},
		{"unlisted below a file", Config{Views: prod, Self: Self{VPC: "vpc-a"}},
			[]Part{catalogPart(nil, efs), fileZone(t, "efs.example.")}, "prod",
			[]string{"efs.example.: efs.example. file:efs.example. ->169.254.169.253 below"}},
		{"listed by another account", Config{Views: prod},
			[]Part{catalogPart(nil, efs), privateZone(t, "ZEFS", "efs.example.", "vpc-a")}, "prod",
			[]string{"efs.example.: efs.example. private:ZEFS"}},

		{"special names", Config{Forward: []ForwardConfig{root}}, nil, "rest", []string{
			"a.localhost.: localhost. special1", "x.invalid.: invalid. special2", "x.onion.: onion. special2",
			"x.test.: test. special2", "_dns.resolver.arpa.: resolver.arpa. special5",
			"x.service.arpa.: service.arpa. special2", "home.arpa.: home.arpa. special3",
			"1.0.10.in-addr.arpa.: 10.in-addr.arpa. special3", "1.31.172.in-addr.arpa.: 31.172.in-addr.arpa. special3",
			"1.32.172.in-addr.arpa.: . ->10.9.0.2",
			"1.0.0.127.in-addr.arpa.: 127.in-addr.arpa. special4", "64.100.in-addr.arpa.: 64.100.in-addr.arpa. special3",
			"128.100.in-addr.arpa.: . ->10.9.0.2",
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.: " +
				"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. special4",
			"1.d.f.ip6.arpa.: d.f.ip6.arpa. special3",
		}},
		{"special names of ours", Config{Forward: []ForwardConfig{root, forwardTo("168.192.in-addr.arpa.", "10.9.0.4", "*")}},
			[]Part{privateZone(t, "ZR", "10.in-addr.arpa.", "vpc-a"), fileZone(t, "arpa.")}, "rest", []string{
				"1.10.in-addr.arpa.: 10.in-addr.arpa. private:ZR", "1.168.192.in-addr.arpa.: 168.192.in-addr.arpa. ->10.9.0.4",
				"home.arpa.: arpa. file:arpa.",
				"localhost.: localhost. special1",
			}},
		{"special names below a smaller zone", Config{}, []Part{privateZone(t, "ZR", "5.10.in-addr.arpa.", "vpc-a")}, "rest",
			[]string{"1.5.10.in-addr.arpa.: 5.10.in-addr.arpa. private:ZR", "6.10.in-addr.arpa.: 10.in-addr.arpa. special3"}},

		{"computed names", Config{EC2: true, TagZone: "internal.", Forward: []ForwardConfig{root}}, nil, "rest", []string{
			"x.ec2.internal.: ec2.internal. ->10.9.0.2 computed",
			"x.eu-west-1.compute.internal.: compute.internal. ->10.9.0.2 computed",
			"x.compute-1.amazonaws.com.: compute-1.amazonaws.com. ->10.9.0.2 computed",
			"x.eu-west-1.compute.amazonaws.com.: compute.amazonaws.com. ->10.9.0.2 computed",
			"x.cn-north-1.compute.amazonaws.com.cn.: compute.amazonaws.com.cn. ->10.9.0.2 computed",
			"x.internal.: internal. tags:tags",
			"1.113.0.203.in-addr.arpa.: 113.0.203.in-addr.arpa. special3 computed",
			"1.2.3.4.in-addr.arpa.: in-addr.arpa. ->10.9.0.2 computed",
			"1.10.in-addr.arpa.: 10.in-addr.arpa. special3 computed",
		}},
		{"computed names without a forwarder", Config{EC2: true, TagZone: "internal."}, []Part{fileZone(t, "com.")}, "rest",
			[]string{
				"x.ec2.internal.: ec2.internal. computed", "x.compute-1.amazonaws.com.: com. file:com. computed",
				"1.2.3.4.in-addr.arpa.: in-addr.arpa. computed",
			}},
		{"computed names inside ours",
			Config{EC2: true, Forward: []ForwardConfig{root, forwardTo("amazonaws.com.", "10.9.0.5", "*"),
				forwardTo("eu-west-1.compute.internal.", "10.9.0.6", "*")}},
			[]Part{privateZone(t, "ZI", "internal.", "vpc-a"), privateZone(t, "ZR", "10.in-addr.arpa.", "vpc-a"),
				fileZone(t, "us-east-1.ec2.internal.")}, "rest", []string{
				"x.ec2.internal.: ec2.internal. ->10.9.0.2 computed",
				"x.compute.amazonaws.com.: compute.amazonaws.com. ->10.9.0.5 computed",
				"x.eu-west-1.compute.internal.: eu-west-1.compute.internal. ->10.9.0.6 computed",
				"x.us-east-1.ec2.internal.: us-east-1.ec2.internal. file:us-east-1.ec2.internal. computed",
				"1.10.in-addr.arpa.: 10.in-addr.arpa. private:ZR computed", "internal.: internal. private:ZI",
			}},
		{"reverse names stay in a zone above", Config{EC2: true, Forward: []ForwardConfig{root}},
			[]Part{fileZone(t, "arpa.")}, "rest",
			[]string{"1.2.3.4.in-addr.arpa.: arpa. file:arpa. computed"}},
		{"nothing computed without EC2", Config{Forward: []ForwardConfig{root}}, nil, "rest",
			[]string{"x.ec2.internal.: . ->10.9.0.2"}},

		{"reverse ranges of the own VPC", Config{EC2: true, Views: prod, Forward: []ForwardConfig{root}}, []Part{vpcs},
			"prod", []string{
				"1.0.10.in-addr.arpa.: 0.10.in-addr.arpa. ->10.9.0.2 computed",
				"9.2.1.10.in-addr.arpa.: 2.1.10.in-addr.arpa. ->10.9.0.2 computed",
				"15.1.10.in-addr.arpa.: 15.1.10.in-addr.arpa. ->10.9.0.2 computed",
				"16.1.10.in-addr.arpa.: 10.in-addr.arpa. special3 computed",
				"3.16.1.10.in-addr.arpa.: 3.16.1.10.in-addr.arpa. ->10.9.0.2 computed",
				"16.16.1.10.in-addr.arpa.: 10.in-addr.arpa. special3 computed",
				"1.31.172.in-addr.arpa.: 31.172.in-addr.arpa. ->10.9.0.2 computed",
			}},
		{"reverse ranges of another VPC", Config{EC2: true, Views: prod, Forward: []ForwardConfig{root}}, []Part{vpcs},
			"other",
			[]string{"1.0.10.in-addr.arpa.: 10.in-addr.arpa. special3 computed"}},
		{"reverse ranges inside a zone of ours", Config{EC2: true, Views: prod, Forward: []ForwardConfig{root}},
			[]Part{vpcs, privateZone(t, "ZR", "10.in-addr.arpa.", "vpc-a")}, "prod",
			[]string{"1.0.10.in-addr.arpa.: 10.in-addr.arpa. private:ZR computed"}},
		{"reverse ranges without a forwarder", Config{EC2: true, Views: prod}, []Part{vpcs}, "prod",
			[]string{"1.0.10.in-addr.arpa.: 10.in-addr.arpa. special3 computed"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := mustCompile(t, c.cfg, c.parts...).Snapshot
			v := viewNamed(t, s, c.view)
			for _, want := range c.want {
				text, _, _ := strings.Cut(want, ": ")
				name := zone.MustName(text)
				var l zone.Labels
				got := text + ": " + showApex(s, v.Closest(&l, name, l.Parse(name)))
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

func TestReport(t *testing.T) {
	cfg := Config{Views: []ViewConfig{{Name: "prod", VPCs: []string{"vpc-a"}}},
		Forward: []ForwardConfig{forwardTo("x.example.", "10.9.0.2", "nobody")}}
	broken := publicZone(t, "Z3", "three.example.")
	e := broken.Zone.Tree.Edit()
	err := e.Put(zone.MustName("odd.three.example."), zone.NewUnservable(zone.TypeA, "odd", nil))
	if err != nil {
		t.Fatal(err)
	}
	broken.Zone = broken.Zone.With(e.Commit(), 0)
	broken.Problems = []Problem{{Zone: "three.example.", Name: "odd.three.example.", Type: "A", Reason: "odd"}}
	r := mustCompile(t, cfg, broken, publicZone(t, "Z1", "one.example."), publicZone(t, "Z2", "one.example."),
		catalogPart(nil, Unlisted{ID: "ZEFS", Name: zone.MustName("efs.example."), VPC: zone.VPC{ID: "vpc-a"},
			Owner: "efs"})).Report
	want := []string{
		"efs.example.  the private zone ZEFS of efs is associated with vpc-a and can't be listed, and no resolver of that " +
			"VPC is known: its names get SERVFAIL",
		`forward x.example.  is for the view "nobody", which isn't there`,
		"one.example.  several public zones have this name: Z1, Z2; the first is on top",
		"three.example. odd.three.example. odd",
	}
	var got []string
	for _, p := range r.Problems {
		got = append(got, p.Zone+" "+p.Name+" "+p.Reason)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("problems\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Unservable != 1 || len(r.Zones()) != 3 || r.Zones()[0].Zone.ID != "Z1" {
		t.Errorf("unservable %d, zones %v", r.Unservable, r.Zones())
	}
}

func TestReverseZones(t *testing.T) {
	cases := map[string]string{
		"10.0.0.0/16":    "0.10.in-addr.arpa.",
		"10.0.6.0/23":    "6.0.10.in-addr.arpa. 7.0.10.in-addr.arpa.",
		"10.0.0.128/31":  "128.0.0.10.in-addr.arpa. 129.0.0.10.in-addr.arpa.",
		"fd12:3456::/32": "6.5.4.3.2.1.d.f.ip6.arpa.",
		"fd00::/7":       "c.f.ip6.arpa. d.f.ip6.arpa.",
	}

	for prefix, want := range cases {
		var got []string
		for _, n := range reverseZones(netip.MustParsePrefix(prefix)) {
			got = append(got, zone.String(n))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", prefix, got, want)
		}
	}
}

func TestNegativeTTL(t *testing.T) {
	c := mustCompile(t, Config{NegativeTTL: time.Minute, EC2: true, TagZone: "internal."},
		publicZone(t, "Z1", "one.example."), fileZone(t, "file.example."))
	want := map[string]uint32{"one.example.": 60, "file.example.": 900, "internal.": 60}
	for _, z := range c.Snapshot.Zones {
		if ttl := z.Negative.TTL(); ttl != want[zone.String(z.Apex)] {
			t.Errorf("%s: negative TTL %d, want %d", zone.String(z.Apex), ttl, want[zone.String(z.Apex)])
		}
	}
}
