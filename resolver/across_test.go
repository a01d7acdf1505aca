package resolver

import (
	"context"
	"strings"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// acrossWorld has a zone that two of the views see, one that none of ours does, and a forwarder.
const acrossWorld = `
zone private example.com. id=P1
    @ 900 IN SOA ns.example.com. host.example.com. 1 7200 900 1209600 86400
    www 60 IN A 10.0.0.1
zone private example.com. id=P2
    @ 900 IN SOA ns.example.com. host.example.com. 1 7200 900 1209600 86400
zone public example.com. id=Z1
    @ 900 IN SOA ns.example.com. host.example.com. 1 7200 900 1209600 86400
    www 60 IN A 192.0.2.1
forwarder up
    reply silent.example.net. A NOERROR
allow 10.0.0.0/8
view one clients=10.1.0.0/16
    . forward=up
    example.com. layers=P1
view two clients=10.2.0.0/16
    . forward=up
    example.com. layers=P1
view three clients=10.3.0.0/16
    . forward=up
    example.com. layers=P2
view closed clients=192.168.0.0/16
    example.com. layers=P1
view outside
    example.com. layers=Z1
outside
`

// TestAcross answers a question in every view, and marks what isn't what most get.
func TestAcross(t *testing.T) {
	w, _ := newWorld(t, parseBlocks(acrossWorld))
	name := wireName(t, "www.example.com.")
	answers, err := w.resolver.Across(t.Context(), name, zone.TypeA)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range answers {
		line := a.View + " " + a.Client + " " + a.Rcode + a.Error
		for _, record := range a.Answer {
			line += " " + record[strings.LastIndexByte(record, ' ')+1:]
		}
		if a.Differs {
			line += " differs"
		}
		got = append(got, line)
	}
	const want = "one 10.1.0.1 NOERROR 10.0.0.1\ntwo 10.2.0.1 NOERROR 10.0.0.1\nthree 10.3.0.1 NXDOMAIN differs\n" +
		"closed  no client of it is allowed\nthe internet by Route 53 NOERROR 192.0.2.1 differs"
	if strings.Join(got, "\n") != want {
		t.Errorf("answers:\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// TestAcrossEnds: where an upstream is silent, the views that ask it have an error when the time is over.
func TestAcrossEnds(t *testing.T) {
	w, _ := newWorld(t, parseBlocks(acrossWorld))
	w.upstream["up"].mode.Store("silent")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	answers, err := w.resolver.Across(ctx, wireName(t, "silent.example.net."), zone.TypeA)
	if err != nil || len(answers) != 5 {
		t.Fatalf("%v, %d answers", err, len(answers))
	}
	for _, a := range answers[:3] {
		if !strings.Contains(a.Error, "waiting for an upstream") || a.Differs {
			t.Errorf("view %s: %+v", a.View, a)
		}
	}
	_, err = w.resolver.Across(ctx, []byte{63}, zone.TypeA)
	if err == nil {
		t.Error("what is no name has answers")
	}
}
