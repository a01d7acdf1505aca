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
	"inside53/zonesource/awssim"
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

	mu      sync.Mutex
	heads   []seenHead
	commits map[string][]byte // by name, as they were written
	made    map[string]int
}

// fleetServer is one server, with its own way to S3.
type fleetServer struct {
	world *fleetWorld
	name  string
	dir   string
	port  int
	admin int
	link  *link
	relay *httptest.Server

	mu      sync.Mutex
	process *child
	start   int
	// busy is while it is killed, stopped or starting, and for a moment after: look-ups don't count.
	busy  bool
	since time.Time // when busy changed
}

// link is what becomes of requests on their way to S3.
type link struct {
	mu     sync.Mutex
	cut    bool          // nothing gets through
	delay  time.Duration // of each request
	broken int           // so many of a thousand are answered by 500 or 409
	lost   int           // so many of a thousand PUTs are made and not answered
	random func(n int) int
	since  time.Time // when that changed
}

func (l *link) set(change func(*link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
	l.since = time.Now()
}

// calm reports whether nothing was wrong since a moment.
func (l *link) calm(since time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.cut && l.delay == 0 && l.broken == 0 && l.lost == 0 && l.since.Before(since)
}

func (l *link) get() (cut bool, delay time.Duration, broken, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut, l.delay, l.random(1000) < l.broken, l.random(1000) < l.lost
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
	port, err := freePort()
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
	w.sim.ServeHTTP(rec, r)
	if rec.Code == http.StatusOK {
		w.mu.Lock()
		for _, m := range valueMade.FindAllSubmatch(body, -1) {
			w.made[string(m[1])]++
		}
		w.mu.Unlock()
	}
	for key, values := range rec.Header() {
		out.Header()[key] = values
	}
	out.WriteHeader(rec.Code)
	_, _ = out.Write(rec.Body.Bytes())
}

// add makes a server, which doesn't run yet.
func (w *fleetWorld) add(n int, random func(int) int) error {
	s := &fleetServer{world: w, name: fmt.Sprintf("m%d", n), link: &link{random: random}, busy: true}
	s.dir = filepath.Join(w.dir, s.name)
	var err error
	s.port, err = freePort()
	if err != nil {
		return err
	}
	s.admin, err = freePort()
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
	return os.WriteFile(filepath.Join(s.dir, "inside53.yaml"), []byte(s.config()), 0o600)
}

func (s *fleetServer) config() string {
	return fmt.Sprintf(`listen: {dns: ["127.0.0.1:%d"]}
admin: "127.0.0.1:%d"
state_dir: state
drain: 0s
route53: {refresh: 5s, requests_per_second: 1000}
views: [{name: all, clients: [127.0.0.0/8], vpcs: ["*"]}]
keys:
- {name: ops, secret: %s}
- {name: fleet, secret: %s}
updates:
- {zone: %s, keys: [ops]}
fleet: {name: %s, store: %s, keys: [fleet], poll: %s}
`, s.port, s.admin, secretOf("ops"), secretOf("fleet"), fleetZoneID, s.name, fleetStore, fleetPoll)
}

// run starts the process.
func (s *fleetServer) run() error {
	environment := []string{
		"AWS_ENDPOINT_URL=" + s.world.aws.URL, "AWS_ENDPOINT_URL_S3=" + s.relay.URL, "AWS_ACCESS_KEY_ID=access",
		"AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=", "AWS_REGION=us-east-1", "AWS_PROFILE=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"GOMAXPROCS=2",
	}
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
	r, _, err := c.Exchange(m, loopback(s.port).String())
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

// relay is the way of one server to S3.
type relay struct {
	server *fleetServer
	proxy  *httputil.ReverseProxy
}

// ServeHTTP implements [http.Handler].
func (r *relay) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	cut, delay, broken, lost := r.server.link.get()
	if delay > 0 {
		select {
		case <-q.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(delay):
		}
	}
	switch {
	case cut:
		panic(http.ErrAbortHandler)
	case broken && r.server.link.random(2) == 0:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case broken:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, "<Error><Code>ConditionalRequestConflict</Code><Message>again</Message></Error>")
		return
	case q.Method != http.MethodPut:
		r.proxy.ServeHTTP(w, q)
		return
	}
	r.put(w, q, lost)
}

// put writes an object. Those of head are in order, and noted.
func (r *relay) put(w http.ResponseWriter, q *http.Request, lost bool) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	rec := httptest.NewRecorder()
	world := r.server.world
	// It is made as a whole, whether anybody waits for it or not.
	q = q.WithContext(context.WithoutCancel(q.Context()))
	if strings.HasSuffix(q.URL.Path, "/head") {
		world.mu.Lock()
		r.proxy.ServeHTTP(rec, q)
		if rec.Code == http.StatusOK {
			world.noteHead(r.server.name, body)
		}
		world.mu.Unlock()
	} else {
		r.proxy.ServeHTTP(rec, q)
		_, commit, isCommit := strings.Cut(q.URL.Path, "/commit/")
		if isCommit && rec.Code == http.StatusOK {
			world.mu.Lock()
			world.commits["commit/"+commit] = body
			world.mu.Unlock()
		}
	}
	if lost {
		panic(http.ErrAbortHandler)
	}
	for key, values := range rec.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// jsonOf is the JSON object in a body, which may be in chunks that are signed.
var jsonOf = regexp.MustCompile(`(?s)\{.*\}`)

// noteHead notes a head that was written. The caller holds mu.
func (w *fleetWorld) noteHead(by string, body []byte) {
	var h struct {
		Version, Epoch uint64
		Leader, Commit string
	}
	if json.Unmarshal(jsonOf.Find(body), &h) == nil {
		w.heads = append(w.heads, seenHead{By: by, Version: h.Version, Epoch: h.Epoch, Leader: h.Leader, Commit: h.Commit})
	}
}
