//go:build linux

package attacker

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// Repeat returns packets in turn, each with an id of its own.
func Repeat(packets [][]byte) func(int) []byte {
	return func(i int) []byte {
		p := packets[i%len(packets)]
		binary.BigEndian.PutUint16(p, uint16(i))
		return p
	}
}

// FreshNames asks for the address of a name below suffix that nobody has asked for before.
func FreshNames(suffix string) func(int) []byte {
	return func(i int) []byte {
		return pack(question(fmt.Sprintf("n%08d.%s", i, suffix), dns.TypeA, i))
	}
}

// SameName asks for one name again and again.
func SameName(name string) func(int) []byte {
	return Repeat([][]byte{pack(question(name, dns.TypeA, 0))})
}

// question is a query with EDNS.
func question(name string, rrtype uint16, id int) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, rrtype)
	m.Id = uint16(id)
	return m.SetEdns0(1232, false)
}

// pack packs what is made here, and so can be packed.
func pack(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// Notifies say that a zone has changed.
func Notifies(zone string) func(int) []byte {
	m := new(dns.Msg).SetNotify(zone)
	return Repeat([][]byte{pack(m)})
}

// Updates change a zone, without a signature.
func Updates(zone string) func(int) []byte { return Repeat([][]byte{pack(update(zone, 0))}) }

func update(zone string, i int) *dns.Msg {
	m := new(dns.Msg).SetUpdate(zone)
	m.Insert([]dns.RR{&dns.A{
		Hdr: dns.RR_Header{Name: fmt.Sprintf("n%04d.%s", i, zone), Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
		A:   []byte{10, 0, 0, 1},
	}})
	return m
}

// signatures is how many messages are signed before they are sent in turn.
const signatures = 64

// SignedUpdates change a zone, signed with a secret (base64) that isn't that of the key.
func SignedUpdates(zone, key, secret string) (func(int) []byte, error) {
	return signed(key, secret, func(i int) *dns.Msg { return update(zone, i) })
}

// SignedQuestions ask for a name, signed with a secret (base64) that isn't that of the key.
func SignedQuestions(name, key, secret string) (func(int) []byte, error) {
	return signed(key, secret, func(i int) *dns.Msg { return question(name, dns.TypeA, i) })
}

// signed makes messages with signatures of all kinds: by another secret, cut short, of
// another time.
func signed(key, secret string, message func(int) *dns.Msg) (func(int) []byte, error) {
	packets := make([][]byte, 0, signatures)
	for i := range signatures {
		at := time.Now().Unix()
		if i%3 == 2 {
			at -= 3600
		}
		m := message(i).SetTsig(key, dns.HmacSHA256, 300, at)
		b, mac, err := dns.TsigGenerate(m, secret, "", false)
		if err != nil {
			return nil, fmt.Errorf("signing what an attacker sends: %w", err)
		}
		if i%3 == 1 {
			sum, err := hex.DecodeString(mac)
			if err != nil {
				return nil, fmt.Errorf("reading a signature: %w", err)
			}
			b = b[:len(b)-len(sum)/2]
		}
		packets = append(packets, b)
	}
	return repeatSigned(packets), nil
}

// repeatSigned is Repeat for messages whose id is signed: they keep it.
func repeatSigned(packets [][]byte) func(int) []byte {
	return func(i int) []byte { return packets[i%len(packets)] }
}
