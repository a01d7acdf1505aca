package secondary

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// stream is a primary that answers by TCP with messages as they are given; the request is
// the first it got.
func stream(t *testing.T, answer func(request []byte) [][]byte) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request, err := readMessage(c)
			if err == nil {
				for _, msg := range answer(request) {
					_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...))
				}
			}
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// message packs records, as they are, into an answer to a request.
func message(request []byte, records ...wire.Record) []byte {
	msg := []byte{request[0], request[1], 0x84, 0, 0, 0, 0, byte(len(records)), 0, 0, 0, 0}
	for _, r := range records {
		msg = append(msg, r.Name...)
		msg = append(msg, byte(r.Type>>8), byte(r.Type), byte(r.Class>>8), byte(r.Class))
		msg = binary.BigEndian.AppendUint32(msg, r.TTL)
		msg = append(binary.BigEndian.AppendUint16(msg, uint16(len(r.Data))), r.Data...)
	}
	return msg
}

func source(t *testing.T, primary netip.AddrPort, key *Key) *Source {
	t.Helper()
	return &Source{config: Config{Apex: apex, Primaries: []netip.AddrPort{primary}, Key: key, Timeout: 5 * time.Second},
		name: zone.String(apex)}
}

// odd are records that some library or other can't read, which cost nothing.
func odd(t *testing.T) (kept, lost []wire.Record) {
	t.Helper()
	record := func(rrtype uint16, data string) wire.Record {
		octets, err := hex.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		return wire.Record{Name: zone.MustName("odd.z.example."), Type: rrtype, Class: wire.ClassIN, TTL: 60, Data: octets}
	}
	kept = []wire.Record{
		record(dns.TypeHTTPS, "000100"+"00060010"+"00000000000000000000ffffc0000201"), // ipv6hint, mapped
		record(dns.TypeAMTRELAY, "0a81cb00710f"),                                      // with D
		record(dns.TypeAMTRELAY, "0a04"),
		record(dns.TypeNXT, "00"+"62010000"),
		record(dns.TypeCAA, "0005"+"6973737565"+"615c5c625c"),
		record(dns.TypeURI, "00010002"+"615c22"),
		record(dns.TypeLOC, "01"),
		record(dns.TypeNSEC, "00"),
		record(dns.TypeAPL, ""),
		record(11, "c0000201"+"06"+"0001"),
		record(65280, "c00c"),
		record(41000, ""),
	}
	lost = []wire.Record{record(dns.TypeA, "0a0000"), record(dns.TypeMX, "000a"+"c0ff"),
		record(dns.TypeSVCB, "0001"+"00"+"00030001"+"00")}
	return kept, lost
}

// TestOddRecords transfers a zone with records that are odd: those of types that the
// program reads itself are left out and reported, all others come as they are.
func TestOddRecords(t *testing.T) {
	soa := records(t, "SOA:7")[0]
	kept, lost := odd(t)
	all := slices.Concat([]wire.Record{soa}, kept, lost, []wire.Record{soa})
	primary := stream(t, func(request []byte) [][]byte {
		return [][]byte{message(request, all[:5]...), message(request, all[5:]...)}
	})
	got, err := source(t, primary, nil).transfer(t.Context(), primary, false)
	if err != nil {
		t.Fatal(err)
	}
	next, err := apply(nil, apex, got)
	if err != nil {
		t.Fatal(err)
	}
	here := map[string]bool{}
	for set := range next.tree.Lookup(zone.MustName("odd.z.example.")).RRsets {
		for data := range set.Rdata() {
			here[fmt.Sprint(set.Type, data)] = true
		}
	}
	for _, r := range kept {
		if !here[fmt.Sprint(r.Type, r.Data)] {
			t.Errorf("%s %x is not there", dns.Type(r.Type), r.Data)
		}
	}
	if len(here) != len(kept) || len(next.problems) != len(lost) {
		t.Errorf("%d records, want %d; problems %v", len(here), len(kept), next.problems)
	}
}

