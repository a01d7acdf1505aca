package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"inside53/examples"
	"inside53/resolver/freeport"
	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// followChanges is how many changes of the master are followed; the run with real masters has
// 1,000.
var followChanges = flag.Int("follow-changes", 60, "changes that TestFollowSurvivesKills makes")

const (
	followZone = "example.net."
	followInto = "Z0731658FW9JB6C8QTRG"
)

const followConfig = `
listen: {dns: ["ADDRESS"]}
admin: ""
state_dir: state
drain: 0s
route53: {refresh: 500ms, requests_per_second: 1000}
views: [{name: all, clients: [127.0.0.0/8]}]
follow: [{zone: example.net, primaries: ["MASTER"], into: Z0731658FW9JB6C8QTRG}]
`

// master is a server whose zone is followed.
type master interface {
	address() string
	// set gives a name records of a type, none to take them away.
	set(t *testing.T, name string, rrtype uint16, records ...dns.RR)
	// has are the records of the zone but the SOA and NS records of the apex.
	has(t *testing.T) []string
}

// ownMaster is a master in this process. It tells nobody of changes.
type ownMaster struct {
	addr string

	mu     sync.Mutex
	serial uint32
	whole  int                 // how often the whole zone was asked for
	sets   map[string][]dns.RR // by name and type
}

func newOwnMaster(t *testing.T) *ownMaster {
	t.Helper()
	m := &ownMaster{serial: 1, sets: map[string][]dns.RR{}}
	udp, tcp, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	m.addr = tcp.Addr().String()
	for _, s := range []*dns.Server{{Listener: tcp, Handler: m}, {PacketConn: udp, Handler: m}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return m
}

func (m *ownMaster) address() string { return m.addr }

func (m *ownMaster) set(_ *testing.T, name string, rrtype uint16, records ...dns.RR) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.serial++
	m.sets[name+" "+dns.TypeToString[rrtype]] = records
}

func (m *ownMaster) records() []dns.RR {
	var all []dns.RR
	for _, set := range m.sets {
		all = append(all, set...)
	}
	return all
}

func (m *ownMaster) has(*testing.T) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return textsOf(m.records())
}

func (m *ownMaster) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m.mu.Lock()
	soa, _ := dns.NewRR(fmt.Sprintf("%s 60 IN SOA ns.%[1]s h.%[1]s %d 1 1 3600 60", followZone, m.serial))
	all := append([]dns.RR{soa}, m.records()...)
	if q.Question[0].Qtype == dns.TypeAXFR {
		m.whole++
	}
	m.mu.Unlock()
	reply := new(dns.Msg).SetReply(q)
	reply.Authoritative = true
	if q.Question[0].Qtype == dns.TypeSOA {
		reply.Answer = all[:1]
		_ = w.WriteMsg(reply) // the server may be killed
		return
	}
	reply.Answer = append(all, soa)
	_ = w.WriteMsg(reply)
}

// textsOf are records in the order of their text.
func textsOf(records []dns.RR) []string {
	var all []string
	for _, rr := range records {
		h := rr.Header()
		if h.Name == followZone && (h.Rrtype == dns.TypeSOA || h.Rrtype == dns.TypeNS) {
			continue
		}
		all = append(all, rr.String())
	}
	sort.Strings(all)
	return all
}

// inRoute53 are the records of the hosted zone, likewise, an alias as ALIAS.
func inRoute53(t *testing.T, sim *awssim.Sim) []string {
	t.Helper()
	var all []dns.RR
	var aliases []string
	for _, set := range sim.Records(followInto) {
		if set.AliasTarget != nil {
			aliases = append(aliases, set.Name+" ALIAS")
		}
		for _, v := range set.ResourceRecords {
			rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", strings.ReplaceAll(set.Name, `\052`, "*"), *set.TTL, set.Type,
				v.Value))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, rr)
		}
	}
	found := append(textsOf(all), aliases...)
	sort.Strings(found)
	return found
}

