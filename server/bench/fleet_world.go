//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"inside53/examples"
	"inside53/resolver/freeport"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
	"inside53/zonesource/fleet"
)

const (
	fleetBucket = "fleet"
	fleetPrefix = "prod"
	fleetStore  = "s3://" + fleetBucket + "/" + fleetPrefix
	fleetZoneID = "Z0731658FW9JB6C8QTRG" // of the demo data
	fleetZone   = "example.net."
	fleetPoll   = time.Second
)

// secretOf is the secret of a key of the fleet's configuration.
func secretOf(key string) string {
	return base64.StdEncoding.EncodeToString([]byte(key + " of thirty-two octets at least"))
}

// fleetWorld is an S3, a Route 53, and servers between them.
type fleetWorld struct {
	dir     string
	program string
	gateway *child
	store   string // directory of the bucket
	s3      string // its URL
	sim     *awssim.Sim
	aws     *httptest.Server
	all     []*fleetServer
	began   time.Time
	bucket  *fleet.Bucket // as the test sees it
	beside  *fleet.Bucket // what is the test's own
	storeIs storeWatch
	cuts    *cuts // nil: links between servers aren't cut

	mu      sync.Mutex
	heads   []seenHead
	sets    int               // how often head was set back, or away
	commits map[string][]byte // by name, as they were written
	made    map[string]int
}

// fleetServer is one server, with its own way to S3.
type fleetServer struct {
	world *fleetWorld
	name  string
	n     int
	dir   string
	port  int
	admin int
	turn  sync.Mutex // held while it is killed and started
	link  *link
	disk  *disk // of its state
	relay *httptest.Server

	mu      sync.Mutex
	process *child
	start   int
	// busy is while it is killed, stopped or starting, and for a moment after: look-ups don't count.
	busy  bool
	since time.Time // when busy changed
}

// newFleetWorld starts S3 and Route 53.
func newFleetWorld(ctx context.Context, dir, program, gateway string) (*fleetWorld, error) {
	w := &fleetWorld{dir: dir, program: program, store: filepath.Join(dir, "s3"), made: map[string]int{},
		commits: map[string][]byte{}, began: time.Now()}
	err := errors.Join(os.Mkdir(w.store, 0o755), os.Mkdir(filepath.Join(dir, "sidecar"), 0o755),
		os.Mkdir(filepath.Join(dir, "gateway"), 0o755), os.Mkdir(filepath.Join(w.store, fleetBucket), 0o755))
	if err != nil {
		return nil, err
	}
	port, err := freeport.Find()
	if err != nil {
		return nil, err
	}
	w.s3 = "http://" + loopback(port).String()
	w.gateway, err = startChild("versitygw", processorsHere(), filepath.Join(dir, "gateway"), nil, []string{gateway,
		"--access", "access", "--secret", "secret", "--port", loopback(port).String(), "--quiet", "--keep-alive",
		"posix", "--sidecar", filepath.Join(dir, "sidecar"), w.store})
	if err != nil {
		return nil, err
	}
	w.sim, err = awssim.New(awssim.Options{Data: examples.Demo(), Reads: awssim.Unlimited(), Changes: awssim.Unlimited(),
		Inventory: awssim.Unlimited(), HealthStatus: awssim.Unlimited()})
	if err != nil {
		return w, fmt.Errorf("simulating AWS: %w", err)
	}
	w.aws = httptest.NewServer(http.HandlerFunc(w.serveAWS))
	w.cuts, err = newCuts()
	err = errors.Join(err, w.openBucket(ctx), w.openEvents())
	if err != nil {
		return w, err
	}
	for end := time.Now().Add(starting); ; {
		c, err := net.DialTimeout("tcp", loopback(port).String(), time.Second)
		if err == nil {
			return w, c.Close()
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return w, fmt.Errorf("waiting for versitygw: %w%s", err, w.gateway.lastWords())
		}
		time.Sleep(again)
	}
}

