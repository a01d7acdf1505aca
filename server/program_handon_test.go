package server

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// startFleetWith starts members of one fleet with a configuration that has a section keys.
func startFleetWith(t *testing.T, c *cloud, n int, config string) []*program {
	t.Helper()
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	var all []*program
	for i := range n {
		all = append(all, startMember(t, c, i+1, config))
	}
	for _, p := range all {
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	}
	return all
}

// startMember starts one of them.
func startMember(t *testing.T, _ *cloud, n int, config string) *program {
	t.Helper()
	_, list, _ := strings.Cut(config, "keys:\n")
	indent, _, _ := strings.Cut(list, "-")
	key := fmt.Sprintf("keys:\n%s- {name: fleet., secret: %s}\n", indent, fleetSecret)
	section := fmt.Sprintf("fleet: {name: m%d, store: s3://fleet/prod, keys: [fleet.]}\n", n)
	return newSite(t).start(t, strings.Replace(config, "keys:\n", key, 1)+section)
}

func fleetUpdates() string { return strings.ReplaceAll(updateConfig, "REFRESH", "1h") }

// readyLeader is the place of the member that leads and makes updates.
func readyLeader(t *testing.T, all []*program) int {
	t.Helper()
	leader := -1
	all[0].await(t, "one leads", func() bool {
		leader = slices.IndexFunc(all, func(p *program) bool { return p.app.fleet.Handing.Leads() })
		return leader >= 0
	})
	return leader
}

// TestFleetUpdates sends updates to each member: the member that was asked serves them at once,
// the others soon. A repetition at another one is made no second time, under the next leader
// neither.
func TestFleetUpdates(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleetWith(t, c, 3, fleetUpdates())
	leader := readyLeader(t, all)
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.Member.Peers()) == 3 })
	var sent []*dns.Msg
	at := time.Now()
	for i, p := range all {
		for _, network := range []string{"udp", "tcp"} {
			s := ops()
			s.network, s.at = network, at
			name := fmt.Sprintf("%s-%d.example.net", network, i)
			m := added(t, "example.net.", name+". 60 IN A 10.1.2.3")
			sent = append(sent, m.Copy())
			if reply := s.send(t, p.addr, m); reply.Rcode != dns.RcodeSuccess || reply.IsTsig() == nil {
				t.Fatalf("member %d by %s: %v", i+1, network, reply)
			}
			p.check(t, asks("127.0.0.1", name+" A", "10.1.2.3"))
			for _, other := range all {
				other.within(t, 2*time.Second, "the update at each member", func() bool {
					return other.answers(t, asks("127.0.0.1", name+" A", "10.1.2.3"))
				})
			}
		}
	}
	again := func(members []*program, what string) {
		t.Helper()
		before := c.Calls()["ChangeResourceRecordSets"]
		for i, m := range sent {
			s := ops()
			s.network, s.at = "tcp", at
			if reply := s.send(t, members[i%len(members)].addr, m.Copy()); reply.Rcode != dns.RcodeSuccess {
				t.Errorf("%s: message %d: %v", what, i, reply)
			}
		}
		if made := c.Calls()["ChangeResourceRecordSets"] - before; made != 0 {
			t.Errorf("%s: %d batches were made again", what, made)
		}
	}
	again([]*program{all[1], all[2], all[0]}, "at another member")
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.Member.Peers()) == 3 })
	all[leader].end(t)
	left := append(slices.Clone(all[:leader]), all[leader+1:]...)
	// At once: what is sent while nobody leads waits for who does.
	if reply := ops().send(t, left[0].addr, added(t, "example.net.", "between.example.net. 60 IN A 10.1.2.3")); reply.
		Rcode != dns.RcodeSuccess {
		t.Errorf("while nobody leads: %v", reply)
	}
	again(left, "under the next leader")
}

// TestFleetUpdateRefused has what is wrong with an update said by any member as by one alone.
func TestFleetUpdateRefused(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleetWith(t, c, 2, fleetUpdates())
	leader := readyLeader(t, all)
	follower := all[1-leader]
	for _, p := range []*program{all[leader], follower} {
		if r := ops().send(t, p.addr, added(t, "example.com.", "x.example.com. 60 IN A 10.0.0.1")); r.Rcode !=
			dns.RcodeRefused {
			t.Errorf("a zone of another key: %v", r)
		}
		wrong := sender{key: "ops.", algorithm: dns.HmacSHA256, secret: dhcpSecret}
		if r := wrong.send(t, p.addr, added(t, "example.net.", "x.example.net. 60 IN A 10.0.0.1")); r.Rcode !=
			dns.RcodeNotAuth {
			t.Errorf("another secret: %v", r)
		}
		m := added(t, "example.net.", "x.example.net. 60 IN A 10.0.0.1")
		m.NameUsed(rr(t, "nobody.example.net. 0 IN A 0.0.0.0"))
		if r := ops().send(t, p.addr, m); r.Rcode != dns.RcodeNameError {
			t.Errorf("a prerequisite: %v", r)
		}
	}
	if n := c.Calls()["ChangeResourceRecordSets"]; n != 0 {
		t.Errorf("%d batches", n)
	}
}