// drawChange draws the change of one record set of the master, and a number for its text.
func drawChange(t *testing.T, r *rand.Rand, i int) (name string, rrtype uint16, records []dns.RR) {
	t.Helper()
	name = fmt.Sprintf("n%d.%s", r.IntN(30), followZone)
	kinds := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeMX, dns.TypeSRV}
	rrtype = kinds[r.IntN(len(kinds))]
	if r.IntN(6) == 0 {
		name, rrtype = fmt.Sprintf("c%d.%s", r.IntN(8), followZone), dns.TypeCNAME
	}
	most := 3
	if rrtype == dns.TypeCNAME {
		most = 1
	}
	for n := range r.IntN(most + 1) {
		value := map[uint16]string{
			dns.TypeA: fmt.Sprintf("10.%d.%d.%d", i>>8&255, i&255, n+1), dns.TypeAAAA: fmt.Sprintf("2001:db8::%x:%x", i, n+1),
			dns.TypeTXT: fmt.Sprintf(`"change %d" "\;%d"`, i, n), dns.TypeMX: fmt.Sprintf("%d mail%d.example.org.", n, i),
			dns.TypeSRV: fmt.Sprintf("%d 5 %d host.example.org.", n, 1000+i), dns.TypeCNAME: fmt.Sprintf("t%d.example.org.", i),
		}[rrtype]
		rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", name, 60+i%5, dns.TypeToString[rrtype], value))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rr)
	}
	return name, rrtype, records
}

