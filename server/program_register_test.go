package server

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// machines are instances whose addresses clients of this host can have.
func machines(t *testing.T, running ...string) []byte {
	t.Helper()
	type object = map[string]any
	var instances []object
	for _, line := range running {
		f := strings.Fields(line) // id, VPC, address, name
		i := object{"InstanceId": f[0], "VpcId": f[1], "PrivateIpAddress": f[2], "State": object{"Name": "running"}}
		if len(f) > 3 {
			i["Tags"] = []object{{"Key": "dns", "Value": f[3]}}
		}
		instances = append(instances, i)
	}
	text, err := json.Marshal(object{"Reservations": []object{{"ReservationId": "r-1", "Instances": instances}}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const registerVPCs = `{"Vpcs": [
	{"VpcId": "vpc-1", "CidrBlock": "127.0.1.0/24", "CidrBlockAssociationSet": [
		{"CidrBlock": "127.0.1.0/24", "CidrBlockState": {"State": "associated"}}]},
	{"VpcId": "vpc-2", "CidrBlock": "127.0.2.0/24", "CidrBlockAssociationSet": [
		{"CidrBlock": "127.0.2.0/24", "CidrBlockState": {"State": "associated"}}]}]}`

const registerConfig = `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
allow: [127.0.0.0/8]
ec2: { regions: [eu-west-1], refresh: 200ms }
views:
  - { name: one, clients: [127.0.1.0/24], vpcs: [vpc-1] }
  - { name: two, clients: [127.0.2.0/24], vpcs: [vpc-2] }
register:
  - { names: ["{id}", "*.dyn", db], ttl: 20s }
`

// registers sends an update without a key from an address: lines are RRs to add, those that begin
// with "-" delete a name, with "free" ask for a name that nobody has.
func (p *program) registers(t *testing.T, network, from, zone string, lines ...string) string {
	t.Helper()
	m := new(dns.Msg).SetUpdate(zone)
	m.SetEdns0(1232, false)
	for _, line := range lines {
		name, gone := strings.CutPrefix(line, "-")
		free, asked := strings.CutPrefix(line, "free ")
		switch {
		case gone:
			m.RemoveName([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: name}}})
		case asked:
			m.NameNotUsed([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: free}}})
		default:
			rr, err := dns.NewRR(line)
			if err != nil {
				t.Fatal(err)
			}
			m.Insert([]dns.RR{rr})
		}
	}
	var local net.Addr = &net.TCPAddr{IP: net.ParseIP(from)}
	if network == "udp" {
		local = &net.UDPAddr{IP: net.ParseIP(from)}
	}
	c := &dns.Client{Net: network, Timeout: 10 * time.Second, Dialer: &net.Dialer{LocalAddr: local}}
	reply, _, err := c.Exchange(m, p.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	text := dns.RcodeToString[reply.Rcode]
	for _, o := range reply.IsEdns0().Option {
		ede, ok := o.(*dns.EDNS0_EDE)
		if ok {
			text += " " + ede.ExtraText
		}
	}
	return text
}

