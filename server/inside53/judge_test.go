//go:build judge

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The judge is another Route 53 than ours: the one at AWS_ENDPOINT_URL or, without it, a
// moto server filled here. The AWS CLI lists its zones, and each simple record set has
// to be answered exactly as it is listed. `make judge` runs it.

// recordSet is a record set as the CLI lists it.
type recordSet struct {
	Name            string
	Type            string
	TTL             uint32
	SetIdentifier   string `json:",omitempty"`
	AliasTarget     any    `json:",omitempty"`
	ResourceRecords []struct{ Value string }
}

// awsCLI runs the AWS CLI and decodes what it prints.
func awsCLI(t *testing.T, into any, args ...string) {
	t.Helper()
	words := append([]string{"--output", "json", "route53"}, args...)
	c := exec.CommandContext(t.Context(), "aws", words...)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("aws %s: %v %s (without the AWS CLI: pip install awscli)", strings.Join(words, " "), err, stderrOf(err))
	}
	err = json.Unmarshal(out, into)
	if err != nil {
		t.Fatalf("aws %s: %v", strings.Join(words, " "), err)
	}
}

func stderrOf(err error) string {
	exit, ok := err.(*exec.ExitError)
	if !ok {
		return ""
	}
	return string(exit.Stderr)
}

// moto starts a moto server, sets the environment to it, and fills it.
func moto(t *testing.T) {
	t.Helper()
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), "python3", "-m", "moto.server", "-p", port)
	err = server.Start()
	if err != nil {
		t.Fatalf("starting moto: %v (pip install 'moto[server]')", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it keeps nothing
		_ = server.Wait()
	})
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": "http://" + address, "AWS_ACCESS_KEY_ID": "judge", "AWS_SECRET_ACCESS_KEY": "judge",
		"AWS_SESSION_TOKEN": "",
		"AWS_REGION":        "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_PROFILE", "") // restored at the end
	err = os.Unsetenv("AWS_PROFILE")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "moto answers", func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	fillMoto(t, "judge.example")
	fillMoto(t, "corp.example", "--vpc", "VPCRegion=us-east-1,VPCId=vpc-0a1b2c3d", "--hosted-zone-config",
		"Comment=,PrivateZone=true")
}

// fillMoto makes a hosted zone with more than two pages of records, of every type.
func fillMoto(t *testing.T, name string, args ...string) {
	t.Helper()
	var made struct{ HostedZone struct{ Id string } }
	awsCLI(t, &made, append([]string{"create-hosted-zone", "--name", name, "--caller-reference", name}, args...)...)
	type change struct {
		Action            string
		ResourceRecordSet recordSet
	}
	var changes []change
	add := func(owner, kind string, values ...string) {
		set := recordSet{Name: owner + name, Type: kind, TTL: uint32(60 + len(changes))}
		for _, v := range values {
			set.ResourceRecords = append(set.ResourceRecords, struct{ Value string }{v})
		}
		changes = append(changes, change{"UPSERT", set})
	}
	for i := range 700 {
		add(fmt.Sprintf("host-%d.", i), "A", fmt.Sprintf("192.0.2.%d", i%256), fmt.Sprintf("198.51.100.%d", i%256))
	}
	add("", "MX", "10 mail."+name+".", "20 mx.example.net")
	add("", "TXT", `"v=spf1 -all"`, `"two" "strings"`, `"a \"quote\", a \\ and \303\251 \000\377"`)
	add("", "CAA", `0 issue "ca.example"`, `128 iodef "mailto:a@example.net"`)
	add("six.", "AAAA", "2001:db8::1", "2001:DB8:0:0:0:0:0:2")
	add("alias.", "CNAME", "host-1."+name)
	add("\\052.wild.", "A", "192.0.2.77")
	add("_sip._tcp.", "SRV", "1 2 5060 host-1."+name+".", "1 3 5060 host-2."+name+".")
	add("naptr.", "NAPTR", `100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" .`)
	add("ptr.", "PTR", "host-3."+name)
	add("spf.", "SPF", `"v=spf1 -all"`)
	add("ds.", "NS", "ns1.example.net.", "ns2.example.net.")
	add("ds.", "DS", "12345 13 2 4F5E6D7C8B9A0F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C4B5A69788796")
	add("tlsa.", "TLSA", "3 1 1 0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6")
	add("ssh.", "SSHFP", "4 2 9dd4a7f1c0e85b36d2478f1e6a93b05c7d1f4e82a6c9503b7e18d4f29a0c6b53")
	add("web.", "HTTPS", `1 . alpn="h2,h3" ipv4hint=192.0.2.1`)
	add("svc.", "SVCB", `1 web.`+name+`. port="8443"`)
	add("long.", "TXT", `"`+strings.Repeat("x", 255)+`" "`+strings.Repeat("y", 255)+`"`)
	for part := range slices.Chunk(changes, 200) {
		text, err := json.Marshal(map[string]any{"Changes": part})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "batch.json")
		replace(t, path, string(text))
		var done any
		awsCLI(t, &done, "change-resource-record-sets", "--hosted-zone-id", made.HostedZone.Id, "--change-batch",
			"file://"+path)
	}
}