// TestFleetTransfers asks each member for the zone of a view: the same serial and the same zone
// everywhere, and never a smaller serial, through a change of leader.
func TestFleetTransfers(t *testing.T) {
	c := newCloud(t, nil)
	secondary := newAudience(t, 1)
	all := startFleetWith(t, c, 3, c.transferConfig(secondary.addr))
	leader := readyLeader(t, all)
	serials := func(members []*program) (out []uint32) {
		for _, p := range members {
			f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
			reply := f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA)))
			if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) != 1 {
				return nil
			}
			out = append(out, reply.Answer[0].(*dns.SOA).Serial)
		}
		return out
	}
	alike := func(members []*program, above uint32) (serial uint32) {
		t.Helper()
		members[0].await(t, "one serial", func() bool {
			is := serials(members)
			if len(is) == 0 || slices.Max(is) != slices.Min(is) {
				return false
			}
			serial = is[0]
			return serial > above
		})
		return serial
	}
	transferred := func(members []*program, serial uint32) (lines []string) {
		t.Helper()
		for i, p := range members {
			f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
			f.axfr(t)
			if f.soa.Serial != serial {
				t.Errorf("member %d sends serial %d, says %d", i+1, f.soa.Serial, serial)
			}
			if have := f.lines(); i > 0 && !slices.Equal(have, lines) {
				t.Errorf("member %d sends another zone", i+1)
			} else {
				lines = have
			}
		}
		return lines
	}
	first := alike(all, 0)
	transferred(all, first)
	c.change(t, privateZone, "CREATE new.example.com A 10.7.0.1")
	second := alike(all, first)
	if lines := transferred(all, second); !slices.Contains(lines, "new.example.com. 60 IN A 10.7.0.1") {
		t.Error("the change isn't transferred")
	}
	for i, p := range all { // the differences, from each
		f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
		m := new(dns.Msg).SetIxfr(f.apex, first, ".", ".")
		records, err := f.transfer(t, m)
		if err != nil || len(records) > 10 {
			t.Errorf("member %d: %d records of IXFR, %v", i+1, len(records), err)
		}
	}
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.Member.Peers()) == 3 })
	all[leader].end(t)
	left := append(slices.Clone(all[:leader]), all[leader+1:]...)
	third := alike(left, second)
	transferred(left, third)
	f := &follower{p: left[0], from: "127.0.0.1", key: "dublin.", apex: "catalog.inside53."}
	f.axfr(t)
	if len(f.lines()) == 0 {
		t.Error("no catalog")
	}
}

// TestFleetOrders gives orders to a member that doesn't lead.
func TestFleetOrders(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleetWith(t, c, 2, fleetUpdates())
	leader := readyLeader(t, all)
	follower := all[1-leader]
	for _, p := range all {
		status, text := p.get(t, "POST", "/accept?zone=nothing.example")
		if status != 404 || !strings.Contains(text, "nothing.example") {
			t.Errorf("accept: %d %s", status, text)
		}
		status, text = p.get(t, "POST", "/refresh?zone=example.net")
		if status != 202 || !strings.Contains(text, `"route53 `) {
			t.Errorf("refresh: %d %s", status, text)
		}
		status, text = p.get(t, "POST", "/refresh?zone=nothing.example")
		if status != 404 {
			t.Errorf("refresh of nothing: %d %s", status, text)
		}
	}
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.Member.Peers()) == 2 })
	status, text := follower.get(t, "POST", "/fleet/step-down")
	if status != 200 {
		t.Fatalf("step down: %d %s", status, text)
	}
	follower.await(t, "the other one leads", follower.app.fleet.Handing.Leads)
}

// TestFleetStranger sends a header from an address that is no member's.
func TestFleetStranger(t *testing.T) {
	c := newCloud(t, nil)
	all := startFleetWith(t, c, 1, fleetUpdates())
	readyLeader(t, all)
	side := all[0].app.fleet
	all[0].await(t, "it knows itself", func() bool { return side.IsMember(netip.MustParseAddr("127.0.0.1")) })
	if side.IsMember(netip.MustParseAddr("127.0.0.2")) {
		t.Error("anybody is a member")
	}
}
