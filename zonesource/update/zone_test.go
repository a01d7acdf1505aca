package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/miekg/dns"

	"inside53/examples"
	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
	"inside53/zonesource/changes"
)

const netZone = "Z0731658FW9JB6C8QTRG" // example.net. of the demo data

// world is a simulated Route 53, what is served of it, and an updater between them.
type world struct {
	t       *testing.T
	sim     *awssim.Sim
	account *awsclient.Account
	updater *Updater
	stop    func()
	log     *lines
	term    Term           // nil: it is alone
	before  func(*Updater) // is called before one runs; nil for nothing

	mu      sync.Mutex
	zone    *zone.Zone
	amended []*zonesource.Amendment
	synced  int
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newWorld serves nothing of the zone but its apex: all else is news.
func newWorld(t *testing.T, change func(*awssim.Options)) *world {
	t.Helper()
	o := awssim.Options{Data: examples.Demo(), Reads: awssim.Unlimited(), Changes: awssim.Unlimited()}
	if change != nil {
		change(&o)
	}
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(sim.ClearFaults)
	w := &world{t: t, sim: sim, log: new(lines),
		account: &awsclient.Account{Budget: awscall.NewBudget(1e6), Config: aws.Config{
			Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), HTTPClient: awshttp.NewBuildableClient(),
			Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
		}}}
	w.zone = zone.New(zone.Info{Origin: zone.Public, ID: netZone}, zone.NewTree(zone.MustName("example.net.")), 0)
	w.begin(t.TempDir())
	t.Cleanup(func() { w.stop() })
	return w
}

// begin starts an updater with a journal in dir.
func (w *world) begin(dir string) {
	w.t.Helper()
	u := New(Options{
		Source: "route53", Term: w.term, Hosted: w.hosted, Amend: w.amend,
		Synced:   func(*zonesource.Amendment) { w.mu.Lock(); w.synced++; w.mu.Unlock() },
		StateDir: dir, Window: 50 * time.Millisecond, Follow: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	u.SetAccounts([]*awsclient.Account{w.account})
	if w.before != nil {
		w.before(u)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx) }()
	w.updater = u
	w.stop = func() {
		w.stop = func() {}
		cancel()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run returned %v", err)
		}
		err = u.Close()
		if err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) hosted() []*zone.Zone {
	w.mu.Lock()
	defer w.mu.Unlock()
	return []*zone.Zone{w.zone}
}

func (w *world) amend(a *zonesource.Amendment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.amended = append(w.amended, a)
	e := w.zone.Tree.Edit()
	for _, s := range a.Sets {
		if !s.Set.Exists() {
			e.Delete(s.Name, s.Type)
			continue
		}
		err := e.Put(s.Name, s.Set)
		if err != nil {
			return err
		}
	}
	w.zone = w.zone.With(e.Commit(), 0)
	return nil
}

// serves is what is served of a name and type.
func (w *world) serves(name string, rrtype uint16) int {
	return int(w.hosted()[0].Tree.Lookup(zone.MustName(name)).RRset(rrtype).Count)
}

// send hands messages over at once and returns their results, each as code and text.
func (w *world) send(messages ...*Message) []string {
	w.t.Helper()
	got := make([]string, len(messages))
	var all sync.WaitGroup
	for i, m := range messages {
		r := m.Check(zone.MustName("example.net."))
		if !r.good() {
			w.t.Fatalf("message %d: %+v", i, r)
		}
	}
	for i, m := range messages { // one right after another, so that they come together
		all.Add(1)
		w.updater.Submit(w.hosted()[0], m, func(r Result) {
			got[i] = strings.TrimSpace(dns.RcodeToString[r.Rcode] + " " + r.Text)
			all.Done()
		})
	}
	all.Wait()
	return got
}

// has are the values of a record set in the simulator.
func (w *world) has(name, kind string) string {
	for _, r := range w.sim.Records(netZone) {
		if r.Name == name && r.Type == kind {
			var values []string
			for _, v := range r.ResourceRecords {
				values = append(values, v.Value)
			}
			slices.Sort(values)
			return strings.Join(values, " ")
		}
	}
	return ""
}

func (w *world) calls() (reads, changes int) {
	c := w.sim.Calls()
	return c["ListResourceRecordSets"], c["ChangeResourceRecordSets"]
}

func (w *world) await(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("never came about: %s\n%s", what, w.log)
		}
	}
}

