package events

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
	"inside53/zonesource/ec2"
	"inside53/zonesource/route53"
)

// lab is a simulated AWS, sources that have listed it once and rest for an hour, and a reader of its
// events.
type lab struct {
	t       *testing.T
	sim     *awssim.Sim
	keeper  *zonesource.Keeper
	config  aws.Config
	rate    float64 // of Route 53
	options func(*Options)

	mu       sync.Mutex
	results  map[string]int
	took     []time.Duration
	accepted []zonesource.Accepted
	snapshot *zone.Snapshot
	heard    chan struct{} // closed and renewed with each snapshot
}

func newLab(t *testing.T, o awssim.Options) *lab {
	t.Helper()
	if o.Data == nil {
		o.Data = os.DirFS("../../examples/demo")
	}
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sim.CreateQueue("eu-west-1", "inside53", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = sim.SetEvents(awssim.EventSwitch{Queue: "inside53"})
	if err != nil {
		t.Fatal(err)
	}
	return &lab{t: t, sim: sim, rate: 100, results: map[string]int{}, heard: make(chan struct{})}
}

func unlimited() awssim.Options {
	return awssim.Options{Reads: awssim.Unlimited(), Changes: awssim.Unlimited(), Inventory: awssim.Unlimited()}
}

// start runs all of it until the end of the test, and returns once the first data are there.
func (l *lab) start() {
	l.t.Helper()
	server := httptest.NewServer(l.sim)
	l.t.Cleanup(server.Close)
	l.config = aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}
	accounts := []*awsclient.Account{{Config: l.config, Budget: awscall.NewBudget(l.rate),
		Hints: awscall.NewBudget(l.rate / 2)}}
	k, err := zonesource.NewKeeper(zonesource.Options{
		Config: zonesource.Config{
			NegativeTTL: time.Minute, MaxShrink: 0.5, EC2: true, TagZone: "internal.", TranslatedTTL: time.Minute,
			Expected: []zonesource.Key{{Source: "route53", Name: "catalog/"}, {Source: "ec2", Name: "/eu-west-1"}},
		},
		Publish: l.publish,
		Accepted: func(all []zonesource.Accepted) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.accepted = append(l.accepted, all...)
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.keeper = k
	zones, err := route53.New(route53.Options{Accounts: accounts, Refresh: time.Hour})
	if err != nil {
		l.t.Fatal(err)
	}
	hosts, err := ec2.New(ec2.Options{Accounts: []ec2.Account{{Config: l.config}}, Regions: []string{"eu-west-1"},
		Refresh: time.Hour})
	if err != nil {
		l.t.Fatal(err)
	}
	o := Options{
		Queue: server.URL + "/123456789012/inside53", Accounts: accounts, Keeper: k, Zones: zones, Hosts: hosts,
		OnEvent: func(result string, took time.Duration) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.results[result]++
			l.took = append(l.took, took)
		},
	}
	if l.options != nil {
		l.options(&o)
	}
	reader, err := New(o)
	if err != nil {
		l.t.Fatal(err)
	}
	err = k.Load()
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(l.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx, zones, hosts, reader) }()
	l.t.Cleanup(func() {
		cancel()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			l.t.Errorf("running: %v", err)
		}
		err = k.Close()
		if err != nil {
			l.t.Error(err)
		}
	})
	l.await("the first data", func() bool { return l.keeper.Brief().Loaded })
}

func (l *lab) publish(s *zone.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapshot = s
	close(l.heard)
	l.heard = make(chan struct{})
}

// await waits for something to be so.
func (l *lab) await(what string, is func() bool) {
	l.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: it didn't come; events %v", what, l.counted())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *lab) counted() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]int{}
	for result, n := range l.results {
		out[result] = n
	}
	return out
}

// zone is a hosted zone of a name, as it is served.
func (l *lab) zone(name string, private bool) *zone.Zone {
	l.t.Helper()
	for _, p := range l.keeper.Parts("route53") {
		if p.Zone != nil && zone.String(p.Zone.Apex) == name && (p.Zone.Origin == zone.Private) == private {
			return p.Zone
		}
	}
	return nil
}

// served are the addresses of a name of the public zone example.com, as they are served.
func (l *lab) served(name string) string {
	z := l.zone("example.com.", false)
	if z == nil {
		return "no zone"
	}
	var out []string
	for d := range z.Tree.Lookup(zone.MustName(name)).RRset(zone.TypeA).Rdata() {
		a, _ := netip.AddrFromSlice(d)
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

// change changes records of the public zone example.com in AWS.
func (l *lab) change(all ...awssim.Change) {
	l.t.Helper()
	_, err := l.sim.Change(l.zone("example.com.", false).ID, all...)
	if err != nil {
		l.t.Fatal(err)
	}
}

// address is a change that gives a name an address.
func address(name, a string) awssim.Change {
	return awssim.Change{Action: "UPSERT", RecordSet: awssim.RecordSet{Name: name, Type: "A", TTL: aws.Int64(60),
		ResourceRecords: []awssim.ResourceRecord{{Value: a}}}}
}

// causes are why parts of a name were accepted, with the actor.
func (l *lab) causes(part string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, a := range l.accepted {
		if strings.Contains(a.Key.Name, part) {
			out = append(out, fmt.Sprintf("%s by %s", a.Kind, a.Actor))
		}
	}
	return out
}
