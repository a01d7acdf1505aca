//go:build linux

package main

import (
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"inside53/server/bench/dataset"
)

// oracled is a server that answers what a test says, by name; else what is right.
func oracled(t *testing.T, o *oracle, odd map[string]string) string {
	t.Helper()
	right := map[string]string{}
	for _, e := range o.expectations() {
		right[e.name] = e.right
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		name := q.Question[0].Name
		say, is := odd[name]
		if !is {
			say = right[name]
		}
		m := new(dns.Msg).SetReply(q)
		if address := net.ParseIP(say); address != nil {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: address}}
		} else {
			m.Rcode = dns.StringToRcode[say]
		}
		_ = w.WriteMsg(m)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return conn.LocalAddr().String()
}

// TestOracle: what is right, old, failed and wrong is told apart.
func TestOracle(t *testing.T) {
	o := newOracle()
	o.versions[dataset.OtherZone], o.floor[dataset.OtherZone] = 5, 3
	o.acked["a.example.net."], o.tried["b.example.net."] = "10.99.0.1", "10.99.0.2"
	all := len(o.expectations())
	host := dataset.ChaosHost(2, dataset.OtherZone)
	for _, tt := range []struct {
		name  string
		odd   map[string]string
		here  bool
		stale int
		fail  int
		wrong string
	}{
		{name: "right"},
		{name: "an older version", odd: map[string]string{host: dataset.ChaosAddress(2, 3)}, stale: 1},
		{name: "one that was replaced for certain", odd: map[string]string{host: dataset.ChaosAddress(2, 2)}, wrong: host},
		{name: "of the layer below", odd: map[string]string{dataset.ChaosHost(0, dataset.ChaosZone): "203.0.113.1"},
			wrong: "203.0.113.1"},
		{name: "SERVFAIL", odd: map[string]string{host: "SERVFAIL"}, fail: 1},
		{name: "SERVFAIL of a file", odd: map[string]string{fileName: "SERVFAIL"}, wrong: fileName},
		{name: "denied", odd: map[string]string{host: "NXDOMAIN"}, wrong: host},
		{name: "of another VPC", odd: map[string]string{"host." + dataset.TwinZone: "10.62.0.1"}, wrong: "10.62.0.1"},
		{name: "of no VPC", odd: map[string]string{"host." + dataset.TwinZone: "REFUSED"}, stale: 1},
		{name: "of no VPC, and it is known", odd: map[string]string{"host." + dataset.TwinZone: "REFUSED"}, here: true,
			wrong: dataset.TwinZone},
		{name: "an update that was acknowledged", odd: map[string]string{"a.example.net.": "NXDOMAIN"}, stale: 1},
		{name: "one that wasn't", odd: map[string]string{"b.example.net.": "NXDOMAIN"}},
	} {
		o.here = tt.here
		got := o.look(t.Context(), oracled(t, o, tt.odd))
		if got.stale != tt.stale || got.failed != tt.fail || (len(got.wrong) > 0) != (tt.wrong != "") ||
			!strings.Contains(strings.Join(got.wrong, " "), tt.wrong) {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if n := got.right + got.stale + got.failed + len(got.wrong); n != all {
			t.Errorf("%s: %d answers to %d questions", tt.name, n, all)
		}
	}
}

// TestDamage: something of the state changes, and nothing else.
func TestDamage(t *testing.T) {
	d := &disk{dir: t.TempDir()}
	d.filler = filepath.Join(d.dir, "filler")
	rng := rand.New(rand.NewPCG(1, 1))
	file, err := d.damage(rng, true)
	if file != "nothing" || err != nil {
		t.Errorf("of an empty state %s is damaged: %v", file, err)
	}
	part, before := filepath.Join(d.dir, "part"), strings.Repeat("p", 100)
	for _, path := range []string{part, d.filler} {
		err = os.WriteFile(path, []byte(before), 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, cut := range []bool{false, true} {
		file, err = d.damage(rng, cut)
		text, failed := os.ReadFile(part)
		if err != nil || failed != nil || file != "part" || string(text) == before || (len(text) < len(before)) != cut {
			t.Errorf("cut short %t: %s is %q: %v, %v", cut, file, text, err, failed)
		}
	}
	err = d.remove()
	left, failed := os.ReadDir(d.dir)
	if err != nil || failed != nil || len(left) != 1 || left[0].Name() != "filler" {
		t.Errorf("left is %v: %v, %v", left, err, failed)
	}
}

// TestSky: what hangs goes on when AWS is back, and what was closed is.
func TestSky(t *testing.T) {
	dir := t.TempDir()
	err := dataset.WriteChaos(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSky(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		err := s.close()
		if err != nil {
			t.Error(err)
		}
	}()
	err = s.change(t.Context(), dataset.ChaosZone, dataset.ChaosID, 3)
	if err != nil {
		t.Error(err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func() int {
		response, err := client.Get(s.url + "/latest/meta-data/mac")
		if err != nil {
			return 0
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	for how, want := range map[int32]int{up: http.StatusOK, closed: 0, failing: http.StatusServiceUnavailable} {
		s.metadata.set(how)
		if got := get(); got != want {
			t.Errorf("way %d: status %d, want %d", how, got, want)
		}
	}
	s.metadata.set(hanging)
	time.AfterFunc(50*time.Millisecond, func() { s.metadata.set(up) })
	if got := get(); got != http.StatusOK {
		t.Errorf("when it hangs no more: status %d", got)
	}
}