// openBucket makes the test a client of S3.
func (w *fleetWorld) openBucket(ctx context.Context) error {
	for _, v := range credentialsOf(w.s3) {
		name, value, _ := strings.Cut(v, "=")
		err := os.Setenv(name, value)
		if err != nil {
			return err
		}
	}
	accounts, err := awsclient.Load(ctx, awsclient.Options{})
	if err != nil {
		return err
	}
	w.bucket = fleet.NewBucket(accounts[0], fleetBucket, fleetPrefix)
	w.beside = fleet.NewBucket(accounts[0], fleetBucket, "beside")
	return nil
}

// credentialsOf is the environment of a client of S3 at a URL.
func credentialsOf(s3 string) []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=" + s3, "AWS_ACCESS_KEY_ID=access",
		"AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=", "AWS_REGION=us-east-1", "AWS_PROFILE=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// processorsHere are all that there are.
func processorsHere() []int {
	p, err := findProcessors()
	if err != nil {
		return []int{0}
	}
	return []int{p.server, p.rest}
}

// close ends all.
func (w *fleetWorld) close() {
	for _, s := range w.all {
		s.kill()
		s.relay.CloseClientConnections()
		s.relay.Close()
		if s.disk != nil {
			_ = s.disk.close() // the namespace ends with the test
		}
	}
	if w.aws != nil {
		w.aws.CloseClientConnections()
		w.aws.Close()
	}
	if w.gateway != nil {
		w.gateway.stop()
	}
}

// valueMade finds the address of an RRset that is created.
var valueMade = regexp.MustCompile(`(?s)<Action>CREATE</Action>.*?<Value>(10\.[0-9.]+)</Value>`)

// serveAWS is Route 53 and the rest; it notes what changes.
func (w *fleetWorld) serveAWS(out http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/rrset") {
		w.sim.ServeHTTP(out, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	defer w.noteMade(body, rec) // also where the answer is cut
	w.sim.ServeHTTP(rec, r)
	for key, values := range rec.Header() {
		out.Header()[key] = values
	}
	out.WriteHeader(rec.Code)
	_, _ = out.Write(rec.Body.Bytes())
}

// noteMade notes what a batch has made.
func (w *fleetWorld) noteMade(body []byte, rec *httptest.ResponseRecorder) {
	has := map[string]bool{}
	for _, set := range w.sim.Records(fleetZoneID) {
		for _, v := range set.ResourceRecords {
			has[v.Value] = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range valueMade.FindAllSubmatch(body, -1) {
		value := string(m[1])
		answered := rec.Code == http.StatusOK && rec.Body.Len() > 0
		if answered || has[value] && w.made[value] == 0 {
			w.made[value]++
		}
	}
}

// add makes a server, which doesn't run yet.
func (w *fleetWorld) add(n int, random func(int) int) error {
	s := &fleetServer{world: w, n: n, name: fmt.Sprintf("m%d", n), link: &link{random: random}, busy: true}
	s.dir = filepath.Join(w.dir, s.name)
	var err error
	s.port, err = freeport.Find()
	if err != nil {
		return err
	}
	s.admin, err = freeport.Find()
	if err != nil {
		return err
	}
	to, err := url.Parse(w.s3)
	if err != nil {
		return err
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = quiet()
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 32}
	s.relay = httptest.NewServer(&relay{s, proxy})
	w.all = append(w.all, s)
	err = os.Mkdir(s.dir, 0o755)
	if err != nil {
		return err
	}
	s.setClock(time.Duration(random(2*clocksApart)-clocksApart) * time.Second)
	s.disk, err = newDisk(filepath.Join(s.dir, "state"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "inside53.yaml"), []byte(s.config()), 0o600)
}

func (s *fleetServer) config() string {
	return fmt.Sprintf(`listen: {dns: ["%s"]}
admin: "127.0.0.1:%d"
state_dir: state
drain: 0s
route53: {refresh: %s, requests_per_second: 1000}
views: [{name: all, clients: [127.0.0.0/8], vpcs: ["*"]}]
keys:
- {name: ops, secret: %s}
- {name: fleet, secret: %s}
updates:
- {zone: %s, keys: [ops]}
fleet: {name: %s, store: %s, keys: [fleet], poll: %s, address: "%s", events: "%s"}
`, s.dns(), s.admin, fleetRefresh, secretOf("ops"), secretOf("fleet"), fleetZoneID, s.name, fleetStore, fleetPoll,
		s.dns(), s.world.eventsURL())
}

// dns is where it answers: at an address of its own, so that what goes from one to another can be known.
func (s *fleetServer) dns() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(10 + s.n)}), uint16(s.port))
}

