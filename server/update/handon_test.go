package update

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/tsig"
	"inside53/zonesource"
	zoneupdate "inside53/zonesource/update"

	"github.com/miekg/dns"
)

// member is a server of a test, with an updater and its way to another server.
type member struct {
	*Server
	t *testing.T

	mu      sync.Mutex
	leads   bool
	other   *member // who leads instead
	ids     map[zoneupdate.MessageID]int
	results []zoneupdate.Result // of the updater, in turn; then NOERROR
	then    func()              // before a result
}

func (m *member) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func (m *member) Leads() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leads
}

// HandOn implements Fleet: it gives the message to the other server, until that answers.
func (m *member) HandOn(ctx context.Context, h Handed) ([]byte, error) {
	for ctx.Err() == nil {
		m.mu.Lock()
		other, leads := m.other, m.leads
		m.mu.Unlock()
		if leads {
			return nil, errors.New("this server leads")
		}
		if other != nil {
			answer := other.ask(h.Packet, h.Client, true)
			if answer != nil {
				return answer, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil, ctx.Err()
}

// Submit implements Updater.
func (m *member) Submit(_ *zone.Zone, msg *zoneupdate.Message, done func(zoneupdate.Result)) {
	m.mu.Lock()
	m.ids[msg.ID]++
	result, then := zoneupdate.Result{}, m.then
	if len(m.results) > 0 {
		result, m.results = m.results[0], m.results[1:]
	}
	m.mu.Unlock()
	if then != nil {
		then()
	}
	done(result)
}

// waiting is the Suspender of a test.
type waiting chan []byte

func (w waiting) Suspend() func([]byte, resolver.Result) {
	return func(answer []byte, _ resolver.Result) { w <- answer }
}

// ask gives a message to the server and returns its answer, nil for none.
func (m *member) ask(packet []byte, client netip.AddrPort, handed bool) []byte {
	w := make(waiting, 1)
	m.Serve(packet, client, resolver.TCP, handed, w)
	select {
	case answer := <-w:
		return answer
	case <-time.After(20 * time.Second):
		m.t.Error("no answer")
		return nil
	}
}

var testSecret = base64.StdEncoding.EncodeToString([]byte("a secret of thirty-two octets .."))

// newMember runs a server.
func newMember(t *testing.T, leads bool) *member {
	m := &member{t: t, leads: leads, ids: map[zoneupdate.MessageID]int{}}
	hosted := zone.New(zone.Info{Origin: zone.Public, ID: "Z1"}, zone.NewTree(zone.MustName("example.net.")), 0)
	m.Server = New(Options{
		Updater: m, Fleet: m, Hosted: func() []*zone.Zone { return []*zone.Zone{hosted} },
		Allowed: func(netip.Addr) bool { return true }, Count: func(string) {}, Log: slog.New(slog.DiscardHandler),
	}, &Policy{
		Keys:   tsig.Keyring{"ops.": {Name: "ops.", Algorithm: dns.HmacSHA256, Secret: testSecret}},
		Grants: []Grant{{Zone: zonesource.PrimaryName{ID: "Z1"}, Keys: []string{"ops."}, Names: []Pattern{{}}}},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = m.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return m
}

// signed is an update of a name, and the MAC that its answer is signed by.
func signed(t *testing.T, name, secret string) ([]byte, string) {
	t.Helper()
	m := new(dns.Msg)
	m.SetUpdate("example.net.")
	rr, err := dns.NewRR(name + " 60 IN A 10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	m.Insert([]dns.RR{rr})
	m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
	packet, mac, err := dns.TsigGenerate(m, secret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return packet, mac
}

// wantAnswer expects a signed answer to a message.
func wantAnswer(t *testing.T, packet, answer []byte, mac string, rcode int) {
	t.Helper()
	if answer == nil {
		t.Fatal("no answer")
	}
	err := dns.TsigVerify(answer, testSecret, mac, false)
	if err != nil || int(answer[wire.AtRcode]&15) != rcode || answer[0] != packet[0] || answer[1] != packet[1] {
		t.Fatalf("%x (%v), want %s", answer, err, dns.RcodeToString[rcode])
	}
}

var someClient = netip.MustParseAddrPort("192.0.2.1:4711")

// TestFollowerHandsOn has the leader make what a follower is sent; its answer comes back as it
// is, whoever gets the repetition.
func TestFollowerHandsOn(t *testing.T) {
	leader, follower := newMember(t, true), newMember(t, false)
	follower.other = leader
	packet, mac := signed(t, "a.example.net.", testSecret)
	wantAnswer(t, packet, follower.ask(packet, someClient, false), mac, dns.RcodeSuccess)
	wantAnswer(t, packet, leader.ask(packet, someClient, false), mac, dns.RcodeSuccess)
	wantAnswer(t, packet, follower.ask(packet, someClient, false), mac, dns.RcodeSuccess)
	if len(leader.ids) != 1 || len(follower.ids) != 0 {
		t.Errorf("made by the leader %v, by the follower %v", leader.ids, follower.ids)
	}
	for _, n := range leader.ids {
		if n != 1 {
			t.Errorf("made %d times", n)
		}
	}
}

// TestFollowerRefuses answers what isn't signed by a key by itself.
func TestFollowerRefuses(t *testing.T) {
	follower := newMember(t, false) // nobody leads
	packet, _ := signed(t, "a.example.net.", base64.StdEncoding.EncodeToString([]byte("another")))
	answer := follower.ask(packet, someClient, false)
	if answer == nil || answer[wire.AtRcode]&15 != dns.RcodeNotAuth {
		t.Errorf("%x", answer)
	}
}

// TestHandedOnOnce drops what was handed on to a server that doesn't lead.
func TestHandedOnOnce(t *testing.T) {
	leader, follower := newMember(t, true), newMember(t, false)
	follower.other = leader
	packet, _ := signed(t, "a.example.net.", testSecret)
	if answer := follower.ask(packet, someClient, true); answer != nil || len(leader.ids) != 0 {
		t.Errorf("%x, %v", answer, leader.ids)
	}
}

// TestLeaderEnds has a leader be deposed while an update is under way: the next one makes it,
// for who asked it and for who asked another server.
func TestLeaderEnds(t *testing.T) {
	for _, direct := range []bool{true, false} {
		first, second, follower := newMember(t, true), newMember(t, true), newMember(t, false)
		follower.other = first
		first.results = []zoneupdate.Result{{Rcode: zoneupdate.ServFail, Text: "it ends"}}
		first.then = func() {
			first.set(func() { first.leads, first.other = false, second })
			follower.set(func() { follower.other = second })
		}
		packet, mac := signed(t, "a.example.net.", testSecret)
		asked := follower
		if direct {
			asked = first
		}
		wantAnswer(t, packet, asked.ask(packet, someClient, false), mac, dns.RcodeSuccess)
		if len(first.ids) != 1 || len(second.ids) != 1 {
			t.Errorf("given to the first %v, to the second %v", first.ids, second.ids)
		}
	}
}

// TestFollowerLeads has a follower lead while it looks for who does: it makes the update.
func TestFollowerLeads(t *testing.T) {
	follower := newMember(t, false)
	time.AfterFunc(50*time.Millisecond, func() { follower.set(func() { follower.leads = true }) })
	packet, mac := signed(t, "a.example.net.", testSecret)
	wantAnswer(t, packet, follower.ask(packet, someClient, false), mac, dns.RcodeSuccess)
}

// TestNobodyLeads answers SERVFAIL, signed, after the time that a client waits.
func TestNobodyLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		follower := newMember(t, false)
		packet, mac := signed(t, "a.example.net.", testSecret)
		began := time.Now()
		wantAnswer(t, packet, follower.ask(packet, someClient, false), mac, dns.RcodeServerFailure)
		if took := time.Since(began); took < handOnTime {
			t.Errorf("after %s", took)
		}
	})
}
