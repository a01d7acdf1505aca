package server

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// manyUpdates is how many updates the tests of many send; the full run has 10,000.
var manyUpdates = flag.Int("updates", 2000, "updates that 50 clients send in the tests of many")

const manyClients = 50

// flood is what came of many updates.
type flood struct {
	mu    sync.Mutex
	codes map[string]int // name -> response code
}

// pour sends n updates of one record each from 50 clients by TCP, none of which waits
// for one answer before it asks the next. bad says which name Route 53 can't have.
func pour(t *testing.T, u *updating, n int, bad func(i int) bool) *flood {
	t.Helper()
	f := &flood{codes: map[string]int{}}
	var clients sync.WaitGroup
	for c := range manyClients {
		clients.Go(func() {
			err := f.client(u, c, n, bad)
			if err != nil {
				t.Errorf("client %d: %v", c, err)
			}
		})
	}
	clients.Wait()
	return f
}

func manyName(i int) string { return fmt.Sprintf("m%d.many.example.net.", i) }

func (f *flood) client(u *updating, c, n int, bad func(int) bool) error {
	conn, err := dns.DialTimeout("tcp", u.addr.String(), patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	err = conn.SetDeadline(time.Now().Add(4 * time.Minute))
	if err != nil {
		return err
	}
	names := map[uint16]string{}
	var packets [][]byte
	for i := c; i < n; i += manyClients {
		text := manyName(i) + " 60 IN TXT x"
		if bad(i) {
			text = "*." + manyName(i) + " 60 IN NS ns.example.org."
		}
		record, err := dns.NewRR(text)
		if err != nil {
			return err
		}
		m := new(dns.Msg).SetUpdate("example.net.")
		m.Insert([]dns.RR{record})
		m.Id = uint16(len(packets))
		m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
		packet, _, err := dns.TsigGenerate(m, opsSecret, "", false)
		if err != nil {
			return err
		}
		names[m.Id] = manyName(i)
		packets = append(packets, packet)
	}
	sent := make(chan error, 1)
	go func() {
		for _, p := range packets {
			_, err := conn.Write(p)
			if err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for range packets {
		packet, err := conn.ReadMsgHeader(nil)
		if err != nil {
			return err
		}
		reply := new(dns.Msg)
		err = reply.Unpack(packet)
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.codes[names[reply.Id]] = reply.Rcode
		f.mu.Unlock()
	}
	return <-sent
}

// TestUpdateMany has 50 clients send many updates at once. All that are acknowledged
// are in Route 53, in about as few batches as its counting allows, also while it
// throttles; of bad ones among them these alone fail.
func TestUpdateMany(t *testing.T) {
	none := func(int) bool { return false }
	for _, tt := range []struct {
		name   string
		change func(*awssim.Options)
		bad    func(i int) bool
		most   int // batches besides the fewest
	}{
		{"plain", nil, none, 5},
		{"throttled", func(o *awssim.Options) {
			o.Changes, o.ChangeWork = awssim.Limit{PerSecond: 2, Burst: 1}, 300*time.Millisecond
		}, none, 20},
		{"with bad ones", nil, func(i int) bool { return i%200 == 77 }, 15},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := newUpdatingWithin(t, 10, "1h", tt.change) // what AWS grants an account
			n := *manyUpdates
			f := pour(t, u, n, tt.bad)
			var have []string
			for _, r := range u.cloud.Records(netZone) {
				if strings.HasSuffix(r.Name, ".many.example.net.") {
					have = append(have, r.Name)
				}
			}
			acknowledged := 0
			for i := range n {
				name := manyName(i)
				code, answered := f.codes[name]
				switch is := slices.Contains(have, name); {
				case !answered:
					t.Fatalf("%s: no answer", name)
				case tt.bad(i) && code != dns.RcodeRefused:
					t.Errorf("%s is bad: answered %s", name, dns.RcodeToString[code])
				case !tt.bad(i) && code != dns.RcodeSuccess:
					t.Errorf("%s: answered %s", name, dns.RcodeToString[code])
				case is != (code == dns.RcodeSuccess):
					t.Errorf("%s: answered %s, and in Route 53 is %v", name, dns.RcodeToString[code], is)
				}
				if code == dns.RcodeSuccess {
					acknowledged++
				}
			}
			batches, fewest := u.cloud.Calls()["ChangeResourceRecordSets"], (acknowledged+999)/1000
			t.Logf("%d updates acknowledged, %d batches sent, %d are the fewest; calls %v", acknowledged, batches, fewest,
				u.cloud.Calls())
			if batches > fewest*3/2+tt.most {
				t.Errorf("%d batches for %d updates", batches, acknowledged)
			}
			u.check(t, asks("127.0.0.1", strings.TrimSuffix(manyName(0), ".")+" TXT", `"x"`))
		})
	}
}

// overdrawn returns by how many requests a bucket of this rate and burst was overdrawn at
// most.
func overdrawn(times []time.Time, perSecond, burst float64) float64 {
	worst, level := 0.0, burst
	for i, at := range times {
		if i > 0 {
			level = min(burst, level+at.Sub(times[i-1]).Seconds()*perSecond)
		}
		level--
		worst = max(worst, -level)
	}
	return worst
}

// TestUpdateBudgets makes updates that need a reading and a batch each, in two zones,
// while all zones are listed again and again: neither the requests nor the changes are
// more a second than the configuration allows.
func TestUpdateBudgets(t *testing.T) {
	const (
		perSecond, burst = 20, 50
		updates          = 25 // in each zone
		underway         = 8  // requests that may arrive late, and so together
	)
	c := newCloud(t, nil)
	var mu sync.Mutex
	var requests, changes []time.Time
	watch := func(r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/2013-04-01/") {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		requests = append(requests, time.Now())
		if r.Method == http.MethodPost {
			changes = append(changes, time.Now())
		}
	}
	c.watch.Store(&watch)
	budget := fmt.Sprintf("requests_per_second: %d", perSecond)
	s := newSite(t)
	p := s.ready(t, strings.NewReplacer("REFRESH", "1s", "requests_per_second: 1000", budget).Replace(updateConfig))
	var clients sync.WaitGroup
	for _, tt := range []struct {
		from       sender
		zone, name string
	}{
		{ops(), "example.net.", "n%d.example.net."},
		{sender{key: "dhcp.", algorithm: dns.HmacSHA512, secret: dhcpSecret}, "example.com.", "n%d.dyn.example.com."},
	} {
		tt.from.network = "tcp"
		clients.Go(func() {
			for i := range updates {
				m := added(t, tt.zone, fmt.Sprintf(tt.name, i)+" 60 IN A 10.0.0.1")
				m.NameNotUsed(m.Ns)
				reply := tt.from.send(t, p.addr, m)
				if reply.Rcode != dns.RcodeSuccess {
					t.Errorf("%s: update %d is answered %s", tt.zone, i, dns.RcodeToString[reply.Rcode])
				}
			}
		})
	}
	clients.Wait()
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%d requests, %d of them changes, in %v", len(requests), len(changes),
		requests[len(requests)-1].Sub(requests[0]))
	if len(changes) != 2*updates || len(requests) < 4*updates {
		t.Errorf("%d requests, %d of them changes", len(requests), len(changes))
	}
	if n := overdrawn(requests, perSecond, burst); n > underway {
		t.Errorf("the requests were %g more than may be", n)
	}
	if n := overdrawn(changes, perSecond, burst); n > underway {
		t.Errorf("the changes were %g more than may be", n)
	}
}
