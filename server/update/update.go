package update

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/share"
	"inside53/server/tsig"
	"inside53/zonesource/rdata"
	zoneupdate "inside53/zonesource/update"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

// updateBounds are those of updates on their way: 8,192 or 32 MiB of all, a quarter of one
// client.
func updateBounds() share.Bounds { return share.Bounds{Places: 8192, PerClient: 2048, Size: 4096} }

// Options make a [Server].
type Options struct {
	// Updater makes the updates that are granted.
	Updater Updater
	// Hosted returns the hosted zones as they were listed last.
	Hosted func() []*zone.Zone
	// Fleet makes updates where another server leads; nil: this server is alone.
	Fleet Fleet
	// Registrar returns who accepts updates of instances without a signature; nil, or a nil
	// answer, is nobody.
	Registrar func() Registrar
	// Allowed says whether a client may ask this server at all.
	Allowed func(netip.Addr) bool
	// Count counts an answer by its response code or the fault of its signature;
	// "dropped" is one that had no room.
	Count func(result string)
	// Log gets a line for each update that is refused.
	Log *slog.Logger
}

// Server accepts dynamic updates from the packet loops: it finds out who sends them and
// whether that is granted, and hands them to the updater.
type Server struct {
	Options
	policy   atomic.Pointer[Policy]
	queue    *share.Queue[request]
	outgoing *share.Queue[*reply] // to who leads; their places are those of queue
	flights  flights
	faults   rate.Sometimes // of signatures, in the log: anybody may send them
}

// New returns a server that grants what p says.
func New(o Options, p *Policy) *Server {
	s := &Server{
		Options: o, queue: share.NewQueue[request](updateBounds()), outgoing: share.NewQueue[*reply](outgoingBounds()),
		faults: rate.Sometimes{First: 10, Interval: time.Second},
	}
	s.policy.Store(p)
	return s
}

// SetPolicy grants what p says from now on.
func (u *Server) SetPolicy(p *Policy) { u.policy.Store(p) }

// Updater makes updates; [zoneupdate.Updater] is one.
type Updater interface {
	Submit(z *zone.Zone, m *zoneupdate.Message, done func(zoneupdate.Result))
}

// Registrar accepts updates without a signature of instances by TCP.
type Registrar interface {
	Submit(client netip.Addr, apex []byte, m *zoneupdate.Message, done func(zoneupdate.Result))
}

// registrar returns who accepts updates without a signature; nil for nobody.
func (u *Server) registrar() Registrar {
	if u.Options.Registrar == nil {
		return nil
	}
	return u.Options.Registrar()
}

// request is one update as it came.
type request struct {
	packet    []byte
	client    netip.AddrPort
	transport resolver.Transport
	handed    bool // on, by another server
	arrived   time.Time
	finish    func([]byte, resolver.Result)
}

// Admits reports whether anything is granted to a client of that address, which may ask
// this server at all if it is allowed. It is asked before an update is looked at.
func (u *Server) Admits(client netip.Addr, allowed bool) bool {
	grants := u.policy.Load().Grants
	for i := range grants {
		if grants[i].admits(client, allowed) {
			return true
		}
	}
	return allowed && u.registrar() != nil
}

// Refused logs an update of a client that isn't admitted, as seldom as bad signatures.
func (u *Server) Refused(client netip.Addr) {
	u.faults.Do(func() {
		u.Log.Warn("update refused", "client", client.String(), "result", "REFUSED",
			"why", "nothing is granted to this address")
	})
}

// Serve answers an update of a client that is admitted, as a resolver's worker does. What
// another server has handed on goes no further. It doesn't block.
func (u *Server) Serve(
	pkt []byte, client netip.AddrPort, tr resolver.Transport, handed bool, s resolver.Suspender,
) ([]byte, resolver.Result) {
	r := request{bytes.Clone(pkt), client, tr, handed, time.Now(), s.Suspend()}
	for _, gone := range u.queue.Push(client.Addr(), len(pkt), r) {
		u.Count("dropped")
		gone.refuse()
	}
	return nil, resolver.Dropped
}

