package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// zoneMaster is a master of example.net, whose transfers are signed. It tells of changes when it is
// made to.
type zoneMaster struct {
	addr string

	mu     sync.Mutex
	serial uint32
	sets   map[string]string // address of a name
}

func newZoneMaster(t *testing.T) *zoneMaster {
	t.Helper()
	m := &zoneMaster{serial: 1, sets: map[string]string{}}
	packets, streams := freePair(t)
	m.addr = packets.LocalAddr().String()
	secrets := map[string]string{"dublin.": transferSecret}
	for _, s := range []*dns.Server{{Listener: streams}, {PacketConn: packets}} {
		s.Handler, s.TsigSecret = m, secrets
		done := make(chan error, 1)
		go func() { done <- s.ActivateAndServe() }()
		t.Cleanup(func() {
			_ = streams.Close()
			_ = packets.Close()
			<-done
		})
	}
	return m
}

// set makes a new serial, in which names below n have these addresses; "" for none.
func (m *zoneMaster) set(sets map[string]string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.serial++
	for name, addr := range sets {
		m.sets[name] = addr
		if addr == "" {
			delete(m.sets, name)
		}
	}
}

func (m *zoneMaster) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	reply := new(dns.Msg).SetReply(q)
	reply.Authoritative = true
	m.mu.Lock()
	soa, _ := dns.NewRR(fmt.Sprintf("example.net. 60 IN SOA ns.example.org. h.example.org. %d 3600 3600 7200 60",
		m.serial))
	reply.Answer = []dns.RR{soa}
	for name, addr := range m.sets {
		rr, _ := dns.NewRR(name + ".example.net. 60 IN A " + addr)
		reply.Answer = append(reply.Answer, rr)
	}
	m.mu.Unlock()
	switch {
	case q.IsTsig() == nil || w.TsigStatus() != nil:
		reply.Rcode, reply.Answer = dns.RcodeRefused, nil
	case q.Question[0].Qtype == dns.TypeSOA:
		reply.Answer = reply.Answer[:1]
	default:
		reply.Answer = append(reply.Answer, soa)
	}
	reply.SetTsig("dublin.", dns.HmacSHA256, 300, time.Now().Unix())
	_ = w.WriteMsg(reply) // the server may have ended
}

// notifies tells a program of the serial, signed or not, and returns what it says.
func (m *zoneMaster) notifies(t *testing.T, p *program, key string) string {
	t.Helper()
	f := &follower{p: p, from: "127.0.0.1", key: key, apex: "example.net."}
	return dns.RcodeToString[f.exchange(t, f.sign(new(dns.Msg).SetNotify("example.net."))).Rcode]
}

// has compares the hosted zone with what the master has, and what others had there.
func (m *zoneMaster) has(c *cloud, foreign []string) bool {
	var want []string
	m.mu.Lock()
	for name, addr := range m.sets {
		want = append(want, name+".example.net. "+addr)
	}
	m.mu.Unlock()
	want = append(want, foreign...)
	slices.Sort(want)
	return slices.Equal(addressesIn(c, productZone), want)
}

