package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inside53/resolver/freeport"
	"inside53/server/admin"
	"inside53/server/config"
	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

// The program tests run the whole program in this process: a simulated AWS behind
// it, which the real SDK reaches by HTTP, and a real DNS client before it.

// patience is how long a program test waits for what has to come about. It is far
// longer than anything takes: the tests may share a busy machine.
const patience = 30 * time.Second

// cloud is a simulated AWS and the DNS of the world outside, for one test.
type cloud struct {
	*awssim.Sim
	url  string
	dns  string      // address of the resolver of the world outside
	away atomic.Bool // connections to AWS break
	// watch is told each request.
	watch atomic.Pointer[func(*http.Request)]
}

// newCloud starts a cloud with the demo data, unless change says otherwise, and lets
// the SDK of this process know nothing else.
func newCloud(t *testing.T, change func(*awssim.Options)) *cloud {
	t.Helper()
	before := goleak.IgnoreCurrent()
	o := awssim.Options{Data: os.DirFS(filepath.Join(examples, "demo")), Reads: awssim.Unlimited(),
		Changes: awssim.Unlimited(), Inventory: awssim.Unlimited()}
	if change != nil {
		change(&o)
	}
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{Sim: sim}
	web := httptest.NewServer(http.HandlerFunc(c.serve))
	c.url = web.URL
	packets, streams := freePair(t)
	c.dns = packets.LocalAddr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- sim.RunDNS(ctx, packets, streams) }()
	t.Cleanup(func() {
		sim.ClearFaults()
		web.CloseClientConnections()
		web.Close()
		cancel()
		<-ended
		if !t.Failed() {
			goleak.VerifyNone(t, before)
		}
	})
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": c.url, "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "",
		"AWS_REGION":        "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	return c
}

// serve is the simulator, or a broken connection while AWS is away.
func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	if c.away.Load() {
		panic(http.ErrAbortHandler)
	}
	watch := c.watch.Load()
	if watch != nil {
		(*watch)(r)
	}
	c.ServeHTTP(w, r)
}

// fault arms a fault.
func (c *cloud) fault(t *testing.T, f awssim.Fault) {
	t.Helper()
	err := c.AddFaults(f)
	if err != nil {
		t.Fatal(err)
	}
}

// change applies a change batch to a zone; each change is ACTION NAME TYPE VALUE.
func (c *cloud) change(t *testing.T, zone string, changes ...string) {
	t.Helper()
	ttl := int64(60)
	var batch []awssim.Change
	for _, text := range changes {
		words := strings.SplitN(text, " ", 4)
		batch = append(batch, awssim.Change{Action: words[0], RecordSet: awssim.RecordSet{
			Name: words[1], Type: words[2], TTL: &ttl, ResourceRecords: []awssim.ResourceRecord{{Value: words[3]}},
		}})
	}
	_, err := c.Change(zone, batch...)
	if err != nil {
		t.Fatal(err)
	}
}

// site is a directory with a configuration and what it names.
type site struct {
	dir string
}

func newSite(t testing.TB) *site { return &site{dir: t.TempDir()} }