// refuse ends a request that has lost its place. By UDP it comes again.
func (r *request) refuse() {
	if r.transport == resolver.UDP {
		r.finish(nil, resolver.Dropped)
		return
	}
	r.finish(wire.AppendError(nil, r.packet, wire.RcodeServFail), resolver.ServFail)
}

// Run handles updates until ctx ends.
func (u *Server) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for item := u.queue.Pop(ctx); item != nil; item = u.queue.Pop(ctx) {
				r := item.Value
				finish := r.finish
				r.finish = func(answer []byte, result resolver.Result) {
					item.Done()
					finish(answer, result)
				}
				u.handle(r)
			}
		})
	}
	if u.Fleet != nil {
		u.handOnAll(ctx, &running)
	}
	running.Wait()
	for _, r := range u.queue.Clear() {
		r.finish(nil, resolver.Dropped)
	}
	for _, r := range u.outgoing.Clear() {
		r.finish(nil, resolver.Dropped)
	}
	return ctx.Err()
}

// reply is where the result of one request goes.
type reply struct {
	u         *Server
	request   *dns.Msg
	signature *tsig.Signature
	in        request
	finish    func([]byte, resolver.Result)
}

// send answers.
func (r *reply) send(result zoneupdate.Result) {
	m := &dns.Msg{
		MsgHdr:   dns.MsgHdr{Id: r.request.Id, Response: true, Opcode: dns.OpcodeUpdate, Rcode: result.Rcode},
		Question: r.request.Question,
	}
	if r.request.IsEdns0() != nil {
		opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		opt.SetUDPSize(1232)
		if result.Text != "" {
			opt.Option = append(opt.Option,
				&dns.EDNS0_EDE{InfoCode: extendedCode(result.Rcode), ExtraText: clip(result.Text)})
		}
		m.Extra = append(m.Extra, opt)
	}
	label := dns.RcodeToString[result.Rcode]
	if r.signature != nil && r.signature.Fault != 0 {
		label = dns.RcodeToString[r.signature.Fault]
	}
	r.u.Count(strings.ToLower(label))
	wire, err := r.signature.Pack(m)
	if err != nil {
		r.u.Log.Error("answer to an update can't be packed", "error", err)
		r.finish(nil, resolver.Dropped)
		return
	}
	r.finish(wire, resultOfUpdate(result.Rcode))
}

// extendedCode is the extended error of a response code (RFC 8914 section 4): Prohibited
// for what is not granted, else Other.
func extendedCode(rcode int) uint16 {
	if rcode == zoneupdate.Refused || rcode == zoneupdate.NotAuth {
		return dns.ExtendedErrorCodeProhibited
	}
	return dns.ExtendedErrorCodeOther
}

// maxExtraText keeps an answer well below 512 bytes, the least that any path takes.
const maxExtraText = 200

func clip(text string) string {
	if len(text) > maxExtraText {
		return text[:maxExtraText]
	}
	return text
}

// resultOfUpdate classifies an answer for the metrics of queries.
func resultOfUpdate(rcode int) resolver.Result {
	switch rcode {
	case zoneupdate.FormErr:
		return resolver.FormErr
	case zoneupdate.ServFail:
		return resolver.ServFail
	case zoneupdate.Refused, zoneupdate.NotAuth, zoneupdate.NotZone:
		return resolver.Refused
	}
	return resolver.Local
}

