package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"inside53/examples"
	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

const faultsConfig = `listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
log: { level: error }
route53: { refresh: 1h, requests_per_second: 50 }
ec2: { regions: [REGIONS], refresh: 1h }
views:
  - { name: dublin, clients: [127.0.0.0/8], vpcs: [vpc-0a1b2c3d4e5f60718, vpc-0b7c1d2e3f4a59687], region: eu-west-1 }
forward:
  - { zone: ".", upstreams: ["GOOD"] }
  - { zone: broken.example, upstreams: ["BROKEN"] }
  - { zone: circle.example, upstreams: ["CIRCLE"] }
  - { zone: slow.example, upstreams: ["SLOW"] }
  - { zone: wrong.example, upstreams: ["WRONG"] }
`

// faulty is an upstream with a fault that can be mended.
type faulty struct {
	hostile
	mended atomic.Bool
}

// faultyUpstream starts an upstream that answers by bad until it is mended.
func faultyUpstream(t *testing.T, bad func(query []byte) []byte) *faulty {
	t.Helper()
	f := &faulty{hostile: hostile{address: "192.0.2.53", tcp: never}}
	f.udp = func(query []byte) []byte {
		if f.mended.Load() {
			return f.reply(query)
		}
		return bad(query)
	}
	f.start(t)
	return f
}

// faultLab is a server to which everything can happen.
type faultLab struct {
	sim                         *awssim.Sim
	broken, circle, slow, wrong *faulty
	dns, admin                  string
	server                      atomic.Pointer[string] // dns, for who sends back
	path, config                string
}

func newFaultLab(t *testing.T) *faultLab {
	t.Helper()
	l := &faultLab{sim: simulate(t)}
	l.broken = faultyUpstream(t, func(query []byte) []byte {
		query[2] |= 0x80
		query[3] = dns.RcodeServerFailure
		return query
	})
	l.circle = faultyUpstream(t, l.back)
	poisoned := hostile{address: "192.0.2.66"}
	l.wrong = faultyUpstream(t, poisoned.reply)
	l.slow = faultyUpstream(t, func(query []byte) []byte {
		time.Sleep(300 * time.Millisecond)
		return l.slow.reply(query)
	})
	l.config = strings.NewReplacer("BROKEN", l.broken.addr, "CIRCLE", l.circle.addr, "SLOW", l.slow.addr,
		"WRONG", l.wrong.addr, "GOOD", l.wrong.addr).Replace(faultsConfig)
	l.path = write(t, strings.ReplaceAll(l.config, "REGIONS", "eu-west-1"))
	ready := fields(t, begin(t, "serve", "--config", l.path).line(t))
	l.dns, l.admin = ready["dns"], ready["admin"]
	l.server.Store(&l.dns)
	return l
}

// back asks the server what it has asked.
func (l *faultLab) back(query []byte) []byte {
	c, err := net.Dial("udp", *l.server.Load())
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second)) // then nothing is answered
	_, _ = c.Write(query)
	answer := make([]byte, 4096)
	n, err := c.Read(answer)
	if err != nil {
		return nil
	}
	return answer[:n]
}

// without is the configuration without an upstream.
func (l *faultLab) without(address string) string {
	lines := strings.Split(strings.ReplaceAll(l.config, "REGIONS", "eu-west-1"), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, address) }), "\n")
}