func good(results []string) bool {
	return !slices.ContainsFunc(results, func(r string) bool { return r != "NOERROR" })
}

// TestConflict changes what somebody else has changed: the names are read once, and
// the change is made of what is there.
func TestConflict(t *testing.T) {
	w := newWorld(t, nil)
	got := w.send(message(t, "pages.example.net. 60 IN A 10.0.0.1"), message(t, "new.example.net. 60 IN A 10.0.0.2"))
	if !good(got) || w.has("pages.example.net.", "A") != "10.0.0.1 203.0.113.202" ||
		w.has("new.example.net.", "A") != "10.0.0.2" {
		t.Errorf("%q, there is %q and %q", got, w.has("pages.example.net.", "A"), w.has("new.example.net.", "A"))
	}
	reads, changes := w.calls()
	if reads != 1 || changes != 2 {
		t.Errorf("%d listings and %d batches", reads, changes)
	}
	if w.serves("pages.example.net.", dns.TypeA) != 2 {
		t.Error("it isn't served")
	}
	got = w.send(message(t, "www.example.net. 60 IN A 10.0.0.1")) // a CNAME is there: ignored
	if !good(got) || w.has("www.example.net.", "CNAME") != "example.net." || w.has("www.example.net.", "A") != "" {
		t.Errorf("beside a CNAME: %q", got)
	}
	got = w.send(message(t, "pages.example.net. 0 NONE A 203.0.113.202")) // known now: no listing
	if !good(got) || w.has("pages.example.net.", "A") != "10.0.0.1" {
		t.Errorf("known now: %q", got)
	}
	reads, changes = w.calls()
	if reads != 2 || changes != 4 {
		t.Errorf("in all %d listings and %d batches", reads, changes)
	}
}