// followThroughKills has a server follow a master that changes, and kills it meanwhile. In the end
// the hosted zone has what the master has, and what others have put there before and meanwhile.
func followThroughKills(t *testing.T, m master, address string, count, kills int) *killable {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Data: examples.Demo(), Reads: awssim.Unlimited(), Changes: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(&accountant{sim: sim, created: map[string]int{}})
	defer web.Close()
	one := func(action, name, kind, value string) {
		t.Helper()
		ttl := int64(60)
		_, err := sim.Change(followInto, awssim.Change{Action: action, RecordSet: awssim.RecordSet{Name: name, Type: kind,
			TTL: &ttl, ResourceRecords: []awssim.ResourceRecord{{Value: value}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	one("CREATE", "taken.example.net.", "TXT", `"theirs"`)
	foreign := inRoute53(t, sim)
	taken, err := dns.NewRR(`taken.example.net. 60 IN TXT "ours"`)
	if err != nil {
		t.Fatal(err)
	}
	m.set(t, "taken.example.net.", dns.TypeTXT, taken)
	config := strings.NewReplacer("MASTER", m.address(), "ADDRESS", address).Replace(followConfig)
	k := &killable{t: t, config: write(t, config), url: web.URL}
	k.start()
	defer func() {
		k.kill()
		if t.Failed() {
			t.Logf("the end of the log:\n%s", k.log.String()[max(0, k.log.Len()-3000):])
		}
	}()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range count {
		name, rrtype, records := drawChange(t, r, i)
		m.set(t, name, rrtype, records...)
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		if i%max(1, count/kills) == count/kills/2 {
			time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
			k.kill()
			k.start()
		}
		if i == count/2 {
			one("CREATE", "meanwhile.example.net.", "TXT", `"theirs too"`)
			foreign = append(foreign, "meanwhile.example.net.\t60\tIN\tTXT\t\"theirs too\"")
		}
	}
	var got, want []string
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		want = append(slices.DeleteFunc(m.has(t), func(line string) bool { return strings.HasPrefix(line, "taken.") }),
			foreign...)
		sort.Strings(want)
		got = inRoute53(t, sim)
		if slices.Equal(got, want) {
			return k
		}
	}
	lacks := slices.DeleteFunc(slices.Clone(want), func(l string) bool { return slices.Contains(got, l) })
	over := slices.DeleteFunc(slices.Clone(got), func(l string) bool { return slices.Contains(want, l) })
	t.Errorf("the hosted zone has %d records, the master and others %d; it lacks\n%s\nand has too much\n%s", len(got),
		len(want), strings.Join(lacks, "\n"), strings.Join(over, "\n"))
	return k
}

// TestFollowSurvivesKills: with a master that answers with the whole zone each time, though restarts
// ask for what is new since the last serial. What is left alone is still told of after them.
func TestFollowSurvivesKills(t *testing.T) {
	m := newOwnMaster(t)
	k := followThroughKills(t, m, "127.0.0.1:0", *followChanges, 4)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.whole > 2 { // the first process may end before it has kept anything
		t.Errorf("the whole zone was asked for %d times", m.whole)
	}
	last := strings.LastIndex(k.log.String(), `msg="serial followed"`)
	if line, _, _ := strings.Cut(k.log.String()[max(last, 0):], "\n"); !strings.HasSuffix(line, "left_alone=1") {
		t.Errorf("a restart has forgotten what is left alone: %s", line)
	}
	if log := k.log.String(); !strings.Contains(log, `msg="serial followed" zone=example.net. zone_id=`+followInto) ||
		!strings.Contains(log, `msg="a record set is left alone" zone=example.net. name=taken.example.net. type=TXT`) {
		t.Errorf("no lines of what was followed and left alone in\n%s", log[max(0, len(log)-3000):])
	}
}

// TestFollowCommand: the plan of a followed zone, and its exit codes.
func TestFollowCommand(t *testing.T) {
	sim := simulate(t)
	m := newOwnMaster(t)
	path := write(t, strings.NewReplacer("MASTER", m.addr, "ADDRESS", "127.0.0.1:0", "state_dir: state",
		"state_dir: "+filepath.Join(t.TempDir(), "state")).Replace(followConfig))
	same(t, "an empty zone", ok(t, "follow", "example.net", "--config", path, "--dry-run"),
		"nothing to do; 0 as wanted already, 0 others stay\n")
	rr, err := dns.NewRR("new.example.net. 60 IN A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	m.set(t, "new.example.net.", dns.TypeA, rr)
	code, out, errs := command(t, "follow", "example.net", "--config", path, "--dry-run")
	if code != exitFailed || !strings.Contains(out, "+ create  new.example.net.  60  A  192.0.2.1") ||
		!strings.Contains(errs, "there is something to do: 1 to create") {
		t.Errorf("code %d, output %q, errors %q", code, out, errs)
	}
	code, out, _ = command(t, "follow", "EXAMPLE.net.", "--config", path, "--dry-run", "--json")
	if code != exitFailed || !strings.Contains(out, `"Action": "CREATE"`) || sim.Calls()["ChangeResourceRecordSets"] != 0 {
		t.Errorf("code %d, output %q, calls %v", code, out, sim.Calls())
	}
	fails(t, exitUsage, "the server follows by itself", "follow", "example.net", "--config", path)
	fails(t, exitUsage, "doesn't follow example.org; it follows example.net.", "follow", "example.org", "--config", path,
		"--dry-run")
	gone := write(t, strings.NewReplacer("MASTER", "127.0.0.1:1", "ADDRESS", "127.0.0.1:0").Replace(followConfig))
	fails(t, exitUndecided, "asking 127.0.0.1:1 for the serial of example.net.", "follow", "example.net", "--config", gone,
		"--dry-run")
}

// TestFollowCommandInFleet: the plan knows what the fleet has followed, also at a server that never led.
func TestFollowCommandInFleet(t *testing.T) {
	sim := simulate(t)
	err := sim.CreateBucket("fleet")
	if err != nil {
		t.Fatal(err)
	}
	m := newOwnMaster(t)
	for name, addr := range map[string]string{"changes": "192.0.2.1", "goes": "192.0.2.2"} {
		rr, err := dns.NewRR(name + ".example.net. 60 IN A " + addr)
		if err != nil {
			t.Fatal(err)
		}
		m.set(t, name+".example.net.", dns.TypeA, rr)
	}
	member := func(name string) string {
		text := strings.NewReplacer("MASTER", m.addr, "ADDRESS", "127.0.0.1:0", "state_dir: state",
			"state_dir: "+filepath.Join(t.TempDir(), "state")).Replace(followConfig)
		return write(t, text+"keys: [{name: fleet, secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]\n"+
			"fleet: {name: "+name+", store: s3://fleet/prod, keys: [fleet]}\n")
	}
	other := member("m2")
	code, out, errs := command(t, "follow", "example.net", "--config", other, "--dry-run")
	if code != exitFailed || !strings.Contains(errs, "there is something to do: 2 to create") {
		t.Errorf("before the first time: code %d, output %q, errors %q", code, out, errs)
	}
	k := &killable{t: t, config: member("m1"), url: os.Getenv("AWS_ENDPOINT_URL")}
	k.start()
	defer k.kill()
	eventually(t, "the zone is followed", func() bool {
		text, code := "", 0
		if len(inRoute53(t, sim)) >= 2 {
			code, text, _ = command(t, "follow", "example.net", "--config", other, "--dry-run")
		}
		return code == exitDone && strings.HasPrefix(text, "nothing to do; ")
	})
	k.kill()
	rr, err := dns.NewRR("changes.example.net. 60 IN A 192.0.2.3")
	if err != nil {
		t.Fatal(err)
	}
	m.set(t, "changes.example.net.", dns.TypeA, rr)
	m.set(t, "goes.example.net.", dns.TypeA)
	code, out, errs = command(t, "follow", "example.net", "--config", other, "--dry-run")
	if code != exitFailed || !strings.Contains(errs, "there is something to do: 1 to change, 1 to delete") ||
		strings.Contains(out, "!") {
		t.Errorf("code %d, output %q, errors %q", code, out, errs)
	}
	err = sim.AddFaults(awssim.Fault{Operation: "GetObject", Fault: "access-denied"})
	if err != nil {
		t.Fatal(err)
	}
	fails(t, exitUndecided, "reading what the fleet has followed of example.net.", "follow", "example.net", "--config",
		other, "--dry-run")
}