// arm has an operation of AWS fail; "" ends all.
func (l *faultLab) arm(t *testing.T, operation, fault string) {
	t.Helper()
	l.sim.ClearFaults()
	if fault == "" {
		return
	}
	err := l.sim.AddFaults(awssim.Fault{Operation: operation, Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
}

// withoutZone is the list of hosted zones of the demo data without one.
func withoutZone(t *testing.T, id string) (all, without []byte) {
	t.Helper()
	file, err := examples.Demo().Open("route53/list-hosted-zones.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var text bytes.Buffer
	_, err = text.ReadFrom(file)
	var list map[string]any
	if err == nil {
		err = json.Unmarshal(text.Bytes(), &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	list["HostedZones"] = slices.DeleteFunc(list["HostedZones"].([]any), func(z any) bool {
		return strings.HasSuffix(z.(map[string]any)["Id"].(string), id)
	})
	without, err = json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return text.Bytes(), without
}

// faultCase is a section of FAULTS.md: how the fault comes about and ends, and what each line of it has to say.
type faultCase struct {
	title  string
	inject func(t *testing.T, l *faultLab)
	end    func(t *testing.T, l *faultLab) // before the cure, where that is somebody else's to do
	wants  []string                        // of each line; dig's is the address, or the response code
	pages  []string                        // of each page of the console
	cured  []string                        // the line that shows the cure, and what it says then
}

func faultCases() []faultCase {
	refresh := func(what ...string) func(t *testing.T, l *faultLab) {
		return func(t *testing.T, l *faultLab) {
			t.Helper()
			ok(t, append([]string{"refresh", "--admin", l.admin}, what...)...)
		}
	}
	return []faultCase{
		{
			title: "A record is not seen",
			inject: func(t *testing.T, _ *faultLab) {
				ok(t, "record", "add", "example.com", "new", "A", "10.0.9.9", "--private", "--no-wait")
			},
			wants: []string{
				"NXDOMAIN", "hint: it is read again at once by: inside53 refresh example.com", "zone/Z1009382KD7YH2M4ZSLC",
			},
			pages: []string{"inside53 refresh example.com"},
			cured: []string{"dig @127.0.0.1 new.example.com", "10.0.9.9"},
		},
		{
			title: "A public address instead of a private one",
			inject: func(t *testing.T, l *faultLab) {
				ok(t, "record", "add", "example.com", "web-us", "A", "198.51.100.40", "--public", "--no-wait")
				refresh("example.com")(t, l)
			},
			end: func(t *testing.T, l *faultLab) {
				replace(t, l.path, strings.ReplaceAll(l.config, "REGIONS", "eu-west-1, us-east-1"))
			},
			wants: []string{"198.51.100.40", "no interface of the inventory has it, which is of eu-west-1", ""},
			pages: []string{"no interface of the inventory has it, which is of eu-west-1"},
			cured: []string{"dig @127.0.0.1 web-us.example.com", "10."},
		},
		{
			title: "A region has shrunk",
			inject: func(t *testing.T, l *faultLab) {
				l.arm(t, "DescribeInstances", "empty")
				refresh("eu-west-1")(t, l)
			},
			end:   func(t *testing.T, l *faultLab) { l.arm(t, "", "") },
			wants: []string{"held back: 28 would become 18, without i-", "ec2 /eu-west-1"},
			pages: []string{"inside53 accept eu-west-1"},
			cured: []string{"inside53 status", "!held back"},
		},
		{
			title:  "A zone has vanished",
			inject: vanish("Z0731658FW9JB6C8QTRG"),
			wants:  []string{"inside53 accept Z0731658FW9JB6C8QTRG", "accepted"},
			pages:  []string{"inside53 accept Z0731658FW9JB6C8QTRG"},
			cured:  []string{"inside53 status", "!held back"},
		},
		{
			title: "An upstream answers SERVFAIL",
			end:   func(_ *testing.T, l *faultLab) { l.broken.mended.Store(true) },
			wants: []string{"SERVFAIL", "answered SERVFAIL", "1 answer forgotten"},
			pages: []string{"answered SERVFAIL"},
			cured: []string{"dig @127.0.0.1 www.broken.example", "192.0.2.53"},
		},
		{
			title: "A loop",
			end:   func(t *testing.T, l *faultLab) { replace(t, l.path, l.without(l.circle.addr)) },
			wants: []string{"SERVFAIL", "loop", ""},
			pages: []string{"loop"},
			cured: []string{"dig @127.0.0.1 www.circle.example", "192.0.2.66"},
		},
		{
			title:  "An upstream is slow",
			inject: func(t *testing.T, l *faultLab) { ask(t, l.dns, "www.slow.example.") },
			end:    func(t *testing.T, l *faultLab) { replace(t, l.path, l.without(l.slow.addr)) },
			wants:  []string{"www.slow.example.", "NOERROR, 0.3", ""},
			pages:  []string{"www.slow.example.", "NOERROR, 0.3"},
			cured:  []string{"dig @127.0.0.1 other.slow.example", "192.0.2.66"},
		},
		{
			title: "AWS throttles",
			inject: func(t *testing.T, l *faultLab) {
				l.arm(t, "ListResourceRecordSets", "throttle")
				refresh("example.com")(t, l)
			},
			end:   func(t *testing.T, l *faultLab) { l.arm(t, "", "") },
			wants: []string{"Throttling: Rate exceeded", "requests_per_second", "zone/Z1009382KD7YH2M4ZSLC"},
			pages: []string{"Throttling: Rate exceeded"},
			cured: []string{"inside53 status", "!Throttling"},
		},
		{
			title: "The credentials have expired",
			inject: func(t *testing.T, l *faultLab) {
				l.arm(t, "*", "expired-token")
				refresh()(t, l)
			},
			end:   func(t *testing.T, l *faultLab) { l.arm(t, "", "") },
			wants: []string{"the credentials have expired: log in again", "route53 catalog/"},
			pages: []string{"the credentials have expired: log in again"},
			cured: []string{"inside53 status", "!expired"},
		},
		{
			title: "The cache has what is wrong or old",
			end:   func(_ *testing.T, l *faultLab) { l.wrong.mended.Store(true) },
			wants: []string{"192.0.2.66", "hint: the cache forgets it, and the upstreams are asked again, by: inside53 flush " +
				"www.wrong.example.", "1 answer forgotten"},
			pages: []string{"inside53 flush www.wrong.example."},
			cured: []string{"dig @127.0.0.1 www.wrong.example", "192.0.2.53"},
		},
	}
}

// vanish has a zone go from Route 53.
func vanish(id string) func(t *testing.T, l *faultLab) {
	return func(t *testing.T, l *faultLab) {
		t.Helper()
		_, without := withoutZone(t, id)
		err := l.sim.Replace("route53/list-hosted-zones.json", without)
		if err != nil {
			t.Fatal(err)
		}
		ok(t, "refresh", "--admin", l.admin)
	}
}

// faultSection is what FAULTS.md says of a fault.
type faultSection struct{ lines, pages []string }

func faultSections(t *testing.T) map[string]faultSection {
	t.Helper()
	text, err := os.ReadFile("../FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]faultSection{}
	for _, part := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		_, block, _ := strings.Cut(body, "```sh\n")
		block, after, _ := strings.Cut(block, "```")
		s := faultSection{lines: strings.Split(strings.TrimSpace(block), "\n")}
		for _, m := range regexp.MustCompile("`#/([^`]+)`").FindAllStringSubmatch(after, -1) {
			s.pages = append(s.pages, m[1])
		}
		out[title] = s
	}
	return out
}

// line runs one line of FAULTS.md, and returns what it says.
func (l *faultLab) line(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	switch {
	case words[0] == "dig":
		return l.dig(t, words[len(words)-1])
	case line == "sudo systemctl reload inside53":
		send(t, syscall.SIGHUP)
		return ""
	case words[1] == "check":
		code, stdout, stderr := command(t, "check", "--aws", "--config", l.path)
		return fmt.Sprintln(code, stdout, stderr)
	}
	return ok(t, append(words[1:], "--admin", l.admin)...)
}

// dig returns the first address of a name, or the response code.
func (l *faultLab) dig(t *testing.T, name string) string {
	t.Helper()
	client := &dns.Client{Timeout: 10 * time.Second}
	reply, _, err := client.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), l.dns)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reply.Answer {
		if a, is := r.(*dns.A); is {
			addr, _ := netip.AddrFromSlice(a.A.To4())
			return addr.String()
		}
	}
	return dns.RcodeToString[reply.Rcode]
}

// says waits until a line says something, or with a ! before it doesn't any more.
func (l *faultLab) says(t *testing.T, line, want string) {
	t.Helper()
	text, gone := strings.CutPrefix(want, "!")
	got := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		got = l.line(t, line)
		if strings.Contains(got, text) != gone {
			return
		}
	}
	t.Errorf("%s: %q isn't in\n%s", line, want, got)
}

// TestTenFaults injects each fault, and goes from its symptom to its cause and cure by the lines of FAULTS.md.
func TestTenFaults(t *testing.T) {
	l, sections := newFaultLab(t), faultSections(t)
	cases := faultCases()
	if len(sections) != len(cases) {
		t.Errorf("%d sections for %d faults", len(sections), len(cases))
	}
	for _, c := range cases {
		t.Run(c.title, func(t *testing.T) {
			s := sections[c.title]
			if len(s.lines) != len(c.wants) || len(s.lines) > 3 || len(s.pages) != len(c.pages) {
				t.Fatalf("%d lines and %d pages, want %d and %d", len(s.lines), len(s.pages), len(c.wants), len(c.pages))
			}
			if c.inject != nil {
				c.inject(t, l)
			}
			for i, line := range s.lines {
				if i == len(s.lines)-1 && c.end != nil {
					c.end(t, l)
				}
				if i < len(s.lines)-1 || c.wants[i] == "" {
					l.says(t, line, c.wants[i])
				} else if got := l.line(t, line); !strings.Contains(got, c.wants[i]) { // an order is given once
					t.Errorf("%s: %q isn't in\n%s", line, c.wants[i], got)
				}
			}
			l.says(t, c.cured[0], c.cured[1])
		})
	}
}