// handle finds out what a request is, and answers it or hands it on (RFC 2136 section
// 3.1).
func (u *Server) handle(in request) {
	policy := u.policy.Load()
	m, err := tsig.Read(in.packet)
	r := &reply{u: u, request: m.Msg, in: in, finish: in.finish}
	if err != nil {
		r.send(zoneupdate.Result{Rcode: zoneupdate.FormErr})
		return
	}
	r.signature, err = policy.Keys.Verify(in.packet, m)
	switch {
	case err != nil:
		r.send(zoneupdate.Result{Rcode: zoneupdate.FormErr, Text: err.Error()})
		return
	case r.signature == nil && u.registrar() != nil:
		u.register(in, m.Msg, r)
		return
	case r.signature == nil:
		u.faults.Do(func() {
			u.Log.Warn("update without a signature", "client", in.client.Addr().String())
		})
		r.send(zoneupdate.Result{Rcode: zoneupdate.Refused, Text: "updates have to be signed by a key"})
		return
	case !r.signature.Good():
		u.faults.Do(func() {
			u.Log.Warn("update with a signature that isn't good", "client", in.client.Addr().String(),
				"key", r.signature.Request.Hdr.Name, "fault", dns.RcodeToString[r.signature.Fault])
		})
		r.send(zoneupdate.Result{Rcode: zoneupdate.NotAuth})
		return
	}
	if u.Fleet != nil && !u.Fleet.Leads() {
		u.elsewhere(r)
		return
	}
	z, message, result := u.understand(policy, in.packet, m.Msg, in.client.Addr(), r.signature.Key.Name)
	if result.Rcode != zoneupdate.NoError {
		u.Log.Info("update refused", "client", in.client.Addr().String(), "key", r.signature.Key.Name,
			"result", dns.RcodeToString[result.Rcode], "why", result.Text)
		r.send(result)
		return
	}
	flight := u.flights.join(flightKey{r.signature.Key.Name, r.signature.Request.MAC}, r)
	if flight == nil {
		return // the result comes, or came, by the same update
	}
	client, key := in.client.Addr().String(), r.signature.Key.Name
	message.ID = zoneupdate.NewMessageID(key, z.Apex, r.signature.Request.MAC)
	message.Signed = time.Unix(int64(r.signature.Request.TimeSigned), 0)
	u.Updater.Submit(z, message, func(result zoneupdate.Result) {
		if result.Rcode == zoneupdate.Refused {
			u.Log.Info("update refused", "client", client, "key", key, "result", dns.RcodeToString[result.Rcode],
				"why", result.Text)
		}
		elsewhere := result.Rcode == zoneupdate.ServFail && u.Fleet != nil && !u.Fleet.Leads()
		for _, waiter := range u.flights.finish(flight, result) {
			if elsewhere {
				u.elsewhere(waiter) // who leads now finds out what has become of it
				continue
			}
			waiter.send(result)
		}
	})
}

// register hands an update without a signature to who knows instances.
func (u *Server) register(in request, m *dns.Msg, r *reply) {
	if in.transport == resolver.UDP {
		r.send(zoneupdate.Result{Rcode: zoneupdate.Refused,
			Text: "without a key names are registered by TCP alone (nsupdate -v)"})
		return
	}
	apex, message, result := u.read(in.packet, m, in.client.Addr())
	if result.Rcode == zoneupdate.NoError {
		result = checkData(message)
	}
	if result.Rcode != zoneupdate.NoError {
		r.send(result)
		return
	}
	to := u.registrar()
	if to == nil { // until just now
		r.send(zoneupdate.Result{Rcode: zoneupdate.Refused, Text: "updates have to be signed by a key"})
		return
	}
	to.Submit(in.client.Addr(), apex, message, func(result zoneupdate.Result) { r.send(result) })
}

// read reads the zone and the sections of an update, and checks their form.
func (u *Server) read(packet []byte, m *dns.Msg, client netip.Addr) ([]byte, *zoneupdate.Message, zoneupdate.Result) {
	if len(m.Question) != 1 || m.Question[0].Qtype != dns.TypeSOA {
		return nil, nil, zoneupdate.Result{Rcode: zoneupdate.FormErr, Text: "the zone section is not one zone"}
	}
	if m.Question[0].Qclass != dns.ClassINET {
		return nil, nil, zoneupdate.Result{Rcode: zoneupdate.NotAuth, Text: "no zone of that class"}
	}
	apex, err := wireOf(m.Question[0].Name)
	message := &zoneupdate.Message{Client: client}
	if err == nil {
		message.Prerequisites, message.Updates, err = recordsOf(packet)
	}
	if err != nil {
		return nil, nil, zoneupdate.Result{Rcode: zoneupdate.FormErr, Text: err.Error()}
	}
	return apex, message, message.Check(apex)
}

