package secondary

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// fudge is by how many seconds the clocks of the two sides may differ (RFC 8945 section
// 10).
const fudge = 300

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
	// A zone that has expired is none: whatever the primary has is its successor (RFC 1034
	// section 4.3.5).
	here = here && !s.expired && !s.overdue()
	if here && int32(soa.Serial-serial) <= 0 { // RFC 1982; an older one is a primary that is behind
		if soa.Serial == serial {
			s.checked, s.primary = began, primary
			return nil
		}
		return fmt.Errorf("asking %s for the serial of %s: it is behind, at %d after %d", primary, s.name, soa.Serial, serial)
	}
	records, err := s.transfer(ctx, primary, here)
	if err != nil {
		return fmt.Errorf("transferring %s from %s: %w", s.name, primary, err)
	}
	var base *zone.Tree
	if here {
		base = s.tree
	}
	next, err := apply(base, s.config.Apex, records)
	if err != nil && here { // its differences aren't about the zone that is here
		s.log.Warn("differences of a secondary zone don't fit; it is transferred as a whole", "zone", s.name, "primary",
			primary.String(), "error", err)
		records, err = s.transfer(ctx, primary, false)
		if err == nil {
			next, err = apply(nil, s.config.Apex, records)
		}
	}
	if err != nil {
		return fmt.Errorf("transferring %s from %s: %w", s.name, primary, err)
	}
	s.tree, s.checked, s.primary = next.tree, began, primary
	s.keepProblems(next)
	now, _ := s.serial()
	s.log.Info("secondary zone transferred", "zone", s.name, "primary", primary.String(), "by", next.how, "serial", now,
		"records", s.tree.Stats().Records, "left_out", len(next.problems))
	return nil
}

// keepProblems keeps what a transfer left out, for as long as the zone may lack it.
func (s *Source) keepProblems(next applied) {
	if next.how == "axfr" {
		s.problems = nil
	}
	room := maxProblems - len(s.problems)
	s.problems = append(s.problems, next.problems[:min(room, len(next.problems))]...)
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
