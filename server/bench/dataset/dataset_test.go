//go:build linux

package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"inside53/server/bench/load"
	"inside53/server/bench/upstream"
)

// ask unpacks the next query of a stream.
func ask(t *testing.T, s *Stream) (string, load.Want, bool) {
	t.Helper()
	b := make([]byte, load.MaxQuery)
	n, want := s.Next(b)
	if n == 0 {
		return "", want, false
	}
	var m dns.Msg
	err := m.Unpack(b[:n])
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Question) != 1 || m.Question[0].Qtype != dns.TypeA || m.IsEdns0() == nil || !m.RecursionDesired {
		t.Fatalf("not the query it should be: %s", &m)
	}
	return m.Question[0].Name, want, true
}

func newStream(t *testing.T, kind string, seed uint64) *Stream {
	t.Helper()
	s, err := NewStream(kind, seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What AUTH expects is what the master file says.
func TestAuthIsInTheZoneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.zone")
	err := WriteZoneFile(path, Hosts, CNAMEs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	addresses, targets := map[string][4]byte{}, map[string]string{}
	p := dns.NewZoneParser(strings.NewReader(string(text)), Zone, path)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		switch rr := rr.(type) {
		case *dns.A:
			addresses[rr.Hdr.Name] = [4]byte(rr.A.To4())
		case *dns.CNAME:
			targets[rr.Hdr.Name] = rr.Target
		}
	}
	if p.Err() != nil || len(addresses) != Hosts+1 || len(targets) != CNAMEs {
		t.Fatalf("%d addresses, %d CNAMEs, %v", len(addresses), len(targets), p.Err())
	}
	s, seen := newStream(t, "auth", 1), [4]int{}
	for range 10_000 {
		name, want, _ := ask(t, s)
		target, alias := targets[name]
		if !alias {
			target = name
		}
		a, exists := addresses[target]
		if exists != (want.Rcode == noError) || exists && a != want.Address {
			t.Fatalf("%s is %v in the file, and %+v is expected", name, a, want)
		}
		switch {
		case !exists:
			seen[0]++
		case alias:
			seen[1]++
		default:
			seen[2]++
		}
	}
	if seen[0] < 300 || seen[0] > 700 || seen[1] < 500 {
		t.Errorf("%d names that don't exist, %d CNAMEs, %d hosts", seen[0], seen[1], seen[2])
	}
}

func TestForwardedNames(t *testing.T) {
	names := map[string]bool{}
	for _, s := range []*Stream{newStream(t, "miss", 1), newStream(t, "miss", 2)} {
		for range 1000 {
			name, want, _ := ask(t, s)
			if names[name] {
				t.Fatalf("%s comes twice", name)
			}
			names[name] = true
			var wire [256]byte
			n, err := dns.PackDomainName(name, wire[:], 0, nil, false)
			if err != nil || upstream.Address(wire[:n]) != want.Address || want.Length != 4 {
				t.Fatalf("%s: %+v is expected", name, want)
			}
		}
	}
	warm, hot := map[string]bool{}, newStream(t, "cache", 1)
	for s := newStream(t, "warm", 0); ; {
		name, _, more := ask(t, s)
		if !more {
			break
		}
		warm[name] = true
	}
	if len(warm) != Hot {
		t.Errorf("%d names are warm, want %d", len(warm), Hot)
	}
	for range 1000 {
		name, _, _ := ask(t, hot)
		if !warm[name] {
			t.Fatalf("%s is asked and was not warm", name)
		}
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := NewStream("other", 1)
	if err == nil || !strings.Contains(err.Error(), Kinds) {
		t.Errorf("got %v", err)
	}
}

// The three ways an address can be told to a client in the VPC.
func TestSplitAddresses(t *testing.T) {
	for i, want := range map[int][4]byte{1: {10, 0, 0, 1}, 2: {54, 0, 0, 2}, 100: {10, 0, 0, 100}, 102: {54, 0, 0, 102}} {
		if got := splitAddress(i); got != want {
			t.Errorf("host %d is %v, want %v", i, got, want)
		}
	}
}