// TestSignedStream takes a transfer of which not every message is signed (RFC 8945 section
// 5.3.1), and none whose end, beginning or content isn't.
func TestSignedStream(t *testing.T) {
	key := &Key{Name: "k.", Algorithm: dns.HmacSHA256, Secret: "c2VjcmV0"}
	soa, a, b := records(t, "SOA:7")[0], records(t, "a.z.example. 60 A 10.0.0.1")[0],
		records(t, "b.z.example. 60 A 10.0.0.2")[0]
	whole := func(request []byte) [][]byte {
		return [][]byte{message(request, soa), message(request, a), message(request, b), message(request, soa)}
	}
	tests := []struct {
		name   string
		signed []bool
		spoil  func(messages [][]byte)
		want   string
	}{
		{"each", []bool{true, true, true, true}, nil, ""},
		{"first and last", []bool{true, false, false, true}, nil, ""},
		{"not the first", []bool{false, true, true, true}, nil, "not signed"},
		{"not the last", []bool{true, true, true, false}, nil, "not signed"},
		{"none", []bool{false, false, false, false}, nil, "not signed"},
		{"one between changed", []bool{true, false, false, true}, func(m [][]byte) { m[1][len(m[1])-1]++ }, "bad signature"},
		{"one between lost", []bool{true, false, false, true}, func(m [][]byte) { m[1] = m[2] }, "bad signature"},
		{"a signed one changed", []bool{true, true, true, true}, func(m [][]byte) { m[1][13]++ }, "bad signature"},
		{"in another order", []bool{true, true, true, true}, func(m [][]byte) { m[1], m[2] = m[2], m[1] }, "bad signature"},
		{"cut short", []bool{true, true, true, true}, func(m [][]byte) { m[2] = m[2][:20] }, "not whole"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			primary := stream(t, func(request []byte) [][]byte {
				messages := sign(t, key, request, whole(request), tt.signed)
				if tt.spoil != nil {
					tt.spoil(messages)
				}
				return messages
			})
			got, err := source(t, primary, key).transfer(t.Context(), primary, false)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%d records, %v; want %s", len(got), err, tt.want)
				}
				return
			}
			if err != nil || len(got) != 4 {
				t.Errorf("%d records, %v", len(got), err)
			}
		})
	}
}

// sign signs messages as the library does, those between by way of the one after.
func sign(t *testing.T, key *Key, request []byte, messages [][]byte, signed []bool) [][]byte {
	t.Helper()
	m := new(dns.Msg)
	err := m.Unpack(request)
	if err != nil {
		t.Fatal(err)
	}
	mac := m.IsTsig().MAC
	var out [][]byte
	var between []byte
	for i, msg := range messages {
		if !signed[i] {
			between = append(between, msg...)
			out = append(out, msg)
			continue
		}
		m := new(dns.Msg)
		err := m.Unpack(msg)
		if err != nil {
			t.Fatal(err)
		}
		m.SetTsig(key.Name, key.Algorithm, fudge, time.Now().Unix())
		wire, next, err := dns.TsigGenerateWithProvider(m, inserted{key, len(mac) / 2, between}, mac,
			len(out) > 0 && signed[0])
		if err != nil {
			t.Fatal(err)
		}
		out, mac, between = append(out, wire), next, nil
	}
	return out
}

// inserted signs with unsigned messages before the one at hand.
type inserted struct {
	key     *Key
	mac     int
	between []byte
}

func (p inserted) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	digest, err := p.key.hash()
	if err != nil {
		return nil, err
	}
	prefix := 2 + p.mac
	digest.Write(bytes.Join([][]byte{msg[:prefix], p.between, msg[prefix:]}, nil))
	return digest.Sum(nil), nil
}

func (inserted) Verify([]byte, *dns.TSIG) error { return dns.ErrSig }

// FuzzTransferred takes any data of any type through a transfer: they come out as they are,
// or are left out and reported.
func FuzzTransferred(f *testing.F) {
	f.Add(uint16(257), []byte("\x00\x05issuea\\\\b\\"))
	f.Add(uint16(1), []byte{10, 0, 0})
	f.Add(uint16(30), []byte("\x00b\x01"))
	f.Add(uint16(64), []byte("\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, rrtype uint16, data []byte) {
		soa := records(t, "SOA:7")[0]
		r := wire.Record{Name: zone.MustName("x.z.example."), Type: rrtype, Class: wire.ClassIN, TTL: 60, Data: data}
		if rrtype == wire.TypeSOA || len(data) > 65000 {
			return
		}
		request := []byte{1, 2}
		g := gathering{apex: apex}
		err := g.message(message(request, soa, r, soa), 0x0102)
		if err != nil {
			t.Fatal(err)
		}
		next, err := apply(nil, apex, g.records)
		if err != nil {
			t.Fatal(err)
		}
		set := next.tree.Lookup(r.Name).RRset(rrtype)
		if len(next.problems) == 1 && !set.Exists() {
			return
		}
		_, _, names := wire.CompressedNames(rrtype)
		if !set.Exists() || names == 0 && !bytes.Equal(set.First(), data) {
			t.Fatalf("%d %x: %x, problems %v", rrtype, data, set.First(), next.problems)
		}
	})
}