// TestProgramRegister: instances give themselves names, and nobody else's.
func TestProgramRegister(t *testing.T) {
	files := fstest.MapFS{
		"eu-west-1/describe-vpcs.json": &fstest.MapFile{Data: []byte(registerVPCs)},
		"eu-west-1/describe-instances.json": &fstest.MapFile{Data: machines(t, "i-a vpc-1 127.0.1.10",
			"i-b vpc-1 127.0.1.11 tagged", "i-c vpc-2 127.0.2.10", "i-d vpc-2 127.0.2.10")},
	}
	c := newCloud(t, func(o *awssim.Options) { o.Data = files })
	s := newSite(t)
	p := s.ready(t, registerConfig)
	const tcp = "tcp"
	for _, step := range []struct{ network, from, zone, update, want string }{
		{tcp, "127.0.1.10", "internal.", "web.dyn.internal. 60 IN A 127.0.1.10", "NOERROR"},
		{tcp, "127.0.1.10", "internal.", "web.dyn.internal. 60 IN A 127.0.1.10", "NOERROR"},
		{tcp, "127.0.1.10", "internal.", "i-a.internal. 60 IN A 127.0.1.10", "NOERROR"},
		{tcp, "127.0.1.10", "2.0.127.in-addr.arpa.", "10.1.0.127.in-addr.arpa. 60 IN PTR web.dyn.internal.", "NOTZONE"},
		{tcp, "127.0.1.10", "127.in-addr.arpa.", "10.1.0.127.in-addr.arpa. 60 IN PTR web.dyn.internal.", "NOERROR"},
		{tcp, "127.0.1.10", "127.in-addr.arpa.", "11.1.0.127.in-addr.arpa. 60 IN PTR web.dyn.internal.",
			"REFUSED 11.1.0.127.in-addr.arpa. is not the reverse name of i-a"},
		{"udp", "127.0.1.11", "internal.", "x.dyn.internal. 60 IN A 127.0.1.11",
			"REFUSED without a key names are registered by TCP"},
		{tcp, "127.0.1.11", "internal.", "web.dyn.internal. 60 IN A 127.0.1.11",
			"REFUSED web.dyn.internal. is the name of i-a"},
		{tcp, "127.0.1.11", "internal.", "-web.dyn.internal.", "REFUSED web.dyn.internal. is the name of i-a"},
		{tcp, "127.0.1.11", "internal.", "i-a.internal. 60 IN A 127.0.1.11", "REFUSED an instance may not have the name"},
		{tcp, "127.0.1.11", "internal.", "other.internal. 60 IN A 127.0.1.11", "REFUSED an instance may not have the name"},
		{tcp, "127.0.1.11", "internal.", "x.dyn.internal. 60 IN A 127.0.1.10", "REFUSED 127.0.1.10 is no address of i-b"},
		{tcp, "127.0.1.11", "internal.", "x.dyn.internal. 60 IN TXT x", "REFUSED without a key there are A and AAAA records"},
		{tcp, "127.0.1.11", "example.com.", "x.example.com. 60 IN A 127.0.1.11",
			"NOTAUTH no names are registered in that zone"},
		{tcp, "127.0.1.11", "internal.", "free web.dyn.internal.", "YXDOMAIN"},
		{tcp, "127.0.1.11", "internal.", "free tagged.internal.", "YXDOMAIN"},
		{tcp, "127.0.1.99", "internal.", "x.dyn.internal. 60 IN A 127.0.1.99",
			"SERVFAIL no running instance with the primary"},
		{tcp, "127.0.3.1", "internal.", "x.dyn.internal. 60 IN A 127.0.3.1", "REFUSED"},
		{tcp, "127.0.2.10", "internal.", "x.dyn.internal. 60 IN A 127.0.2.10",
			"REFUSED 127.0.2.10 is the address of 2 instances"},
		{tcp, "127.0.1.10", "internal.", "1.dyn.internal. 60 IN A 127.0.1.10", "NOERROR"},
		{tcp, "127.0.1.10", "internal.", "2.dyn.internal. 60 IN A 127.0.1.10", "NOERROR"},
		{tcp, "127.0.1.10", "internal.", "3.dyn.internal. 60 IN A 127.0.1.10", "REFUSED an instance has at most 4 names"},
		{tcp, "127.0.1.10", "internal.", "-2.dyn.internal.", "NOERROR"},
	} {
		if got := p.registers(t, step.network, step.from, step.zone, step.update); !strings.HasPrefix(got, step.want) {
			t.Errorf("%s from %s by %s: %s, want %s", step.update, step.from, step.network, got, step.want)
		}
	}
	// The first with a free name is the master.
	if got := p.registers(t, tcp, "127.0.1.11", "internal.", "free db.internal.",
		"db.internal. 60 IN A 127.0.1.11"); got != "NOERROR" {
		t.Errorf("the first: %s", got)
	}
	if got := p.registers(t, tcp, "127.0.1.10", "internal.", "free db.internal.",
		"db.internal. 60 IN A 127.0.1.10"); got != "YXDOMAIN" {
		t.Errorf("the second: %s", got)
	}
	registered := func() {
		t.Helper()
		p.check(t, asks("127.0.1.77", "web.dyn.internal A", "127.0.1.10"), asks("127.0.1.77", "i-a.internal A", "127.0.1.10"),
			asks("127.0.1.77", "db.internal A", "127.0.1.11"), asks("127.0.1.77", "2.dyn.internal A", "NXDOMAIN"),
			asks("127.0.2.77", "web.dyn.internal A"), // the fence: of another VPC
			asks("127.0.1.77", "web.dyn._register.internal TXT", "NXDOMAIN"),
			asks("127.0.1.77", "10.1.0.127.in-addr.arpa PTR", "1.dyn.internal."))
	}
	registered()
	explained, err := json.Marshal(p.explain(t, "web.dyn.internal A", "127.0.1.77", ""))
	if err != nil || !strings.Contains(string(explained), "answered by names of instances in internal.") {
		t.Errorf("explained as %s, %v", explained, err)
	}
	_, report := p.get(t, "GET", "/report")
	if !strings.Contains(report, `"db.internal."`) || !strings.Contains(report, "registered by i-b itself") {
		t.Errorf("the report has\n%s", report)
	}
	p.await(t, "the past says who", func() bool {
		_, text := p.get(t, "GET", "/history?zone=internal.&limit=20")
		return strings.Contains(text, `"cause": "register"`) && strings.Contains(text, "i-a")
	})
	if calls := c.Calls()["ChangeResourceRecordSets"]; calls != 0 {
		t.Errorf("%d calls to Route 53", calls)
	}
	// They outlive the process, and go with the instance.
	p.end(t)
	p = s.ready(t, registerConfig)
	registered()
	err = c.Replace("eu-west-1/describe-instances.json", machines(t, "i-b vpc-1 127.0.1.11 tagged",
		"i-e vpc-1 127.0.1.10"))
	if err != nil {
		t.Fatal(err)
	}
	p.await(t, "its names are gone", func() bool {
		return p.answers(t, asks("127.0.1.77", "web.dyn.internal A", "NXDOMAIN"))
	})
	p.await(t, "another one may have them", func() bool {
		return p.registers(t, tcp, "127.0.1.10", "internal.", "web.dyn.internal. 60 IN A 127.0.1.10") == "NOERROR"
	})
	p.check(t, asks("127.0.1.77", "web.dyn.internal A", "127.0.1.10"), asks("127.0.1.77", "i-a.internal A", "NXDOMAIN"))
}