// decimal turns the octal escapes of Route 53 into those of master files.
func decimal(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			n, err := strconv.ParseUint(text[i+1:i+4], 8, 8)
			if err == nil {
				fmt.Fprintf(&b, "\\%03d", n)
				i += 3
				continue
			}
			b.WriteString(text[i : i+2])
			i++
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// listed returns the records of a set as the DNS library prints them. ok is false where
// the listing itself is at fault: moto's SOA records are.
func listed(set recordSet) (lines []string, ok bool) {
	for _, r := range set.ResourceRecords {
		text := fmt.Sprintf("%s %d IN %s %s", dns.Fqdn(decimal(set.Name)), set.TTL, set.Type, decimal(r.Value))
		rr, err := dns.NewRR("$ORIGIN .\n" + text)
		if err != nil {
			return nil, false
		}
		// There and back: the library keeps the escapes that it reads.
		wire := make([]byte, dns.MaxMsgSize)
		n, err := dns.PackRR(rr, wire, 0, nil, false)
		if err != nil {
			return nil, false
		}
		rr, _, err = dns.UnpackRR(wire[:n], 0)
		if err != nil {
			return nil, false
		}
		lines = append(lines, printedRecord(rr))
	}
	slices.Sort(lines)
	return lines, true
}

// printed is one form for equal records: names in lower case, but for the texts.
func printedRecord(rr dns.RR) string {
	head, data := rr.Header().String(), strings.TrimPrefix(rr.String(), rr.Header().String())
	switch rr.(type) {
	case *dns.TXT, *dns.SPF, *dns.CAA, *dns.NAPTR:
	default:
		data = strings.ToLower(data)
	}
	return strings.ToLower(head) + data
}

// answered asks for a set, from the address of a view, and returns the records of its
// type in the answer and, for referrals, in the authority section.
func answered(t *testing.T, server, from string, set recordSet) []string {
	t.Helper()
	local := netip.AddrPortFrom(netip.MustParseAddr(from), 0)
	query := new(dns.Msg).SetQuestion(dns.Fqdn(decimal(set.Name)), dns.StringToType[set.Type]).SetEdns0(1232, false)
	client := &dns.Client{Timeout: 5 * time.Second, Dialer: &net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(local)}}
	reply, _, err := client.ExchangeContext(t.Context(), query, server)
	if err == nil && reply.Truncated {
		client = &dns.Client{Net: "tcp", Timeout: 5 * time.Second,
			Dialer: &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(local)}}
		reply, _, err = client.ExchangeContext(t.Context(), query, server)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", set.Name, set.Type, err)
	}
	var lines []string
	for _, rr := range slices.Concat(reply.Answer, reply.Ns) {
		if rr.Header().Rrtype == query.Question[0].Qtype {
			lines = append(lines, printedRecord(rr))
		}
	}
	slices.Sort(lines)
	return lines
}

// below reports whether name is at or below one of the cuts.
func below(name string, cuts []string) bool {
	return slices.ContainsFunc(cuts, func(cut string) bool { return dns.IsSubDomain(cut, name) })
}

func TestJudge(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		moto(t)
	}
	r := begin(t, "serve", "--config", write(t, `
listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
route53: { requests_per_second: 20 }
views:
- { name: public, clients: [127.0.0.1/32], vpcs: [] }
- { name: private, clients: [127.0.0.2/32], vpcs: ["*"] }
`))
	server := fields(t, r.line(t))["dns"]
	var zones struct {
		HostedZones []struct {
			Id, Name string
			Config   struct{ PrivateZone bool }
		}
	}
	awsCLI(t, &zones, "list-hosted-zones")
	private := make(map[string]int)
	for _, z := range zones.HostedZones {
		if z.Config.PrivateZone {
			private[z.Name]++
		}
	}
	compared := 0
	for _, z := range zones.HostedZones {
		from := "127.0.0.1"
		if z.Config.PrivateZone {
			from = "127.0.0.2"
			if private[z.Name] > 1 {
				continue // which one is seen depends on the VPC
			}
		}
		var listing struct{ ResourceRecordSets []recordSet }
		awsCLI(t, &listing, "list-resource-record-sets", "--hosted-zone-id", z.Id)
		var cuts []string
		for _, set := range listing.ResourceRecordSets {
			if set.Type == "NS" && !strings.EqualFold(dns.Fqdn(set.Name), dns.Fqdn(z.Name)) {
				cuts = append(cuts, dns.Fqdn(decimal(set.Name)))
			}
		}
		for _, set := range listing.ResourceRecordSets {
			hidden := below(dns.Fqdn(decimal(set.Name)), cuts) && set.Type != "NS" && set.Type != "DS"
			if set.AliasTarget != nil || set.SetIdentifier != "" || hidden {
				continue
			}
			want, ok := listed(set)
			if !ok && set.Type == "SOA" {
				t.Logf("not to be compared: %s", set.ResourceRecords)
				continue
			}
			var got []string
			for range 100 { // the zones come one by one
				got = answered(t, server, from, set)
				if len(got) > 0 {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			compared++
			if !ok || !slices.Equal(got, want) {
				t.Errorf("%s %s of %s\n got %q\nwant %q", set.Name, set.Type, z.Id, got, want)
			}
		}
	}
	t.Logf("%d record sets of %d zones compared", compared, len(zones.HostedZones))
	if compared == 0 {
		t.Error("no record set to compare")
	}
}
