package secondary

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// maxRecords bounds a transfer.
const maxRecords = 50_000_000

var (
	errForm  = errors.New("a message that is not whole")
	errReply = errors.New("a message that is no answer to the request")
)

// transfer returns what a primary sends for an IXFR or AXFR. Its messages are walked
// octet by octet: what one library finds odd in a record must not cost the zone.
func (s *Source) transfer(ctx context.Context, primary netip.AddrPort, incremental bool) ([]wire.Record, error) {
	m := new(dns.Msg)
	m.SetAxfr(s.name)
	var serial uint32
	if incremental {
		serial, _ = s.serial()
		m.SetIxfr(s.name, serial, ".", ".")
	}
	m.Id = uint16(rand.Uint32())
	request, mac, err := s.packed(m)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: s.config.Timeout}
	c, err := d.DialContext(ctx, "tcp", primary.String())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	defer func() { _ = c.Close() }()
	_ = c.SetWriteDeadline(time.Now().Add(s.config.Timeout))
	_, err = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(request))), request...))
	if err != nil {
		return nil, err
	}
	g := gathering{apex: s.config.Apex, incremental: incremental, serial: serial}
	check := s.checker(mac)
	for !g.done {
		_ = c.SetReadDeadline(time.Now().Add(s.config.Timeout))
		msg, err := readMessage(c)
		if err != nil {
			return nil, err
		}
		err = check.message(msg)
		if err == nil {
			err = g.message(msg, m.Id)
		}
		if err != nil {
			return nil, err
		}
	}
	return g.records, check.end()
}

// packed returns a request in wire form, signed where there is a key, and its MAC.
func (s *Source) packed(m *dns.Msg) (request []byte, mac string, err error) {
	k := s.config.Key
	if k == nil {
		request, err = m.Pack()
		return request, "", err
	}
	return dns.TsigGenerate(s.sign(m), k.Secret, "", false)
}

// readMessage reads one message of a stream.
func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	_, err := io.ReadFull(r, length[:])
	if err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(r, msg)
	return msg, err
}

// gathering collects the records of a transfer.
type gathering struct {
	apex        []byte
	incremental bool   // IXFR was asked for
	serial      uint32 // that the request gave

	records     []wire.Record
	differences bool // it is one of differences
	adding      bool // what comes now is added
	done        bool
}

// message takes the records of one message.
func (g *gathering) message(msg []byte, id uint16) error {
	if len(msg) < wire.HeaderSize {
		return errForm
	}
	switch rcode := int(msg[wire.AtRcode] & wire.MaskRcode); {
	case binary.BigEndian.Uint16(msg) != id || msg[wire.AtFlags]&(wire.FlagQR|wire.MaskOpcode) != wire.FlagQR:
		return errReply
	case rcode != dns.RcodeSuccess:
		return fmt.Errorf("the answer is %s", dns.RcodeToString[rcode])
	}
	at := wire.HeaderSize
	for range binary.BigEndian.Uint16(msg[wire.AtQuestions:]) {
		at = wire.SkipName(msg, at)
		if at < 0 || at+wire.QuestionFixed > len(msg) {
			return errForm
		}
		at += wire.QuestionFixed
	}
	answers := int(binary.BigEndian.Uint16(msg[wire.AtAnswers:]))
	for range answers {
		r, end := wire.ReadRecord(msg, at)
		if end < 0 {
			return errForm
		}
		at = end
		err := g.add(r)
		if err != nil {
			return err
		}
	}
	// One record alone is the answer to who has all there is (RFC 1995 section 2).
	if g.incremental && len(g.records) == 1 {
		serial, _, err := serialOf(g.records[0].Data)
		g.done = g.done || err == nil && int32(serial-g.serial) <= 0
	}
	return nil
}

// add takes one record, and finds whether it is the last one.
func (g *gathering) add(r wire.Record) error {
	switch {
	case g.done:
		return nil // whatever comes after the end
	case len(g.records) == maxRecords:
		return fmt.Errorf("more than %d records", maxRecords)
	case len(g.records) == 0 && !isSOA(r, g.apex):
		return errNoZone
	}
	g.records = append(g.records, r)
	if len(g.records) == 1 || !isSOA(r, g.apex) {
		return nil
	}
	first, _, err := serialOf(g.records[0].Data)
	if err != nil {
		return err
	}
	serial, _, err := serialOf(r.Data)
	if err != nil {
		return err
	}
	if len(g.records) == 2 && g.incremental && serial != first {
		g.differences = true
		return nil // the version before, and what goes
	}
	if !g.differences {
		g.done = true
		return nil
	}
	// After what is added comes the next version, or at last the first record again.
	if g.adding && serial == first && g.last() == first {
		g.done = true
		return nil
	}
	g.adding = !g.adding
	return nil
}

// last returns the serial of the SOA record before the one that was added.
func (g *gathering) last() uint32 {
	for i := len(g.records) - 2; i > 0; i-- {
		if isSOA(g.records[i], g.apex) {
			serial, _, _ := serialOf(g.records[i].Data)
			return serial
		}
	}
	return 0
}

func isSOA(r wire.Record, apex []byte) bool {
	return r.Type == zone.TypeSOA && !r.Odd && wire.EqualNames(r.Name, apex)
}
