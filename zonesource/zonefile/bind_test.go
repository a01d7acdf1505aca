package zonefile

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// TestTTLs covers what records without a TTL get when there is no $TTL.
func TestTTLs(t *testing.T) {
	for text, want := range map[string][]string{
		"@ SOA a b 1 2 3 4 5\n@ NS a\n": { // the MINIMUM of the SOA record
			"example.com. 5 NS a.example.com.", "example.com. 5 SOA a.example.com. b.example.com. 1 2 3 4 5",
		},
		"@ 9 SOA a b 1 2 3 4 5\n@ NS a\n@ 8 A 192.0.2.1\n@ TXT x\n": { // the last stated
			"example.com. 8 A 192.0.2.1", `example.com. 8 TXT "x"`,
			"example.com. 9 NS a.example.com.", "example.com. 9 SOA a.example.com. b.example.com. 1 2 3 4 5",
		},
		"$TTL 7\n@ 9 SOA a b 1 2 3 4 5\n@ NS a\n": { // $TTL, whatever was stated
			"example.com. 7 NS a.example.com.", "example.com. 9 SOA a.example.com. b.example.com. 1 2 3 4 5",
		},
		// As Windows exports zones: an own TTL is that of its record alone.
		"@ SOA a b 1 2 3 4 5\n@ NS a\n@ 8 A 192.0.2.1\n@ TXT x\n": {
			"example.com. 5 NS a.example.com.", "example.com. 5 SOA a.example.com. b.example.com. 1 2 3 4 5",
			`example.com. 5 TXT "x"`, "example.com. 8 A 192.0.2.1",
		},
		// 2^31 seconds and more count as 0 (RFC 2181 8).
		"$TTL 4294967295\n@ 1w SOA a b 1 2 3 4 5\n@ NS a\n@ 2147483648 A 192.0.2.1\n@ 2147483647 TXT x\n": {
			"example.com. 0 A 192.0.2.1", "example.com. 0 NS a.example.com.", `example.com. 2147483647 TXT "x"`,
			"example.com. 604800 SOA a.example.com. b.example.com. 1 2 3 4 5",
		},
	} {
		dir := write(t, map[string]string{"zone": text})
		content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		got := records(t, content.Tree)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestMinimumIsReported reads a file without TTLs, which says so.
func TestMinimumIsReported(t *testing.T) {
	dir := write(t, map[string]string{"zone": "@ SOA a b 1 2 3 4 5\n@ NS a\n"})
	content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if err != nil || len(content.Problems) != 1 ||
		!strings.Contains(content.Problems[0].Reason, "zone:1: no $TTL, and no TTL here: its MINIMUM, 5, ") {
		t.Errorf("%v, problems %v", err, content.Problems)
	}
}

// TestAsBINDReads holds forms of the master file against what named makes of them.
func TestAsBINDReads(t *testing.T) {
	for text, want := range map[string][]string{
		// The manual's own examples.
		"$ORIGIN 0.0.192.IN-ADDR.ARPA.example.com.\n$GENERATE 1-2 @ NS SERVER$.EXAMPLE.\n$GENERATE 1-2 $ CNAME $.0\n": {
			"0.0.192.in-addr.arpa.example.com. 300 NS SERVER1.EXAMPLE.",
			"0.0.192.in-addr.arpa.example.com. 300 NS SERVER2.EXAMPLE.",
			"1.0.0.192.in-addr.arpa.example.com. 300 CNAME 1.0.0.0.192.IN-ADDR.ARPA.example.com.",
			"2.0.0.192.in-addr.arpa.example.com. 300 CNAME 2.0.0.0.192.IN-ADDR.ARPA.example.com.",
		},
		"$GENERATE 1-2 HOST$ A 1.2.3.$\n$GENERATE 1-2 HOST$ MX \"0 .\"\n": {
			"host1.example.com. 300 A 1.2.3.1", "host1.example.com. 300 MX 0 .",
			"host2.example.com. 300 A 1.2.3.2", "host2.example.com. 300 MX 0 .",
		},
		"$GENERATE 5-5 a$ A \"192.0.2.$\"\n":        {"a5.example.com. 300 A 192.0.2.5"},
		"$GENERATE 1-1 a$ 60 IN SRV \"0 0 $ x$\"\n": {"a1.example.com. 60 SRV 0 0 1 x1.example.com."},
		"$GENERATE 5-5 $ TXT \"\\\"$ and\\\" x\"\n": {`5.example.com. 300 TXT "5 and" "x"`},
		"$GENERATE 1-2 a${-2} TXT ${-2}\n": {`a-1.example.com. 300 TXT "-1"`,
			`a0.example.com. 300 TXT "0"`},
		"$GENERATE 1-2 a${-2,3,x} TXT ${-2,3}\n": {`a000.example.com. 300 TXT "000"`,
			`affffffff.example.com. 300 TXT "-01"`},
		"$GENERATE 1-1 a${-2,4,n} TXT x\n": {`af.f.f.f.f.f.f.f.example.com. 300 TXT "x"`},
		"\"a\" TXT x\n":                    {`a.example.com. 300 TXT "x"`},
		"a TXT a\"b\"c\n":                  {`a.example.com. 300 TXT "a" "b" "c"`},
		"a TXT a(b)c ; d\n":                {`a.example.com. 300 TXT "a" "b" "c"`},
		"a MX 10 B\na MX 10 b\n":           {"a.example.com. 300 MX 10 B.example.com."},
		"a APL\nb TXT x\n":                 {`a.example.com. 300 APL \# 0`, `b.example.com. 300 TXT "x"`},
		";AWS: moved to eu-west-1 in \"March (2013\na TXT x\n": {`a.example.com. 300 TXT "x"`},
		// a mark is one at the start alone
		"\xef\xbb\xbfa TXT x\n": {`\357\273\277a.example.com. 300 TXT "x"`},
	} {
		got := loaded(t, head3+text)
		want = append(want, apexRecords...)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got\n%s\nwant\n%s", text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestByteOrderMark reads files that an editor of Windows has written.
func TestByteOrderMark(t *testing.T) {
	dir := write(t, map[string]string{
		"zone": "\ufeff" + head3 + "$INCLUDE part\n", "part": "\ufeffa TXT x\r\n", "empty": "\ufeff", "short": "\xef\xbb",
	})
	content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if err != nil || !content.Tree.Lookup(zone.MustName("a.example.com")).RRset(zone.TypeTXT).Exists() {
		t.Error(err)
	}
	_, err = Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "empty"))
	if err == nil || !strings.Contains(err.Error(), "no SOA record") {
		t.Error(err)
	}
	_, err = Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "short"))
	if err == nil || !strings.Contains(err.Error(), "short:1: no record type") {
		t.Error(err)
	}
}

