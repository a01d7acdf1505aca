package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/examples"
	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// kills is how often the server is killed under updates, inFlight how many of them each
// of 50 clients has under way; the full run has 20 of both, and 10,000 updates.
var (
	kills    = flag.Int("kills", 4, "how often TestUpdatesSurviveKills kills the server")
	inFlight = flag.Int("inflight", 1, "updates that each client has under way")
	survive  = flag.Int("survive", 20, "updates that have to be acknowledged at least")
)

const killConfig = `
listen: {dns: ["127.0.0.1:0"]}
admin: ""
state_dir: state
drain: 0s
route53: {refresh: 500ms, requests_per_second: 1000}
views: [{name: all, clients: [127.0.0.0/8]}]
keys: [{name: ops, secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}]
updates: [{zone: example.net., visibility: public, keys: [ops]}]
`

// accountant stands before the simulator and counts what is created in batches that it
// accepts.
type accountant struct {
	sim *awssim.Sim

	mu      sync.Mutex
	created map[string]int // by name
}

var creation = regexp.MustCompile(`<Action>CREATE</Action><ResourceRecordSet>.*?<Name>([^<]+)</Name>`)

func (l *accountant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/rrset") {
		l.sim.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the server was killed
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	l.sim.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
	if answer.Code == http.StatusOK {
		l.mu.Lock()
		for _, m := range creation.FindAllSubmatch(body, -1) {
			l.created[string(m[1])]++
		}
		l.mu.Unlock()
	}
	time.Sleep(rand.N(20 * time.Millisecond)) // kills come before, between and after
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the server may be gone
}

// killable is a server in a process of its own, started again after each kill.
type killable struct {
	t      *testing.T
	config string
	url    string
	addr   atomic.Pointer[string]
	cmd    *exec.Cmd
	log    bytes.Buffer // of all processes; to be read when none runs
}

func (k *killable) start() {
	k.t.Helper()
	self, err := os.Executable()
	if err != nil {
		k.t.Fatal(err)
	}
	out := &opening{line: make(chan string, 1)}
	k.cmd = exec.Command(self, "serve", "--config", k.config)
	k.cmd.Env = append(os.Environ(), asProgram+"=1", "AWS_ENDPOINT_URL="+k.url, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PROFILE=")
	k.cmd.Stdout, k.cmd.Stderr = out, &k.log
	err = k.cmd.Start()
	if err != nil {
		k.t.Fatal(err)
	}
	select {
	case line := <-out.line:
		addr := fields(k.t, line)["dns"]
		k.addr.Store(&addr)
	case <-time.After(time.Minute):
		k.t.Error("the server does not get ready")
	}
}

func (k *killable) kill() {
	_ = k.cmd.Process.Kill() // SIGKILL
	_ = k.cmd.Wait()         // its end is what is wanted
}

// persist makes one update, as often as it takes until it is acknowledged. One with
// a prerequisite that its name is free is done, too, when an earlier attempt took it.
func (k *killable) persist(ctx context.Context, name string, free bool) error {
	record, err := dns.NewRR(name + " 60 IN TXT " + name)
	if err != nil {
		return err
	}
	client := dns.Client{Timeout: 2 * time.Second,
		TsigSecret: map[string]string{"ops.": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}
	if rand.N(2) == 0 {
		client.Net = "tcp"
	}
	for tries := 0; ctx.Err() == nil; tries++ {
		m := new(dns.Msg).SetUpdate("example.net.")
		if free {
			m.NameNotUsed([]dns.RR{record})
		}
		m.Insert([]dns.RR{record})
		m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
		reply, _, err := client.ExchangeContext(ctx, m, *k.addr.Load())
		switch {
		case err != nil || reply.Rcode == dns.RcodeServerFailure:
			time.Sleep(10 * time.Millisecond)
		case reply.Rcode == dns.RcodeSuccess, free && tries > 0 && reply.Rcode == dns.RcodeYXDomain:
			return nil
		default:
			return fmt.Errorf("%s, attempt %d: answered %s", name, tries+1, dns.RcodeToString[reply.Rcode])
		}
	}
	return fmt.Errorf("%s is never acknowledged", name)
}

// TestUpdatesSurviveKills kills the server at random moments while clients change
// records. What was acknowledged is in Route 53, and nothing was made twice.
func TestUpdatesSurviveKills(t *testing.T) {
	sim, err := awssim.New(awssim.Options{Data: examples.Demo(), Reads: awssim.Unlimited(), Changes: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	books := &accountant{sim: sim, created: map[string]int{}}
	web := httptest.NewServer(books)
	defer web.Close()
	k := &killable{t: t, config: write(t, killConfig), url: web.URL}
	k.start()

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var (
		clients sync.WaitGroup
		done    atomic.Bool
		mu      sync.Mutex
		names   []string
	)
	for c := range 50 * *inFlight {
		clients.Go(func() {
			for i := 0; !done.Load() && ctx.Err() == nil; i++ {
				name := fmt.Sprintf("k%d-%d.example.net.", c, i)
				err := k.persist(ctx, name, i%5 == 0)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				names = append(names, name)
				mu.Unlock()
			}
		})
	}
	for range *kills {
		time.Sleep(100*time.Millisecond + rand.N(400*time.Millisecond))
		k.kill()
		k.start()
	}
	for enough := false; !enough && ctx.Err() == nil; {
		time.Sleep(300 * time.Millisecond)
		mu.Lock()
		enough = len(names) >= *survive
		mu.Unlock()
	}
	done.Store(true)
	clients.Wait()

	have := map[string]bool{}
	for _, r := range sim.Records("Z0731658FW9JB6C8QTRG") {
		have[r.Name] = true
	}
	books.mu.Lock()
	for _, name := range names {
		if !have[name] || books.created[name] != 1 {
			t.Errorf("%s was acknowledged: in Route 53 is %v, created %d times", name, have[name], books.created[name])
		}
	}
	books.mu.Unlock()
	m := new(dns.Msg).SetQuestion(names[len(names)-1], dns.TypeTXT)
	reply, _, err := (&dns.Client{Timeout: 5 * time.Second}).Exchange(m, *k.addr.Load())
	if err != nil || len(reply.Answer) != 1 {
		t.Errorf("the last one is answered %v, %v", reply, err)
	}
	k.kill()
	found := strings.Count(k.log.String(), "update was made before the end") +
		strings.Count(k.log.String(), "update was not made before the end")
	t.Logf("%d updates acknowledged over %d kills; of %d the journal had no result", len(names), *kills, found)
	if len(names) < *survive || t.Failed() {
		t.Errorf("%d updates; the end of the log:\n%s", len(names), k.log.String()[max(0, k.log.Len()-3000):])
	}
}
