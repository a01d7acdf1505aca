package secondary

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// fudge is by how many seconds the clocks of the two sides may differ (RFC 8945 section
// 10).
const fudge = 300

// maxRecords bounds a transfer.
const maxRecords = 50_000_000

// check asks the primaries, and takes the zone from the first that has it, newer or as
// it is here. The error joins those of all.
func (s *Source) check(ctx context.Context) error {
	var faults []error
	for _, primary := range s.config.Primaries {
		err := s.checkAt(ctx, primary)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (s *Source) checkAt(ctx context.Context, primary netip.AddrPort) error {
	began := time.Now()
	soa, err := s.askSerial(ctx, primary)
	if err != nil {
		return fmt.Errorf("asking %s for the serial of %s: %w", primary, s.name, err)
	}
	serial, here := s.serial()
	if here && int32(soa.Serial-serial) <= 0 { // RFC 1982; an older one is a primary that is behind
		if soa.Serial == serial {
			s.checked = began
			return nil
		}
		return fmt.Errorf("asking %s for the serial of %s: it is behind, at %d after %d", primary, s.name, soa.Serial, serial)
	}
	records, err := s.transfer(ctx, primary, here)
	if err != nil {
		return fmt.Errorf("transferring %s from %s: %w", s.name, primary, err)
	}
	tree, how, err := apply(s.tree, s.config.Apex, records)
	if err != nil && here { // its differences aren't about the zone that is here
		s.log.Warn("differences of a secondary zone don't fit; it is transferred as a whole", "zone", s.name, "primary", primary.String(), "error", err)
		records, err = s.transfer(ctx, primary, false)
		if err == nil {
			tree, how, err = apply(nil, s.config.Apex, records)
		}
	}
	if err != nil {
		return fmt.Errorf("transferring %s from %s: %w", s.name, primary, err)
	}
	s.tree, s.checked = tree, began
	now, _ := s.serial()
	s.log.Info("secondary zone transferred", "zone", s.name, "primary", primary.String(), "by", how, "serial", now, "records", tree.Stats().Records)
	return nil
}

// sign signs a request where there is a key.
func (s *Source) sign(m *dns.Msg) *dns.Msg {
	k := s.config.Key
	if k == nil {
		return m
	}
	return m.SetTsig(k.Name, k.Algorithm, fudge, time.Now().Unix())
}

func (s *Source) secrets() map[string]string {
	k := s.config.Key
	if k == nil {
		return nil
	}
	return map[string]string{k.Name: k.Secret}
}

// errUnsigned says that an answer to a signed request isn't signed.
var errUnsigned = errors.New("the answer is not signed")

// askSerial asks for the SOA record, by UDP, and by TCP where that gets no answer.
func (s *Source) askSerial(ctx context.Context, primary netip.AddrPort) (*dns.SOA, error) {
	var faults []error
	for _, network := range [...]string{"udp", "tcp"} {
		m := new(dns.Msg).SetQuestion(s.name, dns.TypeSOA)
		m.RecursionDesired = false
		c := &dns.Client{Net: network, Timeout: s.config.Timeout, TsigSecret: s.secrets()}
		if network == "udp" {
			c.Timeout = min(c.Timeout, 3*time.Second)
		}
		reply, _, err := c.ExchangeContext(ctx, s.sign(m), primary.String())
		switch {
		case err != nil:
		case s.config.Key != nil && reply.IsTsig() == nil:
			err = errUnsigned
		case reply.Rcode != dns.RcodeSuccess:
			return nil, fmt.Errorf("the answer is %s", dns.RcodeToString[reply.Rcode])
		case !reply.Authoritative:
			return nil, errors.New("it is not authoritative")
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("by %s: %w", network, err))
			continue
		}
		for _, rr := range reply.Answer {
			soa, ok := rr.(*dns.SOA)
			if ok && dns.CanonicalName(soa.Hdr.Name) == s.name {
				return soa, nil
			}
		}
		return nil, errors.New("the answer has no SOA record")
	}
	return nil, errors.Join(faults...)
}

// transfer returns what a primary sends for an IXFR or AXFR.
func (s *Source) transfer(ctx context.Context, primary netip.AddrPort, incremental bool) ([]dns.RR, error) {
	m := new(dns.Msg)
	m.SetAxfr(s.name)
	if incremental {
		serial, _ := s.serial()
		m.SetIxfr(s.name, serial, ".", ".")
	}
	d := net.Dialer{Timeout: s.config.Timeout}
	c, err := d.DialContext(ctx, "tcp", primary.String())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	defer func() { _ = c.Close() }()
	t := &dns.Transfer{Conn: &dns.Conn{Conn: c}, TsigSecret: s.secrets(), ReadTimeout: s.config.Timeout, WriteTimeout: s.config.Timeout}
	messages, err := t.In(s.sign(m), "")
	if err != nil {
		return nil, err
	}
	var all []dns.RR
	for e := range messages { // to its end: then nobody sends any more
		switch {
		case err != nil:
		case e.Error != nil:
			err = e.Error
		case len(all)+len(e.RR) > maxRecords:
			err = fmt.Errorf("more than %d records", maxRecords)
			_ = c.Close()
		}
		if err == nil {
			all = append(all, e.RR...)
		}
	}
	if err != nil {
		return nil, err
	}
	if len(all) == 0 || zone.String(s.config.Apex) != dns.CanonicalName(all[0].Header().Name) {
		return nil, errors.New("it sent another zone")
	}
	return all, nil
}
