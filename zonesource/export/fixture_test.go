package export

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
	"inside53/zonesource/changes"
)

// serve runs a simulator without limits, and returns an account of it.
func serve(t *testing.T, o awssim.Options) (*awssim.Sim, *awsclient.Account) {
	t.Helper()
	o.Reads, o.Changes, o.HealthStatus, o.Inventory = awssim.Unlimited(), awssim.Unlimited(), awssim.Unlimited(),
		awssim.Unlimited()
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	config := aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}
	return sim, &awsclient.Account{Config: config, Budget: awscall.NewBudget(1000)}
}

// kinds are record sets of every type and policy, in every form of their values; the
// names are without the zone, SELF is the id of the zone.
const kinds = `
a A 300 203.0.113.1
ttl-zero A 0 203.0.113.2
ttl-most A 2147483647 203.0.113.3
aaaa AAAA 300 2001:db8::1|2001:0DB8:0:0:0:0:0:2
caa CAA 300 0 issue "ca.example.net"|128 iodef "mailto:ca@example.net"|0 issuewild ";"
cname CNAME 300 Target.Example.NET.
cname-bare CNAME 300 bare.example.net
cname-escaped CNAME 300 a\100b\056c.example.net.
child DS 300 12345 13 2 0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A
child NS 300 ns1.example.net.|ns2.example.net.
https HTTPS 300 1 . alpn="h2,h3" ipv4hint=203.0.113.4,203.0.113.5 ipv6hint=2001:db8::4
https-alias HTTPS 300 0 pool.example.net.
@ MX 300 10 mail.example.net.|20 mail2.example.net
mx-null MX 300 0 .
naptr NAPTR 300 100 50 "u" "E2U+sip" "!^(\\+441632960083)$!sip:\\1@example.com!" .|100 51 "s" "SIP+D2U" "" _sip._udp.example.net.
ptr PTR 300 host.example.net.
@ SPF 300 "v=spf1 ip4:192.0.2.0/24 -all"
_sip._tcp SRV 300 10 60 5060 sip1.example.net.|10 40 5060 sip2.example.net.|0 0 0 .
sshfp SSHFP 300 4 2 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
_svc.svcb SVCB 300 1 svc.example.net. alpn="h2" port=8443|2 . no-default-alpn alpn="h2" mandatory=alpn key65000="x"
_443._tcp TLSA 300 3 1 1 aBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaBaB
txt TXT 300 "one string"|"two" "strings"|""
txt-quotes TXT 300 "a \"quoted\" word"|"a back\\slash"|"semi;colon"|"hash # at @ dollar $ (paren)"
txt-octal TXT 300 "\052"|"caf\303\251"|"tab\011"|"\042\134"|"nul\000 high\377"|"line\012feed"
\052.wild A 300 203.0.113.10
literal.\052.inside A 300 203.0.113.11
at\100sign A 300 203.0.113.12
dot\056ted A 300 203.0.113.13
slash\05726 A 300 203.0.113.14
space\040in A 300 203.0.113.15
back\134slash A 300 203.0.113.16
quo\042te A 300 203.0.113.17
semi\073colon A 300 203.0.113.18
open\050close\051 A 300 203.0.113.19
dollar\044 A 300 203.0.113.20
control\001 A 300 203.0.113.21
delete\177 A 300 203.0.113.22
high\377 A 300 203.0.113.23
_under_score A 300 203.0.113.24
-dashes- A 300 203.0.113.25
\100 A 300 203.0.113.26
alias A alias a SELF false
alias-alias A alias alias SELF true
@ A alias lb-1.eu-west-1.elb.amazonaws.com ZLB true
alias-lb A alias lb-1.eu-west-1.elb.amazonaws.com ZLB true
alias-lb AAAA alias lb-1.eu-west-1.elb.amazonaws.com ZLB true
alias-txt A alias lb-1.eu-west-1.elb.amazonaws.com ZLB true
alias-txt TXT 300 "beside an alias"
weighted A 60 203.0.113.31|203.0.113.32 ;weight=10 id=blue check=H1
weighted A 60 203.0.113.33 ;weight=90 id=green
weighted A alias a SELF true ;weight=0 id=alias
failover CNAME 60 primary.example.net. ;failover=PRIMARY id=one check=H1
failover CNAME 60 secondary.example.net. ;failover=SECONDARY id=two
latency A 60 203.0.113.41 ;region=us-east-1 id=a-virginia
latency A 60 203.0.113.42 ;region=eu-west-1 id=dublin
geo A 60 203.0.113.51 ;continent=EU id=europe
geo A 60 203.0.113.52 ;country=US subdivision=WA id=washington
geo A 60 203.0.113.53 ;country=* id=default
geo-lb A alias lb-1.eu-west-1.elb.amazonaws.com ZLB false ;country=* id=default
multi A 60 203.0.113.61 ;multi id=m1 check=H1
multi A 60 203.0.113.62 ;multi id=m2
near A 60 203.0.113.71 ;near=eu-west-1 bias=-20 id=near
near A 60 203.0.113.72 ;coordinates=49.22,-74.01 bias=0 id=far
cidr A 60 203.0.113.81 ;cidr=C1/office id=office
cidr A 60 203.0.113.82 ;cidr=C1/* id=else
odd A 60 203.0.113.91 ;weight=1 id=q"uo\te;x
`

