//go:build clients

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inside53/examples"
	"inside53/zonesource/awssim"
)

// beginDemo runs the demo and returns where it listens, in dig's words.
func beginDemo(t *testing.T) (at string, r *running) {
	t.Helper()
	poison(t)
	r = begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	host, port, err := net.SplitHostPort(fields(t, r.line(t))["dns"])
	if err != nil {
		t.Fatal(err)
	}
	tour(t, r)
	return fmt.Sprintf("@%s -p %s", host, port), r
}

// TestClientOddQuestions has dig and kdig ask what clients seldom do.
func TestClientOddQuestions(t *testing.T) {
	at, _ := beginDemo(t)
	for _, tt := range []struct {
		command string
		want    []string // in what is printed
		not     []string
	}{
		// RFC 6891: another version, none, options and flags nobody knows.
		{"dig AT +edns=1 +noednsneg www.example.com", []string{"status: BADVERS", "EDNS: version: 0", "udp: 1232"},
			[]string{"10.0.1.21"}},
		{"dig AT +edns=1 www.example.com", []string{"status: NOERROR", "10.0.1.21"}, nil},
		{"dig AT +noedns www.example.com", []string{"status: NOERROR", "10.0.1.21"}, []string{"EDNS"}},
		{"dig AT +ednsopt=65001:abcd www.example.com", []string{"status: NOERROR", "10.0.1.21", "EDNS: version: 0"},
			[]string{"; OPT=65001"}},
		{"dig AT +ednsflags=0x40 www.example.com", []string{"status: NOERROR", "10.0.1.21"}, []string{"MBZ"}},
		{"dig AT +dnssec www.example.com", []string{"status: NOERROR", "10.0.1.21", "flags: do;"}, []string{"RRSIG"}},
		{"dig AT +nsid +nocookie www.example.com", []string{"status: NOERROR", "10.0.1.21"}, nil},
		{"dig AT +subnet=192.0.2.0/24 www.example.com", []string{"10.0.1.21"}, nil},
		{"dig AT +bufsize=512 www.example.com", []string{"10.0.1.21", "udp: 1232"}, nil},
		{"dig AT +padding=128 +tcp www.example.com", []string{"10.0.1.21"}, nil},
		{"dig AT +keepalive +tcp www.example.com", []string{"10.0.1.21", "TCP KEEPALIVE: 10.0 secs"}, []string{"Warning"}},
		// RFC 8906: opcodes, flags and headers alone.
		{"dig AT +opcode=status www.example.com", []string{"status: NOTIMP"}, []string{"ANSWER SECTION"}},
		{"dig AT +opcode=7 www.example.com", []string{"status: NOTIMP"}, nil},
		{"dig AT +opcode=notify example.com SOA", []string{"status: REFUSED"}, nil},
		{"dig AT +opcode=update example.com SOA", []string{"status: REFUSED"}, nil},
		{"dig AT +zflag www.example.com", []string{"status: NOERROR", "10.0.1.21"}, []string{"MBZ"}},
		{"dig AT +adflag +cdflag +aaflag +raflag www.example.com", []string{"status: NOERROR", " qr aa rd ra", " cd"},
			[]string{" ad"}},
		{"dig AT +norecurse www.example.com", []string{"status: NOERROR", "flags: qr aa ra;", "10.0.1.21"}, nil},
		{"dig AT +header-only", []string{"status: FORMERR"}, nil},
		{"dig AT -t TYPE1000 www.example.com", []string{"status: NOERROR", "ANSWER: 0", "SOA"}, nil},
		{"dig AT -c CH -t TXT version.bind", []string{"status: NOERROR", `"inside53`}, nil},
		{"dig AT -c HS www.example.com", []string{"status: REFUSED"}, nil},
		{"dig AT www.example.com AXFR", []string{"Transfer failed"}, []string{"10.0.1.21"}},
		{"dig AT +tcp www.example.com ANY", []string{"status: NOERROR", "ANSWER: 2", "10.0.1.21"}, nil},
		{"dig AT +noedns +notcp www.example.com ANY", []string{"status: NOERROR", "ANSWER: 2", "10.0.1.21"}, nil},
		{"dig AT -x 10.0.20.15", []string{"status: NOERROR", "PTR\tdb-1.example.com."}, nil},
		{"dig AT -x 10.0.1.25", []string{"PTR\tmail.internal."}, nil},
		{"dig AT -x 127.0.0.1", []string{"PTR\tlocalhost."}, nil},
		{"dig AT wWw.ExAmPlE.cOm", []string{"wWw.ExAmPlE.cOm.\t", "10.0.1.21"}, nil},
		{"dig AT +qr x." + strings.Repeat("a.", 110) + "example.com", []string{"status: NXDOMAIN", "SOA"}, nil},
		{"dig AT example.com DS", []string{"ANSWER: 0"}, nil},
		{"kdig AT +edns=1 www.example.com", []string{"BADVERS"}, nil},
		{"kdig AT +noedns www.example.com", []string{"10.0.1.21"}, []string{"EDNS"}},
		{"kdig AT +tcp +keepopen www.example.com git.example.com www.example.com", []string{"10.0.1.21", "10.0.2.40"},
			[]string{"WARNING", ";; ERROR"}},
		{"kdig AT -c CH -t TXT id.server", []string{"NOERROR"}, nil},
		{"kdig AT +cookie www.example.com", []string{"10.0.1.21"}, []string{"WARNING"}},
		{"kdig AT +padding www.example.com", []string{"10.0.1.21"}, nil},
		{"host -p PORT -t SRV _ldap._tcp.example.com HOST", []string{"has SRV record 0 100 389 ldap-1.corp.example.com."},
			nil},
		{"delv AT +noroot -i www.example.com", []string{"10.0.1.21"}, []string{"resolution failed"}},
	} {
		words := strings.Fields(at)
		command := strings.NewReplacer(" AT ", " "+at+" ", "HOST", strings.TrimPrefix(words[0], "@"), "PORT",
			words[2]).Replace(tt.command)
		got := program(t, "", strings.Fields(command)...)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s prints no %q:\n%s", command, want, got)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(got, not) {
				t.Errorf("%s prints %q:\n%s", command, not, got)
			}
		}
	}
}

