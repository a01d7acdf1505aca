package changes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// read reads a master file of example.com.
func read(t *testing.T, text string) ([]RecordSet, []string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zone")
	err := os.WriteFile(path, []byte(text), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(t.Context(), zone1, path)
	if err != nil {
		t.Logf("%v", err)
		return nil, nil, err
	}
	for i := range f.Notes {
		f.Notes[i] = strings.ReplaceAll(f.Notes[i], path, "FILE")
	}
	return f.Sets, f.Notes, nil
}

// shown is a record set on one line.
func shown(r *RecordSet) string {
	var parts []string
	if r.AliasTarget != nil {
		parts = append(parts, AliasLine(r, "Z1"))
	} else {
		parts = append(parts, aws.ToString(r.Name), string(r.Type))
	}
	for _, v := range r.ResourceRecords {
		parts = append(parts, aws.ToString(v.Value))
	}
	return strings.ReplaceAll(strings.TrimSpace(strings.Join(parts, " ")+" "+Extension(r)), "\t", " ")
}

func TestReadFile(t *testing.T) {
	const file = `$TTL 5m
; a comment
@ IN SOA ns1 host ( 1 2 ; two lines
   3 4 5 ) ; AWS stand-in or not
@ NS ns1.example.net.
www A 192.0.2.1 ; plain words
    A 192.0.2.2
www A 192.0.2.1
*.wild TXT "semi;colon" "\"q\" caf\195\169"
geo	300	IN	A	127.0.0.2 ; AWS routing="GEOLOCATION" continentCode="AF" identifier="Africa"
geo	86400	AWS	ALIAS	A a $self false ; AWS routing="GEOLOCATION" countryCode="GB" identifier="UK"
failover 300 IN A 127.0.0.1 ; AWS routing="FAILOVER" failover="PRIMARY" healthCheckId="6bb57c41-879a-428a-acdd-ed6472acdf87" identifier="one"
weighted 300 IN CNAME a ; AWS routing="WEIGHTED" weight=1 identifier="\"w\" \010"
lb 86400 AWS ALIAS A lb-1.elb.amazonaws.com. ZELB true
;AWS: hidden 60 IN A 192.0.2.9 ; AWS routing="MULTIVALUE" identifier="m"
hidden 60 IN A 192.0.2.9 ; AWS stand-in
;AWS: hidden.alias 86400 AWS ALIAS AAAA www $self true
old DNAME other
other.example.net. A 192.0.2.1
mix 60 A 192.0.2.1
mix 30 A 192.0.2.2
$GENERATE 1-2 gen$ A 192.0.2.$
`
	got, notes, err := read(t, file)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`example.com. NS ns1.example.net.`,
		`example.com. SOA ns1.example.com. host.example.com. 1 2 3 4 5`,
		`hidden.alias.example.com. 86400 AWS ALIAS AAAA www.example.com. $self true`,
		`failover.example.com. A 127.0.0.1 routing="FAILOVER" failover="PRIMARY" ` +
			`healthCheckId="6bb57c41-879a-428a-acdd-ed6472acdf87" identifier="one"`,
		`gen1.example.com. A 192.0.2.1`,
		`gen2.example.com. A 192.0.2.2`,
		`geo.example.com. A 127.0.0.2 routing="GEOLOCATION" continentCode="AF" identifier="Africa"`,
		`geo.example.com. 86400 AWS ALIAS A a.example.com. $self false routing="GEOLOCATION" countryCode="GB" ` +
			`identifier="UK"`,
		`hidden.example.com. A 192.0.2.9 routing="MULTIVALUE" identifier="m"`,
		`lb.example.com. 86400 AWS ALIAS A lb-1.elb.amazonaws.com. ZELB true`,
		`mix.example.com. A 192.0.2.1 192.0.2.2`,
		`weighted.example.com. CNAME a.example.com. routing="WEIGHTED" weight=1 identifier="\"w\" \010"`,
		`\052.wild.example.com. TXT "semi;colon" "\"q\" caf\303\251"`,
		`www.example.com. A 192.0.2.1 192.0.2.2`,
	}
	var lines []string
	for i := range got {
		lines = append(lines, shown(&got[i]))
	}
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	wantNotes := []string{
		"FILE:18: old.example.com. DNAME: left out: Route 53 has no records of this type",
		"FILE:19: other.example.net. A: left out: not in example.com.",
		"FILE:21: mix.example.com. A: TTLs differ inside the record set, the least holds (RFC 2181 5.2)",
	}
	if !slices.Equal(notes, wantNotes) {
		t.Errorf("notes %q", notes)
	}
	i := slices.IndexFunc(got, func(r RecordSet) bool { return aws.ToString(r.Name) == "weighted.example.com." })
	if id := aws.ToString(got[i].SetIdentifier); id != "\"w\" \n" {
		t.Errorf("identifier %q", id)
	}
}