// freePair listens by UDP and TCP on one free port of loopback.
func freePair(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	packets, streams, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	return packets, streams
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// write replaces a file of the site at once, as an editor does.
func (s *site) write(t testing.TB, name, text string) {
	t.Helper()
	err := os.WriteFile(s.path(name+".new"), []byte(text), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	err = os.Rename(s.path(name+".new"), s.path(name))
	if err != nil {
		t.Fatal(err)
	}
}

// program is the whole program running for one test.
type program struct {
	app    *App
	addr   netip.AddrPort // of DNS
	log    *record
	stdout *record
	reload chan struct{}
	cancel context.CancelFunc // as SIGTERM does
	done   chan error         // what Run returned
}

// record is what somebody wrote. It is safe for concurrent use.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// assemble makes the program of a configuration without running it.
func (s *site) assemble(t testing.TB, text string) (*program, error) {
	t.Helper()
	s.write(t, "inside53.yaml", text)
	c, err := config.Load(s.path("inside53.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := &program{log: new(record), stdout: new(record), reload: make(chan struct{}, 1), done: make(chan error, 1)}
	p.app, err = NewApp(t.Context(), AppOptions{
		Config: c, Reload: p.reload, Stdout: p.stdout, Version: "1.2.3",
		Log: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: c.Log.Level})),
	})
	if err != nil {
		return nil, err
	}
	p.addr = p.app.server.Addrs()[0]
	return p, nil
}

// start runs the program until the test ends.
func (s *site) start(t testing.TB, text string) *program {
	t.Helper()
	p, err := s.assemble(t, text)
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	go func() { p.done <- p.app.Run(ctx) }()
	t.Cleanup(func() {
		p.end(t)
		if t.Failed() {
			lines := strings.SplitAfter(p.log.String(), "\n")
			t.Logf("the end of the log:\n%s", strings.Join(lines[max(0, len(lines)-10):], ""))
		}
	})
	return p
}

// ready runs the program and waits until it is ready.
func (s *site) ready(t testing.TB, text string) *program {
	t.Helper()
	p := s.start(t, text)
	p.await(t, "ready", func() bool { return p.readiness(t).Ready })
	return p
}

// end ends the program and returns what Run returned; more than once the same.
func (p *program) end(t testing.TB) {
	t.Helper()
	p.cancel()
	select {
	case err := <-p.done:
		p.done <- err
		if err != nil {
			t.Errorf("Run returned %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the program does not end")
	}
}

// await polls until is, and fails the test when that takes too long.
func (p *program) await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-p.done:
			p.done <- err
			t.Fatalf("the program ended with %v, before: %s", err, what)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("never came about: %s", what)
		}
	}
}

// configure writes another configuration and has it loaded.
func (p *program) configure(t *testing.T, s *site, text string) {
	t.Helper()
	s.write(t, "inside53.yaml", text)
	p.reload <- struct{}{}
}

// get asks the admin address.
func (p *program) get(t testing.TB, method, path string) (int, string) {
	t.Helper()
	return request(t, method, "http://"+p.app.admin.Addr().String()+path)
}

func request(t testing.TB, method, url string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// into asks the admin address for JSON.
func (p *program) into(t testing.TB, path string, v any) int {
	t.Helper()
	code, body := p.get(t, http.MethodGet, path)
	unmarshal(t, body, v)
	return code
}

func unmarshal(t testing.TB, text string, v any) {
	t.Helper()
	err := json.Unmarshal([]byte(text), v)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func (p *program) readiness(t testing.TB) admin.Ready {
	t.Helper()
	var r admin.Ready
	code := p.into(t, "/readyz", &r)
	if r.Ready != (code == http.StatusOK) || r.Ready != (len(r.Reasons) == 0) {
		t.Fatalf("readiness %+v with status %d", r, code)
	}
	return r
}

// zone returns the entry of a zone in /zones, by name or id; its ID is "" when there is none.
func (p *program) zone(t *testing.T, is string) admin.Zone {
	t.Helper()
	var zones []admin.Zone
	p.into(t, "/zones", &zones)
	for _, z := range zones {
		if z.ID == is || z.Name == is {
			return z
		}
	}
	return admin.Zone{}
}

// metric returns the value of a metric line, given with its labels; ok is false
// when there is no such line.
func (p *program) metric(t *testing.T, line string) (value string, ok bool) {
	t.Helper()
	_, body := p.get(t, http.MethodGet, "/metrics")
	for text := range strings.Lines(body) {
		value, ok = strings.CutPrefix(text, line+" ")
		if ok {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// ask asks once, as the client of that address, by UDP or TCP.
func (p *program) ask(t *testing.T, q question) *dns.Msg {
	t.Helper()
	c, err := q.dial(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	reply, err := q.ask(c)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return reply
}

// check asks once and says what is wrong with the answer.
func (p *program) check(t *testing.T, questions ...question) {
	t.Helper()
	for _, q := range questions {
		fault := q.fault(p.ask(t, q))
		if fault != "" {
			t.Errorf("%s: %s", q, fault)
		}
	}
}

// answers reports whether the answer is right now.
func (p *program) answers(t *testing.T, q question) bool {
	t.Helper()
	return q.fault(p.ask(t, q)) == ""
}