// run starts the process.
func (s *fleetServer) run() error {
	environment := append(credentialsOf(s.relay.URL), "AWS_ENDPOINT_URL="+s.world.aws.URL, "GOMAXPROCS=2",
		"INSIDE53_CLOCK="+filepath.Join(s.dir, "clock"))
	p, err := startChild(s.name, processorsHere(), s.dir, environment,
		[]string{s.world.program, "serve", "--config", filepath.Join(s.dir, "inside53.yaml")})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
	s.start++
	s.busy, s.since = true, time.Now()
	return nil
}

// kill ends the process at once; what it has said is kept.
func (s *fleetServer) kill() {
	s.mu.Lock()
	p := s.process
	s.process, s.busy, s.since = nil, true, time.Now()
	s.mu.Unlock()
	if p == nil {
		return
	}
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
	<-p.ended
	text, err := os.ReadFile(p.output)
	if err == nil {
		f, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = f.Write(text)
			_ = f.Close()
		}
	}
}

// signal sends a signal to the process.
func (s *fleetServer) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		_ = syscall.Kill(s.process.pid(), sig)
	}
}

// setBusy says that look-ups don't count, or that they do again.
func (s *fleetServer) setBusy(busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy, s.since = busy, time.Now()
}

// steady reports whether it was up, and undisturbed, since a moment.
func (s *fleetServer) steady(since time.Time) (yes bool, start int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.busy && s.since.Before(since), s.start
}

// isReady asks readiness.
func (s *fleetServer) isReady() bool {
	c := http.Client{Timeout: time.Second}
	r, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", s.admin))
	if err != nil {
		return false
	}
	defer r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// awaitReady waits until it may be asked.
func (s *fleetServer) awaitReady(ctx context.Context) error {
	for end := time.Now().Add(starting); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(again) {
		if s.isReady() {
			s.setBusy(false)
			return nil
		}
	}
	return fmt.Errorf("%s isn't ready after %s%s", s.name, starting, s.words())
}

func (s *fleetServer) words() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return ""
	}
	return s.process.lastWords()
}

// ask asks for an address; "" is none.
func (s *fleetServer) ask(network, name string, timeout time.Duration) (string, error) {
	m := new(dns.Msg).SetQuestion(name, dns.TypeA)
	c := dns.Client{Net: network, Timeout: timeout}
	r, _, err := c.Exchange(m, s.dns().String())
	if err != nil {
		return "", err
	}
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return "", errors.New(dns.RcodeToString[r.Rcode])
	}
	for _, rr := range r.Answer {
		a, isA := rr.(*dns.A)
		if isA {
			return a.A.String(), nil
		}
	}
	return "", nil
}

// jsonOf is the JSON object in a body, which may be in chunks that are signed.
var jsonOf = regexp.MustCompile(`(?s)\{.*\}`)

// noteHead notes a head that was written. The caller holds mu.
func (w *fleetWorld) noteHead(by *fleetServer, body []byte) {
	var h struct {
		Version, Epoch uint64
		Leader, Commit string
	}
	text := jsonOf.Find(body)
	if json.Unmarshal(text, &h) == nil {
		_, start := by.steady(time.Now())
		w.heads = append(w.heads, seenHead{By: by.name, Start: start, Version: h.Version, Epoch: h.Epoch, Leader: h.Leader,
			Commit: h.Commit, At: time.Since(w.began), body: append(bytes.Clone(text), '\n')})
	}
}
