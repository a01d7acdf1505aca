//go:build clients

package server

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inside53/resolver/history"

	"github.com/miekg/dns"
)

// balance is a balancer before servers: each datagram, and each connection, goes to one of them at random.
func balance(t *testing.T, all []*program) (port string) {
	t.Helper()
	packets, streams := freePair(t)
	pick := func() netip.AddrPort { return all[rand.IntN(len(all))].addr }
	var under sync.WaitGroup
	under.Go(func() {
		for {
			buffer := make([]byte, 65535)
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			under.Go(func() {
				c, err := net.Dial("udp", pick().String())
				if err != nil {
					return
				}
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(5 * time.Second))
				_, err = c.Write(buffer[:n])
				answer := make([]byte, 65535)
				if err == nil {
					n, err = c.Read(answer)
				}
				if err == nil {
					_, _ = packets.WriteTo(answer[:n], from)
				}
			})
		}
	})
	under.Go(func() {
		for {
			client, err := streams.Accept()
			if err != nil {
				return
			}
			under.Go(func() {
				defer func() { _ = client.Close() }()
				server, err := net.Dial("tcp", pick().String())
				if err != nil {
					return
				}
				defer func() { _ = server.Close() }()
				end := time.Now().Add(patience)
				_, _ = client.SetDeadline(end), server.SetDeadline(end)
				under.Go(func() {
					_, _ = io.Copy(server, client)
					_ = server.Close()
				})
				_, _ = io.Copy(client, server)
			})
		}
	})
	t.Cleanup(func() {
		_, _ = packets.Close(), streams.Close()
		under.Wait()
	})
	_, port, err := net.SplitHostPort(packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestClientFleetSecondaries has BIND and Knot ask the servers of a fleet at random through a thousand changes and
// three changes of who leads: neither goes back to a smaller serial, nor has two contents under one, and both end
// as an AXFR from each server.
func TestClientFleetSecondaries(t *testing.T) {
	c := newCloud(t, nil)
	bind := &secondaryServer{name: "named", port: freeUDPPort(t)}
	knot := &secondaryServer{name: "knotd", port: freeUDPPort(t)}
	both := []*secondaryServer{bind, knot}
	config := strings.NewReplacer("UPSTREAM", c.dns, "MAXAGE", "1h", "JOURNAL", "2KiB",
		"NOTIFY", fmt.Sprintf("%q, %q", "127.0.0.1:"+bind.port, "127.0.0.1:"+knot.port)).Replace(transferConfig)
	all := startFleetWith(t, c, 3, config)
	leader := readyLeader(t, all)
	all[leader].await(t, "the members are known", func() bool {
		return len(all[leader].app.fleet.Member.Peers()) == len(all)
	})
	roam(t, all[0], 53)
	primary := balance(t, all)
	bind.run(t, "named", "-g", "-n", "1", "-c", bind.write(t, namedConfig, "PRIMARY", primary))
	knot.run(t, "knotd", "-c", knot.write(t, knotConfig, "PRIMARY", primary))
	const apex = "example.com."
	type seen struct {
		serial   uint32
		contents map[uint32]string
	}
	has := map[*secondaryServer]*seen{bind: {contents: map[uint32]string{}}, knot: {contents: map[uint32]string{}}}
	look := func(s *secondaryServer) {
		lines := s.content(t, apex)
		at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, " IN SOA ") })
		if at < 0 {
			return // it hasn't got it yet
		}
		serial := serialIn(t, lines[at])
		is, text := has[s], strings.Join(lines, "\n")
		if len(is.contents) > 0 && history.After(is.serial, serial) {
			t.Errorf("%s goes from serial %d to %d", s.name, is.serial, serial)
		}
		was, known := is.contents[serial]
		if known && was != text {
			t.Errorf("%s has two contents under serial %d", s.name, serial)
		}
		is.serial, is.contents[serial] = serial, text
	}
	for _, s := range both {
		all[0].await(t, s.name+" has the zone", func() bool {
			look(s)
			return len(has[s].contents) > 0
		})
	}
	const changes, turns = 1000, 3
	for n := range changes {
		c.change(t, privateZone, fmt.Sprintf("UPSERT r%d.example.com A 10.7.%d.%d", n%17, n/256, n%256))
		if n%(changes/(turns+1)) == 100 {
			status, text := all[0].get(t, http.MethodPost, "/fleet/step-down")
			if status != http.StatusOK {
				t.Fatalf("stepping down: %d %s", status, text)
			}
		}
		if n%5 == 0 {
			look(both[n/5%2])
		}
		time.Sleep(10 * time.Millisecond)
	}
	last := fmt.Sprintf("r%d.example.com. 60 IN A 10.7.%d.%d", (changes-1)%17, (changes-1)/256, (changes-1)%256)
	for i, p := range all {
		f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: apex}
		for _, s := range both {
			p.await(t, fmt.Sprintf("%s has what member %d has", s.name, i+1), func() bool {
				look(s)
				all, err := f.transfer(t, new(dns.Msg).SetAxfr(apex))
				if err != nil {
					return false // nobody leads for a moment
				}
				f.whole(t, all)
				want := f.content()
				return slices.Contains(want, last) && slices.Equal(s.content(t, apex), want)
			})
		}
	}
	for _, s := range both {
		t.Logf("%s was seen with %d serials", s.name, len(has[s].contents))
		if len(has[s].contents) < 10 {
			t.Errorf("%s went through %d serials", s.name, len(has[s].contents))
		}
	}
}

// serialIn is the serial of a SOA record.
func serialIn(t *testing.T, line string) uint32 {
	t.Helper()
	var serial uint32
	words := strings.Fields(line)
	_, err := fmt.Sscan(words[6], &serial)
	if err != nil {
		t.Fatal(err)
	}
	return serial
}
