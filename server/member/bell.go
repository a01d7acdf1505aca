package member

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/tsig"
	"inside53/zonesource/clock"
	"inside53/zonesource/fleet"

	"github.com/miekg/dns"
)

// fleetName is the name that NOTIFY between the servers of a fleet is for.
const fleetName = "fleet.inside53."

// fleetWire is its wire form.
const fleetWire = "\x05fleet\x08inside53\x00"

// bellRoom is how many NOTIFY wait; a poll comes in any case.
const bellRoom = 64

// bellTime is how long a NOTIFY may wait for what it is about to be adopted.
const bellTime = 2 * time.Second

// Bell is how servers of a fleet wake each other: by NOTIFY (RFC 1996), signed by a key of the
// fleet. It is answered when what it is about is adopted.
type Bell struct {
	keys   func() tsig.Keyring
	names  func() []config.DomainName
	from   netip.Addr // of this server's packets to others; zero: as the kernel has it
	member *fleet.Member
	queue  chan ringing
}

// ringing is one NOTIFY as it came.
type ringing struct {
	packet []byte
	client netip.AddrPort
	finish func([]byte, resolver.Result)
}

func newBell(keys func() tsig.Keyring, names func() []config.DomainName, from netip.Addr) *Bell {
	return &Bell{keys: keys, names: names, from: from, queue: make(chan ringing, bellRoom)}
}

// Admits reports whether a packet is a NOTIFY of the fleet, as far as that is seen before its
// signature is checked.
func (b *Bell) Admits(p *resolver.Packet) bool {
	if p.Opcode() != wire.OpcodeNotify || string(p.Name()) != fleetWire {
		return false
	}
	var name [wire.MaxName]byte
	key := p.Key(name[:0])
	return slices.ContainsFunc(b.names(), func(n config.DomainName) bool {
		return bytes.Equal(zone.MustName(string(n)), key)
	})
}

// Accept has a NOTIFY answered later, or drops it where too many wait.
func (b *Bell) Accept(p *resolver.Packet) ([]byte, resolver.Result) {
	r := ringing{packet: bytes.Clone(p.Bytes), client: p.Client, finish: p.Suspender.Suspend()}
	select {
	case b.queue <- r:
	default:
		r.finish(nil, resolver.Dropped)
	}
	return nil, resolver.Dropped
}

// run answers NOTIFY until ctx ends.
func (b *Bell) run(ctx context.Context) error {
	if b == nil {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			for len(b.queue) > 0 {
				r := <-b.queue
				r.finish(nil, resolver.Dropped)
			}
			return ctx.Err()
		case r := <-b.queue:
			answer := b.answer(ctx, r)
			if answer == nil {
				r.finish(nil, resolver.Dropped)
				continue
			}
			r.finish(answer, resolver.Uncounted)
		}
	}
}

// answer has head looked at, and answers when what it says is adopted; nil is no answer.
func (b *Bell) answer(ctx context.Context, r ringing) []byte {
	m, err := tsig.Read(r.packet)
	if err != nil {
		return nil
	}
	signed, err := b.keys().Verify(r.packet, m)
	if err != nil || !signed.Good() || !slices.Contains(b.names(), config.DomainName(signed.KeyName())) {
		return nil
	}
	b.member.LookNow()
	limited, stop := context.WithTimeout(ctx, bellTime)
	defer stop()
	_, err = b.member.Sync(limited)
	if err != nil {
		return nil // it is asked again
	}
	response := new(dns.Msg)
	response.Response, response.Authoritative, response.Opcode = true, true, dns.OpcodeNotify
	response.Id, response.Question = m.Id, m.Question
	answer, err := signed.Pack(response)
	if err != nil {
		return nil
	}
	return answer
}

// ring sends NOTIFY to a server and reports whether it has answered.
func (b *Bell) ring(ctx context.Context, to netip.AddrPort) bool {
	names := b.names()
	if len(names) == 0 {
		return false
	}
	key, known := b.keys()[string(names[0])]
	if !known {
		return false
	}
	m := new(dns.Msg)
	m.SetNotify(fleetName)
	m.SetTsig(key.Name, key.Algorithm, tsig.Fudge, clock.Now().Unix())
	c := &dns.Client{Net: "udp", Timeout: bellTime, TsigSecret: map[string]string{key.Name: key.Secret}}
	if b.from.IsValid() && b.from.Is4() == to.Addr().Is4() {
		c.Dialer = &net.Dialer{Timeout: bellTime, LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.from, 0))}
	}
	answer, _, err := c.ExchangeContext(ctx, m, to.String())
	return err == nil && answer.Rcode == dns.RcodeSuccess && answer.IsTsig() != nil
}
