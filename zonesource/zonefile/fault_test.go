package zonefile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

func TestLoadFaults(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "zone: no SOA record at example.com."},
		{"@ 1 NS a\n", "zone: no SOA record at example.com."},
		{"@ 1 SOA a b 1 2 3 4 5\n@ 1 SOA a b 2 2 3 4 5\n", "zone:1: second SOA record"},
		{head3 + "a A 192.0.2.1\n@ SOA a b 2 2 3 4 5\n", "zone:5: second SOA record, the first is at zone:2"},
		{head3 + "a SOA a b 2 2 3 4 5\n", "zone:4: SOA record at a.example.com., below the apex example.com."},
		{head3 + "a CNAME b\na A 192.0.2.1\n", "zone:5: A record at a.example.com. beside a CNAME record"},
		{head3 + "a A 192.0.2.1\nb A 192.0.2.1\na CNAME b\n", "zone:6: CNAME record at a.example.com. beside A records"},
		{head3 + "a CNAME b\na CNAME c\n", "zone:4: several CNAME records at a.example.com."},
		{head3 + "@ CNAME b\n", "zone:4: CNAME record at example.com. beside NS records"},
		{head3 + "a DNAME b\na DNAME c\n", "zone:4: several DNAME records at a.example.com."},
		{head3 + "a DNAME b\na CNAME c\n", "zone:5: CNAME record at a.example.com. beside DNAME records"},
		{"@ SOA a b 1 2 3 4\n", "zone:1: SOA data"},
		{"@ NS a\n", "zone:1: no TTL: neither here nor"},
		{head3 + " A 192.0.2.1\n", ""},
		{"$TTL 1\n A 192.0.2.1\n", "zone:2: no owner, and none before it to take"},
		{head3 + "a A 192.0.2.256\n", `zone:4: A data "192.0.2.256": "192.0.2.256" is not an IPv4 address`},
		{head3 + "a A 192.0.2.01\n", `zone:4: A data "192.0.2.01": "192.0.2.01" is not an IPv4 address`},
		{head3 + "a A\n", "zone:4: A record without data"},
		{head3 + "a A 192.0.2.1 192.0.2.2\n", "zone:4: A data"},
		{head3 + "a AAAA 192.0.2.1\n", "zone:4: AAAA data"},
		{head3 + "a MX 65536 b\n", "zone:4: MX data"},
		{head3 + "a MX b\n", "zone:4: MX data"},
		{head3 + "a CNAME b..c\n", `zone:4: CNAME data: name "b..c": empty label at position 3`},
		{head3 + "a..b A 192.0.2.1\n", `zone:4: owner: name "a..b": empty label at position 3`},
		{head3 + `a TXT "x\256"` + "\n", `zone:4: TXT data: escape "\\256" is more than one byte`},
		{head3 + `a TXT "x\25"` + "\n", `zone:4: TXT data: escape "\\25" is not of three decimal digits`},
		{head3 + `a\256 A 192.0.2.1` + "\n", "zone:4: owner: name"},
		{head3 + `a TXT "x` + "\nb A 192.0.2.1\n", "zone:4: no closing quotation mark on the line"},
		{head3 + `a TXT x\` + "\n", "zone:4: backslash at the end of the line"},
		{head3 + "a TXT \x01\n", "zone:4: control byte 0x01"},
		{head3 + "a A\r 192.0.2.1\n", "zone:4: control byte 0x0d"},
		{head3 + "\n\na A (192.0.2.1\n\n", "zone:6: no closing parenthesis"},
		{head3 + "a A 192.0.2.1)\n", "zone:4: closing parenthesis without an opening one"},
		{head3 + "a TXT (\n" + strings.Repeat("x\n", maxEntry/2) + ")\n", "zone:4: entry of more than 1048576 bytes"},
		{head3 + "a TXT " + strings.Repeat("x", maxEntry) + "\n", "zone:4: line of more than 1048576 bytes"},
		{head3 + "a CH A 192.0.2.1\n", "zone:4: class CH; only IN is served"},
		{head3 + "a CLASS3 A 192.0.2.1\n", "zone:4: class CLASS3; only IN is served"},
		{head3 + "a ANY x\n", "zone:4: class ANY"},
		{head3 + "a BOGUS x\n", `zone:4: "BOGUS" is not a record type`},
		{head3 + "a AXFR x\n", `zone:4: "AXFR" is not a record type`},
		{head3 + "a OPT x\n", `zone:4: "OPT" is not a record type`},
		{head3 + "a 1 2 A 192.0.2.1\n", `zone:4: "2" where the type should be`},
		{head3 + "a 1y A 192.0.2.1\n", `zone:4: "1y" is not a TTL`},
		{head3 + "a 4294967296 A 192.0.2.1\n", "zone:4: TTL 4294967296 is more than 4294967295 seconds"},
		{head3 + "a 99999999999999999999w A 192.0.2.1\n", "is more than 4294967295 seconds"},
		{head3 + "a\n", "zone:4: no record type"},
		{head3 + `a "A" 192.0.2.1` + "\n", "zone:4: quotation mark before the type"},
		{head3 + `a TXT"x"` + "\n", "zone:4: no blank between the type TXT and the data"},
		{head3 + "a TYPE65280 00\n", "zone:4: TYPE65280 data"},
		{head3 + "a A \\# 3 000000\n", "zone:4: A data"},
		{head3 + "$TTL\n", "zone:4: $TTL takes one TTL"},
		{head3 + "$TTL x\n", `zone:4: "x" is not a TTL`},
		{head3 + "$ORIGIN a b\n", "zone:4: $ORIGIN takes one name"},
		{head3 + "$ORIGIN a..\n", "zone:4: $ORIGIN: name"},
		{head3 + "$BOGUS a\n", "zone:4: unknown directive $BOGUS"},
		{head3 + "$INCLUDE\n", "zone:4: $INCLUDE takes a file"},
		{head3 + "$INCLUDE absent\n", "zone:4: including absent: stat absent: no such file"},
		{head3 + "$INCLUDE .\n", "is not a regular file"},
		{head3 + "$INCLUDE zone\n", "$INCLUDE nested more than 8 deep"},
		{head3 + "$INCLUDE part\n", "zone:4: including part: part:1: line of more than"},
		{head3 + "$GENERATE 1-2 a\n", "zone:4: $GENERATE takes a range and a record"},
		{head3 + "$GENERATE 2-1 a A 192.0.2.1\n", `zone:4: $GENERATE: range "2-1" ends before it starts`},
		{head3 + "$GENERATE 1 a A 192.0.2.1\n", `zone:4: $GENERATE: range "1" is not START-STOP`},
		{head3 + "$GENERATE 1-2/0 a A 192.0.2.1\n", `range "1-2/0" is not START-STOP`},
		{head3 + "$GENERATE 0-65536 a A 192.0.2.1\n", `range "0-65536" has more than 65536 steps`},
		{head3 + "$GENERATE 255-256 a$ A 192.0.2.$\n", `zone:4: $GENERATE, number 256: A data "192.0.2.256"`},
		{head3 + "$GENERATE 1-2 a${1 A 192.0.2.1\n", "zone:4: $GENERATE: ${ without }"},
		{head3 + "$GENERATE 1-2 a${2147483647} A 192.0.2.1\n", `modifier "2147483647": number 2147483648 is more than`},
		{head3 + "$GENERATE 1-2 a$ BOGUS x\n", `zone:4: $GENERATE: "BOGUS" is not a record type`},
		{head3 + "a MD b\n", "zone:4: MD data"},
		{head3 + "a NXT b TYPE200\n", `type TYPE200 can't stand in an NXT record`},
		{head3 + "$GENERATE 1-2 a${0,0,q} A 192.0.2.1\n", `base "q" is none of`},
		{head3 + "$GENERATE 1-2 a${x} A 192.0.2.1\n", `offset "x" is not a number`},
		{head3 + "$GENERATE 1-2 a${1,256} A 192.0.2.1\n", `width "256" is not a number`},
		{head3 + "$GENERATE 1-2 a${1,2,d,e} A 192.0.2.1\n", "more than offset, width and base"},
	}
	for _, test := range tests {
		dir := write(t, map[string]string{"zone": test.text, "part": strings.Repeat("x", maxEntry+readAtOnce)})
		content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
		if test.want == "" {
			if err != nil {
				t.Errorf("%q: %v", test.text, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%.100q: no fault, want %q", test.text, test.want)
			continue
		}
		text := strings.ReplaceAll(err.Error(), dir+"/", "")
		if !strings.HasPrefix(text, "reading zone example.com.: ") || !strings.Contains(text, test.want) || len(text) > 4000 {
			t.Errorf("%.100q: %.1000s\nwant %s", test.text, text, test.want)
		}
		if content.Tree != nil || len(content.Files) == 0 {
			t.Errorf("%.100q: tree %v, files %q", test.text, content.Tree, content.Files)
		}
	}
}

func TestSeveralFaults(t *testing.T) {
	dir := write(t, map[string]string{
		"zone": head3 + "a A x\nb A 192.0.2.1\n$INCLUDE part\nc A x\n",
		"part": "\nd A x\n",
		"bad":  head3 + strings.Repeat("a A x\n", 1000),
	})
	_, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if err == nil {
		t.Fatal("no fault")
	}
	for _, place := range []string{"zone:4: ", "part:2: ", "zone:7: "} {
		if !strings.Contains(err.Error(), place) {
			t.Errorf("%v\nlacks %s", err, place)
		}
	}
	_, err = Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "bad"))
	if err == nil || strings.Count(err.Error(), "\n") != maxFaults || !errors.Is(err, errGaveUp) {
		t.Errorf("1000 faults: %v", err)
	}
}

func TestMissingFile(t *testing.T) {
	content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(t.TempDir(), "absent"))
	if !errors.Is(err, os.ErrNotExist) || len(content.Files) != 1 {
		t.Errorf("%v, files %q", err, content.Files)
	}
}

func TestCancelledLoad(t *testing.T) {
	dir := write(t, map[string]string{"zone": head3 + strings.Repeat("\n", 2*checkCancel)})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Load(ctx, zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTooManyProblems(t *testing.T) {
	dir := write(t, map[string]string{"zone": head3 + strings.Repeat("example.net. A 192.0.2.1\n", maxProblems+5)})
	content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if err != nil || len(content.Problems) != maxProblems+1 || content.Problems[maxProblems].Reason != "5 more problems" {
		t.Errorf("%d problems, %v", len(content.Problems), err)
	}
}