// everything is 760 record sets of a zone besides its SOA and NS.
func everything(t *testing.T, z changes.Zone) []changes.RecordSet {
	t.Helper()
	var all []changes.RecordSet
	for line := range strings.Lines(kinds) {
		line = strings.TrimSpace(line)
		if line != "" {
			all = append(all, parseSet(t, z, line))
		}
	}
	many := changes.RecordSet{Name: aws.String("many." + z.Name), Type: "A", TTL: aws.Int64(300)}
	for i := range 60 {
		many.ResourceRecords = append(many.ResourceRecords,
			changes.Value{Value: aws.String(fmt.Sprintf("198.51.100.%d", i+1))})
	}
	long := changes.RecordSet{Name: aws.String("txt-4000." + z.Name), Type: "TXT", TTL: aws.Int64(300)}
	long.ResourceRecords = []changes.Value{
		{Value: aws.String(strings.TrimSpace(strings.Repeat(`"`+strings.Repeat("z", 247)+`" `, 16)))}}
	all = append(all, many, long, parseSet(t, z, strings.Repeat("l", 63)+" A 300 203.0.113.99"))
	for i := 0; len(all) < 760; i++ {
		text := []string{
			fmt.Sprintf("host-%03d A 300 198.51.100.%d", i, i%250), fmt.Sprintf("host-%03d AAAA 300 2001:db8::%x", i, i+1),
			fmt.Sprintf("host-%03d CNAME 300 host-%03d.elsewhere.example.", i, i),
			fmt.Sprintf("host-%03d TXT 300 \"number %d\"", i, i),
		}[i%4]
		all = append(all, parseSet(t, z, text))
	}
	return all
}

// parseSet reads a line of kinds.
func parseSet(t *testing.T, z changes.Zone, line string) changes.RecordSet {
	t.Helper()
	line, words, _ := strings.Cut(line, " ;weight=1 id=q")
	if words != "" {
		words = "weight=1 id=q" + words
	} else if i := strings.LastIndex(line, " ;"); i > 0 && strings.Contains(line[i:], "id=") {
		line, words = line[:i], line[i+2:]
	}
	f := strings.SplitN(line, " ", 4)
	name := f[0] + "." + z.Name
	if f[0] == "@" {
		name = z.Name
	}
	set := changes.RecordSet{Name: &name, Type: types.RRType(f[1])}
	if f[2] == "alias" {
		target := strings.Fields(f[3])
		id, host := target[1], target[0]+"."
		if id == "SELF" {
			id, host = z.ID, target[0]+"."+z.Name
		}
		set.AliasTarget = &changes.AliasTarget{DNSName: &host, HostedZoneId: &id, EvaluateTargetHealth: target[2] == "true"}
	} else {
		var ttl int64
		_, err := fmt.Sscan(f[2], &ttl)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		set.TTL = &ttl
		for v := range strings.SplitSeq(f[3], "|") {
			set.ResourceRecords = append(set.ResourceRecords, changes.Value{Value: aws.String(v)})
		}
	}
	for word := range strings.FieldsSeq(words) {
		policy(t, &set, word)
	}
	return set
}