// understand returns what a request is to change, or why it may not.
func (u *Server) understand(
	policy *Policy, packet []byte, m *dns.Msg, client netip.Addr, key string,
) (*zone.Zone, *zoneupdate.Message, zoneupdate.Result) {
	if len(m.Question) != 1 || m.Question[0].Qtype != dns.TypeSOA {
		return nil, nil, zoneupdate.Result{Rcode: zoneupdate.FormErr, Text: "the zone section is not one zone"}
	}
	if m.Question[0].Qclass != dns.ClassINET {
		return nil, nil, zoneupdate.Result{Rcode: zoneupdate.NotAuth, Text: "no zone of that class"}
	}
	apex, err := wireOf(m.Question[0].Name)
	if err != nil {
		return nil, nil, zoneupdate.Result{Rcode: zoneupdate.FormErr, Text: err.Error()}
	}
	g, result := policy.grant(u.Hosted(), apex, key, client, u.Allowed(client))
	if result.Rcode != zoneupdate.NoError {
		return nil, nil, result
	}
	message := &zoneupdate.Message{Key: key, Client: client}
	message.Prerequisites, message.Updates, err = recordsOf(packet)
	if err != nil {
		return nil, nil, zoneupdate.Result{Rcode: zoneupdate.FormErr, Text: err.Error()}
	}
	result = message.Check(apex)
	if result.Rcode == zoneupdate.NoError {
		result = g.covers(message)
	}
	if result.Rcode == zoneupdate.NoError {
		result = checkData(message)
	}
	return g.zone, message, result
}

// checkData looks for data that aren't in the form of their type (RFC 2136 section 3.4.1).
func checkData(m *zoneupdate.Message) zoneupdate.Result {
	for _, section := range [...][]zoneupdate.Record{m.Prerequisites, m.Updates} {
		for i := range section {
			r := &section[i]
			if len(r.Data) == 0 {
				continue
			}
			err := rdata.Check(r.Type, r.Data)
			if err != nil {
				return zoneupdate.Result{
					Rcode: zoneupdate.FormErr, Text: fmt.Sprintf("%s: %v", zone.String(r.Name), err),
				}
			}
		}
	}
	return zoneupdate.Result{}
}

// wireOf returns the lower-case wire form of a name.
func wireOf(name string) ([]byte, error) {
	buf := make([]byte, zone.MaxName+1)
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("name %s: %w", name, err)
	}
	zone.Lower(buf[:n])
	return buf[:n:n], nil
}

var errForm = errors.New("a record that is not whole")

// recordsOf returns the records of the prerequisite and the update section, their data as
// they came: what a library makes of a value and back is not always the same octets.
func recordsOf(packet []byte) (prerequisites, updates []zoneupdate.Record, err error) {
	at := wire.SkipName(packet, wire.HeaderSize) + wire.QuestionFixed // the one zone
	for _, section := range [...]struct {
		count   int
		records *[]zoneupdate.Record
	}{{wire.AtAnswers, &prerequisites}, {wire.AtAuthority, &updates}} {
		for range binary.BigEndian.Uint16(packet[section.count:]) {
			r, end := wire.ReadRecord(packet, at)
			if end < 0 || r.Odd && len(r.Data) > 0 {
				return nil, nil, errForm
			}
			wire.Lower(r.Name)
			if len(r.Data) == 0 {
				r.Data = nil // a record of an RRset or a name as a whole
			}
			*section.records = append(*section.records, zoneupdate.Record{
				Name: r.Name, Type: r.Type, Class: r.Class, TTL: r.TTL, Data: r.Data,
			})
			at = end
		}
	}
	return prerequisites, updates, nil
}