// addressesIn are the A records of a hosted zone, each as name and address.
func addressesIn(c *cloud, id string) []string {
	var all []string
	for _, set := range c.Records(id) {
		for _, v := range set.ResourceRecords {
			if set.Type == "A" {
				all = append(all, set.Name+" "+v.Value)
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestFleetFollows has a fleet follow a master: who leads does, whoever is told; and who leads next
// finishes what was begun, also what the master has taken back meanwhile.
func TestFleetFollows(t *testing.T) {
	c := newCloud(t, nil)
	m := newZoneMaster(t)
	foreign := addressesIn(c, productZone)
	m.set(map[string]string{"first": "10.4.0.1"})
	config := strings.Replace(c.config(), "refresh: 100ms, requests_per_second", "refresh: 2s, requests_per_second", 1) +
		"keys:\n  - {name: dublin., secret: " + transferSecret + "}\n" +
		fmt.Sprintf("follow: [{zone: example.net, primaries: [%q], key: dublin., into: %s}]\n", m.addr, productZone)
	all := startFleetWith(t, c, 3, config)
	leader := readyLeader(t, all)
	serves := func(members []*program, name string, want ...string) {
		t.Helper()
		for _, p := range members {
			p.await(t, name+" at each member", func() bool { return p.answers(t, asks(outside, name+" A", want...)) })
		}
	}
	serves(all, "first.example.net", "10.4.0.1")

	// Whoever is told hands that to who leads.
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.Member.Peers()) == 3 })
	for i, p := range all {
		name := fmt.Sprintf("told-%d", i)
		m.set(map[string]string{name: "10.4.0.2"})
		if got := m.notifies(t, p, ""); got != "REFUSED" {
			t.Errorf("NOTIFY without a signature to member %d: %s", i+1, got)
		}
		if got := m.notifies(t, p, "dublin."); got != "NOERROR" {
			t.Errorf("NOTIFY to member %d: %s", i+1, got)
		}
		serves(all, name+".example.net", "10.4.0.2")
	}
	for i, p := range all {
		calls, _ := p.metric(t, `inside53_aws_calls_total{code="ok",operation="ChangeResourceRecordSets"}`)
		if (calls != "") != (i == leader) {
			t.Errorf("member %d has made %q changes; member %d leads", i+1, calls, leader+1)
		}
	}
	past := func(p *program) string {
		_, text := p.get(t, http.MethodGet, "/history?name=told-1.example.net&limit=20")
		return text
	}
	all[leader].await(t, "the past says why", func() bool {
		return strings.Contains(past(all[leader]), `"cause": "follow"`)
	})

	// Of a serial the first batch is made, and no more; then its maker ends, and the master takes
	// most of it back.
	many, back := map[string]string{}, map[string]string{}
	for i := range 1100 {
		name := fmt.Sprintf("n%d", i)
		many[name] = fmt.Sprintf("10.5.%d.%d", i>>8, i&255)
		switch {
		case i%100 == 1:
			back[name] = "10.6.0.1"
		case i%100 > 1:
			back[name] = ""
		}
	}
	var batches atomic.Int32
	breaks := func(r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/rrset") && batches.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
	}
	c.watch.Store(&breaks)
	m.set(many)
	m.notifies(t, all[leader], "dublin.")
	all[leader].await(t, "the first batch", func() bool { return batches.Load() > 1 })
	if made := len(addressesIn(c, productZone)); made < 900 || made > 1100 {
		t.Errorf("%d records are there after the first batch", made)
	}
	all[leader].end(t)
	m.set(back)
	c.watch.Store(nil)
	left := append(slices.Clone(all[:leader]), all[leader+1:]...)
	for _, p := range left { // whoever leads by now may have read the master before; whoever will lead, reads it then
		m.notifies(t, p, "dublin.")
	}
	left[0].await(t, "the next one has made what the master has", func() bool { return m.has(c, foreign) })
	serves(left, "n1.example.net", "10.6.0.1")
	serves(left, "n2.example.net", "NXDOMAIN")
}

// TestFleetFollowsNotAlone: while the store is away each server reads by itself, and none follows.
func TestFleetFollowsNotAlone(t *testing.T) {
	c := newCloud(t, nil)
	m := newZoneMaster(t)
	foreign := addressesIn(c, productZone)
	config := c.config() + "keys:\n  - {name: dublin., secret: " + transferSecret + "}\n" +
		fmt.Sprintf("follow: [{zone: example.net, primaries: [%q], key: dublin., into: %s}]\n", m.addr, productZone)
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	section := strings.Replace(fleetSection("m1"), "keys: [fleet.]}", "keys: [fleet.], poll: 100ms, solo_after: 100ms}", 1)
	_, section, _ = strings.Cut(section, "\n")
	p := newSite(t).start(t, strings.Replace(config, "keys:\n", "keys:\n  - {name: fleet., secret: "+fleetSecret+"}\n", 1)+
		section)
	m.set(map[string]string{"first": "10.4.0.1"})
	p.await(t, "it follows", func() bool { return m.has(c, foreign) })
	for _, operation := range []string{"GetObject", "PutObject", "ListObjectsV2"} {
		c.fault(t, awssim.Fault{Operation: operation, Fault: "500"})
	}
	c.change(t, privateZone, "CREATE alone.example.com A 10.7.0.9")
	p.await(t, "it reads by itself", func() bool { return p.answers(t, asks(dublin, "alone.example.com A", "10.7.0.9")) })
	m.set(map[string]string{"second": "10.4.0.2"})
	m.notifies(t, p, "dublin.")
	before := c.Calls()["ChangeResourceRecordSets"]
	time.Sleep(500 * time.Millisecond)
	if made := c.Calls()["ChangeResourceRecordSets"] - before; made != 0 {
		t.Errorf("%d batches were sent while nobody leads", made)
	}
	c.ClearFaults()
	p.await(t, "it follows again", func() bool { return m.has(c, foreign) })
}