// TestSignaturesKeepTTLs reads signatures, which have the TTLs of what they sign.
func TestSignaturesKeepTTLs(t *testing.T) {
	const rest = " 8 2 300 20300101000000 20200101000000 1 example.com. AAAA\n"
	content := load(t, head3+"a 60 A 192.0.2.1\na 60 RRSIG A"+rest+"a 900 TXT x\na 900 RRSIG TXT"+rest+"a 60 RRSIG A"+rest)
	if len(content.Problems) != 0 {
		t.Errorf("problems %v", content.Problems)
	}
	got := map[uint16]uint32{}
	for ttl, data := range content.Tree.Lookup(zone.MustName("a.example.com")).RRset(zone.TypeRRSIG).Timed() {
		got[uint16(data[0])<<8|uint16(data[1])] = ttl
	}
	if len(got) != 2 || got[zone.TypeA] != 60 || got[zone.TypeTXT] != 900 {
		t.Errorf("TTLs by covered type: %v", got)
	}
}

func load(t *testing.T, text string) Content {
	t.Helper()
	dir := write(t, map[string]string{"zone": text})
	content, err := Load(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return content
}

func loaded(t *testing.T, text string) []string {
	t.Helper()
	return records(t, load(t, text).Tree)
}

// TestMarkedComments reads comments that begin as those that hide records do.
func TestMarkedComments(t *testing.T) {
	const text = ";AWS: moved to eu-west-1 in March\n;AWS: don't say \"never\n;AWS:\n;AWS: (\n;AWS: a 60 IN A 192.0.2.1 " +
		"; AWS x\na TXT x\n"
	dir := write(t, map[string]string{"zone": head3 + text, "bad": head3 + ";AWS: a 60 IN A 192.0.2.x\n"})
	var types []uint16
	collect := func(e Entry) error {
		types = append(types, e.Type)
		return nil
	}
	err := Entries(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "zone"), collect)
	want := []uint16{zone.TypeSOA, zone.TypeNS, zone.TypeA, zone.TypeTXT}
	if err != nil || !slices.Equal(types, want) {
		t.Errorf("types %v, %v; want %v", types, err, want)
	}
	err = Entries(context.Background(), zone.MustName("example.com"), filepath.Join(dir, "bad"), collect)
	if err == nil || !strings.Contains(err.Error(), `bad:4: A data "192.0.2.x"`) {
		t.Errorf("a hidden record at fault: %v", err)
	}
}
