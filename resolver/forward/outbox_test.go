package forward

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// post asks n questions below name by an outbox, and returns where the outcomes will be.
func post(t *testing.T, o *Outbox, g *Group, name string, n int) []<-chan outcome {
	t.Helper()
	var all []<-chan outcome
	for i := range n {
		c := make(chan outcome, 2)
		err := o.Ask(g, question(t, fmt.Sprintf("n%d.%s", i, name), dns.TypeA), stranger,
			func(m *Message, err error) { c <- outcome{m, err} })
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func waitAll(t *testing.T, all []<-chan outcome) {
	t.Helper()
	for i, c := range all {
		o := wait(t, c)
		if o.err != nil {
			t.Fatalf("question %d: %v", i, o.err)
		}
	}
}

// seen returns how many source ports the fake has seen, and the most queries from one.
func (u *fakeUpstream) seen() (ports, most int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.ports {
		most = max(most, n)
	}
	return len(u.ports), most
}

// TestOutbox asks by batches: nothing goes before Flush, then the queries of a batch share a port or two, those of many
// batches all ports, and no port has more than its share.
func TestOutbox(t *testing.T) {
	up := newFake(t, echoA, nil)
	f, _ := newRunning(t, Options{})
	g := newGroup(t, f, up.addr)
	o := f.NewOutbox()
	for i, open := 0, 0; open < sockets; open, _ = up.seen() { // each question draws one, and opens it
		resolve(t, f, g, question(t, fmt.Sprintf("open%d.example.", i), dns.TypeA))
		i++
	}
	before := up.asked.Load()
	all := post(t, o, g, "first.example.", 30)
	if n := up.asked.Load(); n != before {
		t.Errorf("%d queries went before Flush", n-before)
	}
	up.mu.Lock()
	clear(up.ports)
	up.mu.Unlock()
	o.Flush()
	o.Flush() // nothing waits
	waitAll(t, all)
	ports, _ := up.seen()
	if n := up.asked.Load() - before; n != 30 || ports > 2 {
		t.Errorf("%d queries by %d ports, want 30 by 1, or 2 where the share of one ended", n, ports)
	}
	for i := range 40 {
		all = post(t, o, g, fmt.Sprintf("b%d.example.", i), 64)
		o.Flush()
		waitAll(t, all)
	}
	ports, most := up.seen()
	if ports < sockets || most > perSocket {
		t.Errorf("%d ports, at most %d queries by one; want %d or more, at most %d", ports, most, sockets, perSocket)
	}
}

// TestOutboxOfMany flushes more than one socket and one call of the system take, for several upstreams, of which one
// speaks TLS alone and one isn't there.
func TestOutboxOfMany(t *testing.T) {
	one, two := newFake(t, echoA, nil), newFake(t, echoA, nil)
	config, roots := newCertificate(t)
	secure := newFake(t, echoA, config)
	nobody := newFake(t, silent, nil)
	f, _ := newRunning(t, Options{RootCAs: roots})
	o := f.NewOutbox()
	var all []<-chan outcome
	for i, upstreams := range [][]string{{one.addr}, {two.addr}, {"tls://" + secure.addr}} {
		all = append(all, post(t, o, newGroup(t, f, upstreams...), fmt.Sprintf("g%d.example.", i), 300)...)
	}
	lost := post(t, o, newGroup(t, f, nobody.addr), "lost.example.", 1)
	o.Flush()
	waitAll(t, all)
	if got := wait(t, lost[0]); !errors.Is(got.err, ErrTimeout) {
		t.Errorf("of an upstream that says nothing: %v", got.err)
	}
	if _, most := one.seen(); most > perSocket {
		t.Errorf("%d queries by one port", most)
	}
}

// TestOutboxNobodyListens wants to hear at once that an upstream isn't there, by what the kernel says.
func TestOutboxNobodyListens(t *testing.T) {
	l, pc := listenBoth(t)
	addr := l.Addr().String()
	up := newFake(t, slowA, nil)
	f, _ := newRunning(t, Options{RetryMin: 3 * time.Second, RetryMax: 3 * time.Second})
	g := newGroup(t, f, addr, up.addr)
	o := f.NewOutbox()
	l.Close()
	pc.Close()
	began := time.Now()
	for i := range 3 {
		all := post(t, o, g, fmt.Sprintf("b%d.example.", i), 64)
		o.Flush()
		waitAll(t, all)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("another upstream was asked after %s", took)
	}
}

// TestRounds has replies wait in a socket while the first one is being told: they are read together, and those who wait
// for them told in a round, which ends.
func TestRounds(t *testing.T) {
	streams, pc := listenBoth(t)
	defer streams.Close()
	defer pc.Close()
	f, _ := newRunning(t, Options{RetryMin: 4 * time.Second, RetryMax: 4 * time.Second})
	var r rounds
	f.SetRounds(&r)
	g := newGroup(t, f, streams.Addr().String())
	receive := func() ([]byte, net.Addr) {
		buf := make([]byte, 512)
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		query := new(dns.Msg)
		err = query.Unpack(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		return pack(t, echoA(query, false)), from
	}
	reply := func(packet []byte, to net.Addr) {
		_, err := pc.WriteTo(packet, to)
		if err != nil {
			t.Fatal(err)
		}
	}

	first := ask(t, f, g, question(t, "first.example.", dns.TypeA)) // opens a socket
	packet, socket := receive()
	reply(packet, socket)
	waitAll(t, []<-chan outcome{first})

	const n = 17 // of which at most 7 open the other sockets
	telling, sent, told := make(chan struct{}), make(chan struct{}), make(chan int64, n)
	o := f.NewOutbox()
	var once sync.Once
	for i := range n {
		err := o.Ask(g, question(t, fmt.Sprintf("n%d.example.", i), dns.TypeA), stranger, func(*Message, error) {
			once.Do(func() {
				close(telling)
				<-sent
			})
			told <- r.open.Load()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	o.Flush()
	var theirs, others [][]byte
	var ports []net.Addr
	for range n {
		packet, from := receive()
		if from.String() == socket.String() {
			theirs = append(theirs, packet)
		} else {
			others, ports = append(others, packet), append(ports, from)
		}
	}
	reply(theirs[0], socket)
	<-telling
	for _, packet := range theirs[1:] {
		reply(packet, socket)
	}
	close(sent)
	together := 0
	for range theirs {
		if <-told > 0 {
			together++
		}
	}
	if together != len(theirs)-1 || len(theirs) < n-sockets+1 {
		t.Errorf("%d of %d told in a round, want all but the first", together, len(theirs))
	}
	for i, packet := range others {
		reply(packet, ports[i])
		<-told
	}
	for end := time.Now().Add(5 * time.Second); r.open.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a round never ended")
		}
	}
}

// rounds counts the rounds that are open.
type rounds struct{ open atomic.Int64 }

func (r *rounds) BeginRound() { r.open.Add(1) }
func (r *rounds) EndRound()   { r.open.Add(-1) }