func TestReadFileRefuses(t *testing.T) {
	tests := []struct{ line, want string }{
		{`a 60 A 192.0.2`, `zone:1: A data`},
		{`a A 192.0.2.1`, `zone:1: no TTL`},
		{`a 60 A 192.0.2.1 ; AWS routing="ODD" identifier="a"`, `routing is "ODD"`},
		{`a 60 A 192.0.2.1 ; AWS weight=1`, `needs routing`},
		{`a 60 A 192.0.2.1 ; AWS routing="WEIGHTED" weight=256 identifier="a"`,
			`weight is "256" and has to be a number from 0 to 255`},
		{`a 60 A 192.0.2.1 ; AWS routing="WEIGHTED" weight=1`, `needs identifier`},
		{`a 60 A 192.0.2.1 ; AWS routing="WEIGHTED" identifier="a"`, `needs weight`},
		{`a 60 A 192.0.2.1 ; AWS routing="LATENCY" identifier="a"`, `needs region`},
		{`a 60 A 192.0.2.1 ; AWS routing="FAILOVER" failover="THIRD" identifier="a"`, `failover is "THIRD"`},
		{`a 60 A 192.0.2.1 ; AWS routing="GEOLOCATION" identifier="a"`, `needs continentCode or countryCode`},
		{`a 60 A 192.0.2.1 ; AWS routing="GEOPROXIMITY" bias=1 identifier="a"`, `needs region`},
		{`a 60 A 192.0.2.1 ; AWS routing="GEOPROXIMITY" region="a" bias=100 identifier="a"`, `from -99 to 99`},
		{`a 60 A 192.0.2.1 ; AWS routing="CIDR" collectionId="a" identifier="a"`, `needs collectionId and locationName`},
		{`a 60 A 192.0.2.1 ; AWS routing="LATENCY" region="a" weight=1 identifier="a"`,
			`weight has no meaning with routing="LATENCY"`},
		{`a 60 A 192.0.2.1 ; AWS routing="LATENCY" routing="WEIGHTED"`, `routing stands twice`},
		{`a 60 A 192.0.2.1 ; AWS routing="LATENCY`, `no closing quotation mark`},
		{`a 60 A 192.0.2.1 ; AWS routing="LATENCY" region`, `"region" is not of the form key=value`},
		{`a 60 AWS ALIAS A b $self`, `4 words, not 3`},
		{`a 60 AWS ALIAS A b $self yes`, `"yes" where an ALIAS record has true or false`},
		{`a 60 AWS ALIAS DNAME b $self true`, `an alias of type DNAME`},
		{`;AWS: a 60 IN A 192.0.2`, `zone:1: A data`},
		{`;AWS: a 60 IN A ( 192.0.2.1`, `no closing parenthesis`},
		{"a 60 AWS ALIAS A b $self true\na 60 AWS ALIAS A c $self true", `zone:2: a.example.com. A stands twice`},
		{"a 60 AWS ALIAS A b $self true\na 60 A 192.0.2.1", `zone:2: a.example.com. A is an alias before`},
		{"a 60 A 192.0.2.1 ; AWS routing=\"WEIGHTED\" weight=1 identifier=\"a\"\na 60 A 192.0.2.2 ; AWS " +
			"routing=\"WEIGHTED\" weight=2 identifier=\"a\"",
			`zone:2: a.example.com. A with identifier "a" has another routing before`},
	}
	for _, test := range tests {
		_, _, err := read(t, test.line+"\n")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.line, err, test.want)
		}
	}
	_, err := ReadFile(t.Context(), zone1, filepath.Join(t.TempDir(), "none"))
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: %v", err)
	}
}

// TestReadFileHints: a name or text that AWS has printed is read as master files are, and the plan says so.
func TestReadFileHints(t *testing.T) {
	const file = `$TTL 300
\052.dev A 192.0.2.1
c CNAME \052.dev.example.com.
t TXT "\052"
a 300 AWS ALIAS A \052.dev $self false
\042.plain A 192.0.2.2
`
	sets, notes, err := read(t, file)
	if err != nil || len(sets) != 5 {
		t.Fatalf("%d record sets, %v", len(sets), err)
	}
	const hint = `\052 is read as dig does, in decimal: "4"; AWS's \052 is *`
	want := []string{"FILE:2: 4.dev.example.com. A: " + hint, "FILE:3: c.example.com. CNAME: " + hint,
		"FILE:4: t.example.com. TXT: " + hint, "FILE:5: a.example.com. A: " + hint}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
}
