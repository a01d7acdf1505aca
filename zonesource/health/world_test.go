package health

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

// world is an AWS, a network and what the monitor said, for a test within a bubble.
type world struct {
	t     *testing.T
	sim   *awssim.Sim
	log   *journal
	state string // directory

	mu    sync.Mutex // guards the following fields
	hosts map[string]string
	open  int // connections being made or used
	most  int // of these at a time
	dials map[string]int
	lives []*zone.Live
	calls map[string]int // operation and code
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// String returns all of it.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// dialled is how often an address was connected to.
func (w *world) dialled(host string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials[host]
}

// all returns what was published since the start, or since the last forget.
func (w *world) all() []*zone.Live {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lives)
}

func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives = nil
}

// checkJSON is a health check in the words of the API.
func checkJSON(id, config string) string {
	return fmt.Sprintf(`{"Id":%q,"CallerReference":%q,"HealthCheckConfig":{%s},"HealthCheckVersion":1}`, id, id, config)
}

// web is a check each 10 s with threshold 3.
func web(id, address string) string {
	return checkJSON(id, fmt.Sprintf(`"Type":"HTTP","IPAddress":%q,"Port":80,"RequestInterval":10,"FailureThreshold":3`,
		address))
}

func listed(checks ...string) fstest.MapFS {
	return fstest.MapFS{"route53/list-health-checks.json": &fstest.MapFile{
		Data: []byte(`{"HealthChecks":[` + strings.Join(checks, ",") + `]}`)}}
}

func newWorld(t *testing.T, data fstest.MapFS) *world {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Data: data, Reads: awssim.Unlimited(), Inventory: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, sim: sim, log: &journal{}, state: t.TempDir(), hosts: map[string]string{}, dials: map[string]int{},
		calls: map[string]int{}}
}

// set says how addresses behave from now on: an HTTP status, "refused", or "dark" (no answer
// to anything). Those never set are dark.
func (w *world) set(how string, addresses ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range addresses {
		w.hosts[a] = how
	}
}

// dial implements the network.
func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	how := w.hosts[host]
	w.dials[host]++
	w.open++
	w.most = max(w.most, w.open)
	w.mu.Unlock()
	done := func() {
		w.mu.Lock()
		w.open--
		w.mu.Unlock()
	}
	switch how {
	case "refused":
		done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case "dark", "":
		defer done()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ours, theirs := net.Pipe()
	go func() {
		defer done()
		defer func() { _ = theirs.Close() }()
		_, err := http.ReadRequest(bufio.NewReader(theirs))
		if err == nil {
			_, _ = io.WriteString(theirs, "HTTP/1.1 "+how+" X\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	return ours, nil
}

// inProcess hands requests to the simulator without a network, so that the bubble's clock
// goes on.
type inProcess struct{ handler http.Handler }

func (p inProcess) Do(r *http.Request) (response *http.Response, err error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer func() {
		cut := recover() // what net/http makes a broken connection of
		if cut != nil && cut != any(http.ErrAbortHandler) {
			panic(cut)
		}
		if r.Context().Err() != nil {
			response, err = nil, r.Context().Err()
		} else if cut != nil {
			response, err = nil, io.ErrUnexpectedEOF
		}
	}()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func (w *world) account(name string) *awsclient.Account {
	return &awsclient.Account{Name: name, Budget: awscall.NewBudget(1e6), Config: aws.Config{
		Region: "eu-west-1", HTTPClient: inProcess{w.sim}, BaseEndpoint: aws.String("http://sim.invalid"),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
	}}
}

// options are those of a monitor of this world.
func (w *world) options() Options {
	targets, err := ParseTargets([]string{"private"})
	if err != nil {
		w.t.Fatal(err)
	}
	return Options{
		Accounts: []*awsclient.Account{w.account("")}, Targets: targets, StateDir: w.state,
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("nobody resolves here") },
		Log:     slog.New(slog.NewTextHandler(w.log, nil)),
		Publish: func(l *zone.Live) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.lives = append(w.lives, l)
		},
		OnCall: func(operation, code string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.calls[operation+" "+code]++
		},
	}
}

// start runs a monitor; the function it returns ends it.
func (w *world) start(o Options) (*Monitor, func()) {
	w.t.Helper()
	m, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	m.prober.dial = w.dial
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	synctest.Wait()
	return m, func() {
		w.t.Helper()
		cancel()
		err := <-ended
		if !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run ended with %v", err)
		}
		synctest.Wait()
	}
}

// live is what was published last.
func (w *world) live() *zone.Live {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lives) == 0 {
		return nil
	}
	return w.lives[len(w.lives)-1]
}

// want compares what counts of some checks: "a+ b-".
func (w *world) want(want string) {
	w.t.Helper()
	live := w.live()
	for _, word := range strings.Fields(want) {
		id, healthy := word[:len(word)-1], strings.HasSuffix(word, "+")
		if live.Healthy([]byte(id)) != healthy {
			w.t.Errorf("%s: %+v, want %s", id, live.Checks[id], word)
		}
	}
}

// until waits for a check to be so and returns how long that took, two minutes at most.
func (w *world) until(id string, healthy bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for w.live().Healthy([]byte(id)) != healthy {
		if time.Since(began) > 2*time.Minute {
			w.t.Fatalf("%s: %+v for two minutes", id, w.live().Checks[id])
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// between checks a time.
func (w *world) between(what string, took, least, most time.Duration) {
	w.t.Helper()
	if took < least || took > most {
		w.t.Errorf("%s: took %s, want %s to %s", what, took, least, most)
	}
}

// faults arms faults.
func (w *world) faults(faults ...awssim.Fault) {
	w.t.Helper()
	err := w.sim.AddFaults(faults...)
	if err != nil {
		w.t.Fatal(err)
	}
}

// setHealth is the health that AWS sees.
func (w *world) setHealth(id string, healthy bool) {
	w.t.Helper()
	err := w.sim.SetHealth(id, healthy)
	if err != nil {
		w.t.Fatal(err)
	}
}