// TestClientRecords asks for each simple record set of the demo's public zones, and
// compares what dig prints with what Route 53 lists.
func TestClientRecords(t *testing.T) {
	poison(t)
	r := begin(t, "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	host, port, err := net.SplitHostPort(fields(t, r.line(t))["dns"])
	if err != nil {
		t.Fatal(err)
	}
	sim, err := awssim.New(awssim.Options{Data: examples.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	types := make(map[string]bool)
	for _, zone := range []string{"Z0484276PQ3RN1T5XWVB", "Z0731658FW9JB6C8QTRG"} {
		for _, set := range sim.Records(zone) {
			if set.SetIdentifier != "" || set.AliasTarget != nil || set.Name == "lab.example.com." ||
				set.Name == "ns1.lab.example.com." {
				continue // these have rules of their own
			}
			name := strings.ReplaceAll(set.Name, `\052`, "anything")
			for _, transport := range []string{"+notcp", "+tcp"} {
				// A client in no VPC gets what is listed.
				got := sorted(program(t, "", "dig", "@"+host, "-p", port, "-b", outside, transport, "+short", name, set.Type))
				if !slices.Equal(got, asDig(set)) {
					t.Errorf("%s %s %s\n got %q\nwant %q", name, set.Type, transport, got, asDig(set))
				}
			}
			asked++
			types[set.Type] = true
		}
	}
	if asked < 40 || len(types) < 14 {
		t.Errorf("only %d record sets of %d types were asked for", asked, len(types))
	}
}

// asDig is what dig +short prints of a listed record set.
func asDig(set awssim.RecordSet) []string {
	var lines []string
	for _, value := range set.ResourceRecords {
		text := value.Value
		switch set.Type {
		case "TXT": // Route 53's escapes are octal, dig's decimal
			text = strings.NewReplacer(`\303\251`, `\195\169`).Replace(text)
		case "SVCB":
			text = strings.Replace(text, `port="8443"`, `port=8443`, 1)
		case "TLSA", "SSHFP", "DS":
			words := strings.Fields(text)
			last := len(words) - 1
			hex := strings.ToUpper(words[last])
			words[last] = hex
			if len(hex) > 56 { // dig breaks long ones
				words = append(words[:last], hex[:56], hex[56:])
			}
			text = strings.Join(words, " ")
		}
		lines = append(lines, text)
	}
	slices.Sort(lines)
	return lines
}

// TestClientFullConfig serves with a configuration of everything: views, shadowing,
// zone file, conditional forwarder.
func TestClientFullConfig(t *testing.T) {
	at, demo := beginDemo(t)
	_ = demo
	path := write(t, fmt.Sprintf(`
listen: { dns: ["127.0.0.1:0", "[::1]:0"] }
admin: 127.0.0.1:0
health: 127.0.0.1:0
drain: 0s
views:
  - { name: here, clients: [127.0.0.0/8, "::1/128"] }
  - { name: lab, clients: [127.0.0.9/32] }
zonefiles: [{ origin: lab.example, file: lab.zone, views: [lab] }]
forward:
  - { zone: example.com, upstreams: [%q] }
`, strings.ReplaceAll(strings.TrimPrefix(at, "@"), " -p ", ":")))
	err := os.WriteFile(filepath.Join(filepath.Dir(path), "lab.zone"), []byte(labZone), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	r := begin(t, "serve", "--config", path)
	host, port, err := net.SplitHostPort(fields(t, r.line(t))["dns"])
	if err != nil {
		t.Fatal(err)
	}
	short := func(words ...string) []string {
		return sorted(program(t, "", append([]string{"dig", "@" + host, "-p", port, "+short"}, words...)...))
	}
	for _, tt := range []struct {
		words string
		want  []string
	}{
		{"www.example.com", []string{"10.0.1.21", "10.0.2.21"}},
		{"+tcp www.example.com", []string{"10.0.1.21", "10.0.2.21"}},
		{"-b 127.0.0.9 printer.lab.example", []string{"10.0.40.10", "10.0.40.11"}},
		{"printer.lab.example", nil},
		{"-b 127.0.0.9 any.dev.lab.example MX", []string{"20 mail.lab.example."}},
		{"-b 127.0.0.9 host.old.lab.example", []string{"10.0.60.1", "host.new.lab.example.", "new.lab.example."}},
	} {
		if got := short(strings.Fields(tt.words)...); !slices.Equal(got, tt.want) {
			t.Errorf("dig %s prints %q, want %q", tt.words, got, tt.want)
		}
	}
	got := program(t, "", "dig", "@"+host, "-p", port, "printer.lab.example")
	if !strings.Contains(got, "status: REFUSED") || !strings.Contains(got, "EDE: 20") {
		t.Errorf("a name of nobody: %s", got)
	}
}