// policy sets what a word after the semicolon says.
func policy(t *testing.T, set *changes.RecordSet, word string) {
	t.Helper()
	key, value, _ := strings.Cut(word, "=")
	if set.GeoLocation == nil && (key == "continent" || key == "country") {
		set.GeoLocation = &changes.GeoLocation{}
	}
	if key == "near" || key == "coordinates" {
		set.GeoProximityLocation = &changes.GeoProximity{}
	}
	var number int64
	_, _ = fmt.Sscan(value, &number) // where it is one
	switch key {
	case "weight":
		set.Weight = &number
	case "failover":
		set.Failover = types.ResourceRecordSetFailover(value)
	case "region":
		set.Region = types.ResourceRecordSetRegion(value)
	case "continent":
		set.GeoLocation.ContinentCode = &value
	case "country":
		set.GeoLocation.CountryCode = &value
	case "subdivision":
		set.GeoLocation.SubdivisionCode = &value
	case "multi":
		set.MultiValueAnswer = aws.Bool(true)
	case "near":
		set.GeoProximityLocation.AWSRegion = &value
	case "coordinates":
		latitude, longitude, _ := strings.Cut(value, ",")
		set.GeoProximityLocation.Coordinates = &types.Coordinates{Latitude: &latitude, Longitude: &longitude}
	case "bias":
		set.GeoProximityLocation.Bias = aws.Int32(int32(number))
	case "cidr":
		collection, location, _ := strings.Cut(value, "/")
		set.CidrRoutingConfig = &changes.CIDR{CollectionId: &collection, LocationName: &location}
	case "id":
		set.SetIdentifier = &value
	case "check":
		set.HealthCheckId = &value
	default:
		t.Fatalf("%q means nothing", word)
	}
}

// checks is a data directory with the health check that kinds has.
func checks(t *testing.T) awssim.Options {
	t.Helper()
	dir := t.TempDir()
	err := os.Mkdir(dir+"/route53", 0o700)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(dir+"/route53/list-health-checks.json",
		[]byte(`{"HealthChecks": [{"Id": "H1", "CallerReference": "h", "HealthCheckVersion": 1,
		"HealthCheckConfig": {"IPAddress": "192.0.2.1", "Port": 80, "Type": "TCP",
		"RequestInterval": 30, "FailureThreshold": 3}}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return awssim.Options{Data: os.DirFS(dir)}
}

// make makes a public zone with the sets, and returns it as listed.
func makeZone(ctx context.Context, t *testing.T, c *changes.Client, name string,
	sets func(changes.Zone) []changes.RecordSet) (changes.Zone, []changes.RecordSet) {
	t.Helper()
	z, _, err := c.CreateZone(ctx, changes.NewZone{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	current, err := c.Records(ctx, z)
	if err != nil {
		t.Fatal(err)
	}
	p := changes.NewPlan(z, current, sets(z), false)
	batches, err := changes.Split(p.Units())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		_, err = c.Submit(ctx, z, b)
		if err != nil {
			t.Fatal(err)
		}
	}
	z, err = c.Zone(ctx, z.ID)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := c.Records(ctx, z)
	if err != nil {
		t.Fatal(err)
	}
	return z, listed
}

// noon is when exports are made.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
