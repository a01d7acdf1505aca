package server

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// harm writes an object of the fleet's store, or deletes it where there is no body, as who has the bucket can.
func (c *cloud) harm(t *testing.T, name string, body []byte) {
	t.Helper()
	method := http.MethodPut
	if body == nil {
		method = http.MethodDelete
	}
	r, err := http.NewRequestWithContext(t.Context(), method, c.url+"/fleet/"+name, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAHARM/20300101/eu-west-1/s3/aws4_request, "+
		"SignedHeaders=host, Signature=00")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s", method, name, response.Status)
	}
}

// TestFleetStoreHarmed has somebody harm the store: head has a wrong MAC, pages are gone, or something else. No process
// ends and no answer is lost, who joins then serves all soon, and what changes is served by all.
func TestFleetStoreHarmed(t *testing.T) {
	c := newCloud(t, nil)
	err := c.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	var all []*program
	var clients []*traffic
	join := func() *program {
		section := strings.Replace(fleetSection(fmt.Sprintf("m%d", len(all)+1)), "keys: [fleet.]}",
			"keys: [fleet.], poll: 200ms}", 1)
		p := newSite(t).start(t, c.config()+section)
		all = append(all, p)
		return p
	}
	serves := func(p *program) bool {
		return !slices.ContainsFunc(demoQuestions(), func(q question) bool { return !p.answers(t, q) })
	}
	for range 2 {
		p := join()
		p.await(t, "ready", func() bool { return p.readiness(t).Ready })
		clients = append(clients, p.traffic(t, demoQuestions()...))
	}
	leaderOf(t, all)
	for i, harm := range []func(){
		func() {
			head := c.Object("fleet", "prod/head")
			c.harm(t, "prod/head", bytes.Replace(head, []byte(`"mac":"`), []byte(`"mac":"00`), 1))
		},
		func() {
			for n, name := range c.Objects("fleet") {
				switch {
				case !strings.HasPrefix(name, "prod/page/") && !strings.HasPrefix(name, "prod/list/"):
				case n%2 == 0:
					c.harm(t, name, nil)
				default:
					c.harm(t, name, []byte("nonsense"))
				}
			}
		},
	} {
		harm()
		p := join()
		p.await(t, "who joins serves all", func() bool { return serves(p) })
		name := fmt.Sprintf("after-%d.example.com", i)
		c.change(t, privateZone, "CREATE "+name+" A 10.7.0.9")
		for _, p := range all {
			p.await(t, "the change", func() bool { return p.answers(t, asks(dublin, name+" A", "10.7.0.9")) })
			p.await(t, "nothing fails", func() bool { return len(p.app.fleet.Standing().Failed) == 0 })
		}
	}
	for _, f := range clients {
		f.stop(t, 20)
	}
}

// TestProgramWithoutFleet has a server be alone: it has a history, and begins with the state directory of a build
// that had none without a listing; that build finds its files again.
func TestProgramWithoutFleet(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	p.end(t)
	files := func() []string {
		names, err := filepath.Glob(s.path("state/parts/*.part"))
		if err != nil || len(names) == 0 {
			t.Fatalf("no parts: %v", err)
		}
		return names
	}
	before := files()
	err := os.RemoveAll(s.path("state/ledger")) // what an older build had not
	if err != nil {
		t.Fatal(err)
	}
	c.away.Store(true)
	c.ResetCalls()
	p = s.start(t, c.config())
	p.check(t, demoQuestions()...) // the very first
	p.await(t, "it is in the ledger", func() bool {
		entries, err := os.ReadDir(s.path("state/ledger"))
		return err == nil && len(entries) > 0
	})
	if n := c.Calls()["ListResourceRecordSets"]; n != 0 {
		t.Errorf("%d pages were read", n)
	}
	if status, _ := p.get(t, http.MethodGet, "/fleet"); status != http.StatusNotFound {
		t.Errorf("/fleet of one that is alone: %d", status)
	}
	c.away.Store(false)
	c.change(t, privateZone, "CREATE seen.example.com A 10.7.0.9")
	p.await(t, "the change is served", func() bool { return p.answers(t, asks(dublin, "seen.example.com A", "10.7.0.9")) })
	p.await(t, "the change is in the history", func() bool {
		_, text := p.get(t, http.MethodGet, "/history?name=seen.example.com")
		return strings.Contains(text, "10.7.0.9")
	})
	p.end(t)
	if now := files(); !slices.Equal(now, before) {
		t.Errorf("an older build had %v, and finds %v", before, now)
	}
}
