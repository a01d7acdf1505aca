package transfer

import (
	"context"
	"errors"
	"sync"
	"testing"

	"inside53/resolver"
	"inside53/resolver/zone"
)

func TestAliasesKeepTheLastGood(t *testing.T) {
	var mu sync.Mutex
	answers := map[string]string{"a": "1", "b": "2"}
	asked := map[string]int{}
	a := &aliases{targets: map[aliasTarget]*aliasState{}}
	a.ask = func(_ context.Context, upstreams []string, name []byte, rrtype uint16) (zone.RRset, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[string(name)]++
		if len(upstreams) != 2 || upstreams[1] != "10.0.0.2" || rrtype != zone.TypeTXT {
			t.Errorf("asked %v for type %d", upstreams, rrtype)
		}
		text, ok := answers[string(name)]
		switch {
		case !ok:
			return zone.RRset{}, errors.New("no answer")
		case text == "":
			return zone.RRset{}, nil
		}
		return zone.NewRecords(rrtype, TargetTTL, []byte{1, text[0]})
	}
	a.use(&zone.Snapshot{Forwarders: []zone.Forwarder{{}, {Upstreams: []string{"10.0.0.1", "10.0.0.2"}}}})
	known := func(name string) string {
		rdata := a.known(resolver.Target{Forwarder: 1, Name: name, Type: zone.TypeTXT}).First()
		if rdata == nil {
			return ""
		}
		return string(rdata[1:])
	}
	want := func(when, first, second string) {
		t.Helper()
		if got := known("a") + "," + known("b"); got != first+","+second {
			t.Errorf("%s: %s", when, got)
		}
	}
	ctx := t.Context()
	want("at first", "", "")
	if !a.fetchNew(ctx) || a.fetchNew(ctx) {
		t.Error("new targets are asked for once")
	}
	want("then", "1", "2")
	a.refresh(ctx)
	want("without a change", "1", "2")
	answers["a"] = "3"
	delete(answers, "b")
	a.refresh(ctx)
	want("after a failure", "3", "2")
	answers["b"] = "" // it has none any more
	a.refresh(ctx)
	want("without records", "3", "")
	if asked["a"] != 4 {
		t.Errorf("asked %d times", asked["a"])
	}
	a.refresh(ctx)
	known("a")
	a.refresh(ctx)
	a.refresh(ctx) // nobody has asked for either meanwhile
	if len(a.targets) != 0 || asked["b"] >= asked["a"] {
		t.Errorf("targets that no zone has are kept: %v, asked %v", a.targets, asked)
	}
}