// TestAlias leaves aliases and policies alone that nobody knew of.
func TestAlias(t *testing.T) {
	w := newWorld(t, nil)
	ttl := int64(60)
	weight := int64(1)
	_, err := w.sim.Change(netZone,
		awssim.Change{Action: "CREATE",
			RecordSet: awssim.RecordSet{Name: "alias.example.net.", Type: "A",
				AliasTarget: &awssim.AliasTarget{HostedZoneID: netZone, DNSName: "pages.example.net."}}},
		awssim.Change{Action: "CREATE",
			RecordSet: awssim.RecordSet{Name: "w.example.net.", Type: "A", SetIdentifier: "x", Weight: &weight, TTL: &ttl,
				ResourceRecords: []awssim.ResourceRecord{{Value: "10.0.0.1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	before := len(w.sim.Records(netZone))
	got := w.send(message(t, "alias.example.net. 60 IN A 10.0.0.1"), message(t, "w.example.net. 60 IN A 10.0.0.1"),
		message(t, "w.example.net. 0 ANY ANY"), message(t, "ok.example.net. 60 IN A 10.0.0.1"))
	want := []string{"REFUSED alias.example.net. A is an alias; updates leave it alone",
		"REFUSED w.example.net. A has a routing policy; updates leave it alone",
		"REFUSED w.example.net. A has a routing policy; updates leave it alone", "NOERROR"}
	if !slices.Equal(got, want) || len(w.sim.Records(netZone)) != before+1 {
		t.Errorf("%q", got)
	}
}

// TestTogether has many messages share as few batches as AWS's counting allows.
func TestTogether(t *testing.T) {
	w := newWorld(t, nil)
	var all []*Message
	for i := range 1500 {
		all = append(all, message(t, fmt.Sprintf("h%d.example.net. 60 IN A 10.0.%d.%d", i, i/250, i%250)))
	}
	got := w.send(all...)
	_, changes := w.calls()
	if !good(got) || changes != 2 {
		t.Errorf("%d batches", changes)
	}
	// By characters: 200 texts of 250 in 32,000 make two batches.
	all = nil
	for i := range 200 {
		all = append(all, message(t, fmt.Sprintf("t%d.example.net. 60 IN TXT %q", i, strings.Repeat("x", 250))))
	}
	got = w.send(all...)
	_, more := w.calls()
	if !good(got) || more-changes != 2 {
		t.Errorf("%d batches of texts", more-changes)
	}
	// The same RRset again and again is one change.
	all = nil
	for i := range 300 {
		all = append(all, message(t, fmt.Sprintf("same.example.net. 60 IN A 10.1.%d.%d", i/250, i%250)))
	}
	got = w.send(all...)
	_, again := w.calls()
	if !good(got) || again-more != 1 || len(strings.Fields(w.has("same.example.net.", "A"))) != 300 {
		t.Errorf("%d batches of one name", again-more)
	}
}

// TestTooLarge refuses what no batch takes, and makes the others.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	large := &Message{}
	for i := range 1001 {
		large.Updates = append(large.Updates, record(t, fmt.Sprintf("h%d.example.net. 60 IN A 10.0.0.1", i)))
	}
	just := &Message{Updates: large.Updates[:1000]}
	got := w.send(large, message(t, "x.example.net. 60 IN A 10.0.0.1"), just)
	const tooMany = "REFUSED the changes are 1001 records of 8008 characters for Route 53, " +
		"which takes 1000 of 32000 at once"
	if got[0] != tooMany || !good(got[1:]) {
		t.Errorf("%q", got)
	}
	_, changes := w.calls()
	if changes != 2 || w.has("h1000.example.net.", "A") != "" || w.has("h999.example.net.", "A") != "10.0.0.1" {
		t.Errorf("%d batches", changes)
	}
}

// TestBad has messages that Route 53 refuses among many: these alone fail, and few
// calls tell which.
func TestBad(t *testing.T) {
	w := newWorld(t, nil)
	var all []*Message
	bad := map[int]bool{3: true, 250: true, 251: true, 499: true}
	for i := range 500 {
		text := fmt.Sprintf("h%d.example.net. 60 IN A 10.0.%d.%d", i, i/250, i%250)
		if bad[i] {
			text = fmt.Sprintf("*.h%d.example.net. 60 IN NS ns.example.org.", i) // Route 53 has no such NS
		}
		all = append(all, message(t, text))
	}
	got := w.send(all...)
	for i, r := range got {
		if bad[i] != strings.HasPrefix(r, "REFUSED Route 53 says: RRSet of type NS with DNS name") ||
			bad[i] == (r == "NOERROR") {
			t.Errorf("message %d: %s", i, r)
		}
	}
	_, changes := w.calls()
	if changes > 2 {
		t.Errorf("%d batches", changes)
	}
	// Two that are bad together, of one record set, and others: told apart by halves.
	all = []*Message{message(t, "*.two.example.net. 60 IN NS a.example.org."),
		message(t, "*.two.example.net. 60 IN NS b.example.org.")}
	for i := range 20 {
		all = append(all, message(t, fmt.Sprintf("g%d.example.net. 60 IN A 10.0.0.1", i)))
	}
	got = w.send(all...)
	if !strings.HasPrefix(got[0], "REFUSED") || !strings.HasPrefix(got[1], "REFUSED") || !good(got[2:]) {
		t.Errorf("two of one record set: %q", got)
	}
	// What comes after a bad one and hangs on it is made without it.
	got = w.send(
		message(t, "*.x.example.net. 60 IN NS ns.example.org.", "dep.example.net. 60 IN A 10.0.0.1"),
		message(t, "? dep.example.net. 0 ANY A", "after.example.net. 60 IN A 10.0.0.1"),
		message(t, "dep.example.net. 60 IN A 10.0.0.2"))
	if !strings.HasPrefix(got[0], "REFUSED") || got[1] != "NXRRSET" || got[2] != "NOERROR" ||
		w.has("dep.example.net.", "A") != "10.0.0.2" || w.has("after.example.net.", "A") != "" {
		t.Errorf("%q", got)
	}
}

// TestPrerequisitesAreRead has one listing for what lies near.
func TestPrerequisitesAreRead(t *testing.T) {
	w := newWorld(t, nil)
	got := w.send(
		message(t, "? pages.example.net. 0 IN A 203.0.113.202", "p.example.net. 60 IN A 10.0.0.1"),
		message(t, "? www.example.net. 0 ANY CNAME", "? nothing.example.net. 0 NONE ANY", "q.example.net. 60 IN A 10.0.0.1"),
		message(t, "? p.example.net. 0 ANY A", "r.example.net. 60 IN A 10.0.0.1"),
		message(t, "? pages.example.net. 0 NONE A", "s.example.net. 60 IN A 10.0.0.1"),
		message(t, "? shop-eu.example.net. 0 IN A 203.0.113.203"))
	if want := []string{"NOERROR", "NOERROR", "NOERROR", "YXRRSET", "NOERROR"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	reads, changes := w.calls()
	if reads != 1 || changes != 1 || w.has("s.example.net.", "A") != "" || w.has("r.example.net.", "A") != "10.0.0.1" {
		t.Errorf("%d listings, %d batches", reads, changes)
	}
}

// TestThrottled waits throttling and prior requests out.
func TestThrottled(t *testing.T) {
	w := newWorld(t, nil)
	err := w.sim.AddFaults(awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "throttle", Count: 2},
		awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "prior-request", Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	got := w.send(message(t, "x.example.net. 60 IN A 10.0.0.1"))
	if !good(got) || w.has("x.example.net.", "A") != "10.0.0.1" {
		t.Errorf("%q", got)
	}
}

// TestLostAnswer is made once though its answer is lost, or each time fails.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t, nil)
	err := w.sim.AddFaults(awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "fail", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	got := w.send(message(t, "? x.example.net. 0 NONE ANY", "x.example.net. 60 IN A 10.0.0.1"))
	_, changes := w.calls()
	if !good(got) || changes != 1 {
		t.Errorf("%q after %d batches", got, changes)
	}
	err = w.sim.AddFaults(awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "access-denied", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	got = w.send(message(t, "y.example.net. 60 IN A 10.0.0.1"))
	if len(got) != 1 || !strings.HasPrefix(got[0], "SERVFAIL AccessDenied: ") || w.has("y.example.net.", "A") != "" {
		t.Errorf("denied: %q", got)
	}
}

// TestFollowed asks whether a change has reached all servers, and says so once.
func TestFollowed(t *testing.T) {
	w := newWorld(t, func(o *awssim.Options) { o.SyncDelay = 100 * time.Millisecond })
	if got := w.send(message(t, "x.example.net. 60 IN A 10.0.0.1")); !good(got) {
		t.Fatalf("%q", got)
	}
	w.await("it is in sync", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.synced == 1 })
	if w.sim.Calls()["GetChange"] < 2 {
		t.Error("it was in sync too early")
	}
}

// lostClient sends batches and loses their answers, and reads only when it is back.
type lostClient struct {
	client
	back atomic.Bool
}

func (l *lostClient) RecordsOf(ctx context.Context, z changes.Zone, names []string) ([]changes.RecordSet, error) {
	if !l.back.Load() {
		return nil, errors.New("away")
	}
	return l.client.RecordsOf(ctx, z, names)
}

func (l *lostClient) Submit(ctx context.Context, z changes.Zone, b changes.Batch) (string, error) {
	_, err := l.client.Submit(ctx, z, b)
	return "", errors.Join(changes.ErrUnknown, err)
}

// client has the updater use another one.
func (w *world) client(c *lostClient) *lostClient {
	w.updater.mu.Lock()
	defer w.updater.mu.Unlock()
	w.updater.clients = map[string]client{"": c}
	return c
}
