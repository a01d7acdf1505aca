//go:build judge

package judge

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
)

// TestJudgeOdd: what AWS refuses and moto takes. A record set that can't be expressed is
// named and answers SERVFAIL; all others are served.
func TestJudgeOdd(t *testing.T) {
	m := startMoto(t)
	const zone = "odd.example"
	out, err := m.route53.CreateHostedZone(bounded(t),
		&route53.CreateHostedZoneInput{Name: aws.String(zone), CallerReference: aws.String("odd")})
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(aws.ToString(out.HostedZone.Id), "/hostedzone/")
	m.create(t, id, zone,
		record{name: "right", kind: "A", ttl: 60, values: []string{"203.0.113.1"}},
		record{name: "no-address", kind: "A", ttl: 60, values: []string{"203.0.113"}},
		record{name: "no-type", kind: "BOGUS", ttl: 60, values: []string{"1"}},
		record{name: "long", kind: "TXT", ttl: 60, values: []string{`"` + long("x", 256) + `"`}},
		record{name: "mixed", kind: "A", ttl: 60, values: []string{"203.0.113.2"}},
		record{name: "mixed", kind: "CNAME", ttl: 60, values: []string{"right.odd.example"}},
		record{name: "twice", kind: "A", ttl: 60, values: []string{"203.0.113.3"}},
		record{name: "twice", kind: "A", ttl: 61, values: []string{"203.0.113.4"}},
		record{name: "case", kind: "A", ttl: 60, values: []string{"203.0.113.5"}},
		record{name: "CASE", kind: "A", ttl: 60, values: []string{"203.0.113.6"}},
		record{name: "negative", kind: "A", ttl: -7, values: []string{"203.0.113.7"}},
	)
	s := serve(t, m, "route53:\n")
	unservable := map[string]bool{}
	for _, u := range s.zones(t)[0].Unservable {
		unservable[u.Name+" "+u.Type] = u.Reason != ""
	}
	tests := []struct {
		name, kind, status string
		want               []string
		named              bool
	}{
		{"right.", "A", "NOERROR", []string{"203.0.113.1"}, false},
		{"no-address.", "A", "SERVFAIL", nil, true},
		{"no-address.", "TXT", "NOERROR", nil, false}, // the name exists
		{"no-type.", "TXT", "NOERROR", nil, false},
		{"long.", "TXT", "SERVFAIL", nil, true},
		{"mixed.", "A", "SERVFAIL", nil, false}, // what the CNAME says is not known
		{"mixed.", "CNAME", "SERVFAIL", nil, true},
		{"twice.", "A", "SERVFAIL", nil, true},
		{"case.", "A", "SERVFAIL", nil, true},
		{"negative.", "A", "SERVFAIL", nil, true},
		{"none.", "A", "NXDOMAIN", nil, false},
		{"", "SOA", "SERVFAIL", nil, true}, // see soa
	}
	for _, test := range tests {
		got := dig(t, s.dns, inVPC, question{test.name + zone, test.kind})[0]
		if got.status != test.status || !slices.Equal(got.values(test.kind), test.want) ||
			unservable[test.name+zone+". "+test.kind] != test.named {
			t.Errorf("%+v: %s %q %v", test, got.status, got.answer, got.extended)
		}
	}
	if !unservable["no-type."+zone+". BOGUS"] {
		t.Error("the type that is not known is not named")
	}
	if t.Failed() {
		t.Logf("named are %v", unservable)
	}
}

// TestJudgeCheck: inside53 check --aws finds every permission there, and counts. moto has
// no CIDR collections: there is no such path, which is no lack of a permission.
func TestJudgeCheck(t *testing.T) {
	m := startMoto(t)
	n := m.createNetwork(t)
	m.createZone(t, "check.example", "")
	m.createZone(t, "check.example", n.inside)
	path := filepath.Join(t.TempDir(), "inside53.yaml")
	err := os.WriteFile(path, []byte(everything), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(bounded(t), program, "check", "--config", path, "--aws")
	c.Env = m.environment()
	output, err := c.CombinedOutput()
	text := string(output)
	refused := regexp.MustCompile(`(?m)^(\S+) .* NO: `).FindAllStringSubmatch(text, -1)
	untried := regexp.MustCompile(`(?m)^route53:ListCidrCollections .* not tried: .*: the endpoint has no such operation$`)
	if err != nil || len(refused) > 0 || !untried.MatchString(text) ||
		!strings.Contains(text, "2 zones (1 private), 4 record sets") {
		t.Errorf("%v\n%s", err, text)
	}
	for _, action := range []string{"route53:ListHostedZones", "route53:GetHostedZone", "route53:ListHostedZonesByVPC",
		"ec2:DescribeInstances", "ec2:DescribeVpcPeeringConnections"} {
		if !regexp.MustCompile(`(?m)^` + action + `\s.*\sallowed$`).MatchString(text) {
			t.Errorf("%s is not said to be allowed\n%s", action, text)
		}
	}
}
