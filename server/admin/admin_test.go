package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"inside53/server/config"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

// fake answers for everybody behind the paths.
type fake struct {
	ready Ready
	fault error // of Accept and Explain
	asked Question
	page  Page
	wants RecordQuery
}

func (f *fake) Readiness() Ready { return f.ready }
func (f *fake) Zones(p *Page) ([]Zone, int) {
	f.page = *p
	all := []Zone{{ID: "Z1", VPCs: []string{}, Unservable: []Unservable{}}}
	return Cut(p, all), len(all)
}
func (f *fake) Problems() []Problem { return []Problem{} }
func (f *fake) Accept(string) error { return f.fault }
func (f *fake) HealthChecks(p *Page) ([]HealthCheck, int) {
	f.page = *p
	return []HealthCheck{}, 0
}
func (f *fake) Transfers(p *Page) (Transfers, int) {
	f.page = *p
	return Transfers{Zones: []Transfer{}, Catalogs: []Transfer{}, Pending: 3}, 0
}
func (f *fake) Explain(_ context.Context, q Question) (any, error) {
	f.asked = q
	return map[string]string{"name": q.Name}, f.fault
}

func (f *fake) State() (FleetState, error) {
	return FleetState{Version: 7, Members: []FleetMember{}}, f.fault
}
func (f *fake) StepDown(context.Context) error    { return f.fault }
func (f *fake) AcceptStore(context.Context) error { return f.fault }
func (f *fake) Views() []View {
	return []View{{Name: "prod", Clients: []string{}, VPCs: []string{}}}
}
func (f *fake) Answers(_ context.Context, name, rrtype string) (any, error) {
	return []string{name, rrtype}, f.fault
}
func (f *fake) ZoneAnswers(_ context.Context, q RecordQuery, differing bool) ([]NameAnswers, int, error) {
	f.wants = q
	return []NameAnswers{{Name: "a.", Type: "A", Answers: differing}}, 7, f.fault
}
func (f *fake) Records(q RecordQuery) ([]Record, int, error) {
	f.wants = q
	return []Record{{Name: "a.", Type: "A", Values: []string{}}}, 7, f.fault
}
func (f *fake) Trend() Trend {
	return Trend{EverySeconds: 10, Results: []Series{}, Upstreams: []UpstreamTrend{}}
}

func (f *fake) Status() Status {
	return Status{Version: "inside53 test", Reasons: []string{}, Degraded: []string{}, Sources: map[string]Source{},
		Upstreams: []Upstream{}}
}
func (f *fake) Parts(*Page) ([]Part, int) {
	return []Part{{Key: "ec2 /eu-west-1", Source: "ec2", Saved: true, Shrunk: &LostNames{2, 1, []string{"i-1"}}}}, 1
}
func (f *fake) Flush(string, bool) (int, error) { return 7, f.fault }
func (f *fake) Refresh(string) (Scheduled, error) {
	return Scheduled{[]string{"ec2 /eu-west-1"}, 0.5}, f.fault
}
func (f *fake) Top(by string, limit int) Top {
	return Top{Sampled: 64, Rows: []TopRow{{fmt.Sprint(by, limit), 3, 0.5}}}
}
func (f *fake) Usage(p *Page) ([]Usage, int, error) {
	return []Usage{{Zone: p.Zone, Name: p.Name, Type: "A", Clients: []UsedBy{}}}, 1, f.fault
}
func (f *fake) Tail(q TailQuery) (Lines, error) {
	return &fakeLines{text: fmt.Sprintf("{\"tail\":\"%s%s%s\"}\n", q.Client, q.Rcode, q.Slow)}, f.fault
}

// fakeLines are one line.
type fakeLines struct{ text string }

func (l *fakeLines) Next(context.Context) ([]byte, error) {
	text := l.text
	if text == "" {
		return nil, io.EOF
	}
	l.text = ""
	return []byte(text), nil
}
func (l *fakeLines) Close() {}

// buffer is a log. It is safe for concurrent use.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// bind binds all addresses.
func bind(t *testing.T, f *fake, log io.Writer) *Server {
	t.Helper()
	free := netip.MustParseAddrPort("127.0.0.1:0")
	s, err := Bind(Options{
		Config: &config.Config{Admin: free, Health: free, Metrics: free}, Metrics: prometheus.NewRegistry(),
		Readiness: f, Data: f, Accepter: f, Explainer: f, Health: f, Secondaries: f, Hands: f, Watcher: f, Fleet: f,
		Views: f, Records: f, Trends: f, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serving runs a server of f until the test ends, and returns its admin address.
func serving(t *testing.T, f *fake) string {
	t.Helper()
	s := bind(t, f, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		err := <-ended
		if err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t)
	})
	return "http://" + s.Addr().String()
}

// ask returns the status and the body of a request.
func ask(t *testing.T, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestPaths(t *testing.T) {
	f := &fake{ready: Ready{Ready: true, Reasons: []string{}, Degraded: []string{}, Sources: map[string]Source{}}}
	at := serving(t, f)
	gone := &Refusal{Status: http.StatusNotFound, Err: errors.New("nothing there")}
	for _, tt := range []struct {
		method, path string
		fault        error
		code         int
		body         string // without white space; a part of it
	}{
		{"GET", "/healthz", nil, 200, "ok"},
		{"GET", "/readyz", nil, 200, `{"ready":true,"reasons":[],"degraded":[],"sources":{}}`},
		{"GET", "/zones", nil, 200,
			`[{"id":"Z1","name":"","visibility":"","vpcs":[],"records":0,"age_seconds":null,"unservable":[]}]`},
		{"GET", "/report", nil, 200, "[]"},
		{"GET", "/health-checks", nil, 200, "[]"},
		{"GET", "/transfers", nil, 200, `{"zones":[],"catalogs":[],"notifies_pending":3}`},
		{"GET", "/metrics", nil, 200, ""},
		{"GET", "/status", nil, 200, `{"version":"inside53test","config":"","started":"0001-01-01T00:00:00Z","ready":false,` +
			`"reasons":[],"degraded":[],"queries_per_second":0,"hit_ratio":0,"cache_queries_per_second":0,` +
			`"servfail_per_second":0,"sources":{},"upstreams":[],"fleet":{"version":0,"leader":""}}`},
		{"GET", "/parts", nil, 200, `[{"key":"ec2/eu-west-1","source":"ec2","zone":"","records":0,"age_seconds":null,` +
			`"error":"","next_seconds":null,"shrunk":{"before":2,"now":1,"names":["i-1"]},"saved":true}]`},
		{"GET", "/parts?colour=red", nil, 400, "noparameter"},
		{"POST", "/flush", nil, 400, "whichname?"},
		{"POST", "/flush?name=a&tree=perhaps", nil, 400, "perhaps"},
		{"POST", "/flush?name=a&tree=true", nil, 200, `{"removed":7}`},
		{"POST", "/flush?name=a", errors.New("bad name"), 400, "badname"},
		{"GET", "/flush?name=a", nil, 405, ""},
		{"POST", "/refresh", nil, 202, `{"scheduled":["ec2/eu-west-1"],"wait_seconds":0.5}`},
		{"POST", "/refresh?zone=a", gone, 404, "nothingthere"},
		{"POST", "/refresh?name=a", nil, 400, "parameter"},
		{"GET", "/top", nil, 200, `{"since":"0001-01-01T00:00:00Z","sampled":64,"rows":[{"key":"name20","count":3,` +
			`"per_second":0.5}]}`},
		{"GET", "/top?by=slow&limit=5", nil, 200, "slow5"},
		{"GET", "/top?by=colour", nil, 400, "thereare"},
		{"GET", "/top?limit=0", nil, 400, "limit"},
		{"GET", "/usage?zone=Z1&name=a", nil, 200, `[{"zone":"Z1","name":"a","type":"A","since":"0001-01-01T00:00:00Z",` +
			`"last":null,"within_seconds":0,"count":0,"clients":[]}]`},
		{"GET", "/usage", nil, 400, "whichzone?"},
		{"GET", "/usage?zone=Z1", gone, 404, "nothingthere"},
		{"GET", "/tail?client=10.1.2.3/16", nil, 400, "client"},
		{"GET", "/tail?slow=fast", nil, 400, "slow"},
		{"GET", "/tail?for=-1s", nil, 400, "for"},
		{"GET", "/tail", gone, 404, "nothingthere"},
		{"GET", "/tail?client=10.1.0.0/16&rcode=nxdomain&slow=1ms&for=1m", nil, 200,
			`{"tail":"10.1.0.0/16NXDOMAIN1ms"}`},
		{"GET", "/", nil, 200, "GET/readyz"},
		{"POST", "/accept", nil, 400, "whichzone?"},
		{"POST", "/accept?zone=a", nil, 200, "accepted"},
		{"POST", "/accept?zone=a", errors.New("not yet"), 409, "notyet"},
		{"POST", "/accept?zone=a", gone, 404, "nothingthere"},
		{"GET", "/explain?name=a", nil, 200, `{"name":"a"}`},
		{"GET", "/explain?name=a", errors.New("no name"), 400, "noname"},
		{"GET", "/explain?name=a", gone, 404, "nothingthere"},
		{"POST", "/explain?name=a", nil, 405, ""},
		{"GET", "/fleet", nil, 200, `{"version":7,"epoch":0,"leader":"","members":[]}`},
		{"GET", "/fleet", gone, 404, "nothingthere"},
		{"POST", "/fleet/step-down", nil, 200, "done"},
		{"GET", "/fleet/step-down", nil, 405, ""},
		{"POST", "/fleet/accept", errors.New("no store"), 500, "nostore"},
		{"GET", "/views", nil, 200, `[{"name":"prod","clients":[],`},
		{"GET", "/answers?name=a", nil, 200, `["a","A"]`},
		{"GET", "/answers?name=a&type=MX", nil, 200, `["a","MX"]`},
		{"GET", "/answers", nil, 400, "whichname?"},
		{"GET", "/answers?zone=a", nil, 200, `[{"name":"a.","type":"A","answers":false}]`},
		{"GET", "/answers?zone=a&differing=true", nil, 200, `"answers":true`},
		{"GET", "/answers?zone=a&differing=some", nil, 400, "parameterdiffering"},
		{"GET", "/answers?zone=a&name=b", nil, 400, `noparameter"name"here`},
		{"GET", "/answers?zone=a&merged=true", nil, 400, `noparameter"merged"here`},
		{"GET", "/answers?zone=", nil, 400, "whichzone?"},
		{"GET", "/answers?zone=a", errors.New("no such zone"), 404, "nosuchzone"},
		{"GET", "/answers?name=a&view=b", nil, 400, `noparameter"view"here:name,type`},
		{"GET", "/answers?name=a", errors.New("no name"), 400, "noname"},
		{"GET", "/trend", nil, 200, `{"every_seconds":10,`},
		{"GET", "/debug/pprof/", nil, 404, ""},
	} {
		f.fault = tt.fault
		code, body := ask(t, tt.method, at+tt.path)
		if code != tt.code || !strings.Contains(strings.Join(strings.Fields(body), ""), tt.body) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, code, body)
		}
	}
}

func TestUnready(t *testing.T) {
	at := serving(t, &fake{ready: Ready{Reasons: []string{"draining"}}})
	code, body := ask(t, "GET", at+"/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "draining") {
		t.Errorf("%d %s", code, body)
	}
}

// TestPlainly has strangers read readiness: nothing there has a name.
func TestPlainly(t *testing.T) {
	s := bind(t, &fake{ready: Ready{
		Reasons: []string{
			"draining", "data not complete: zone a.example of account 123456789012", "data not complete: another",
			"data too old: ec2, older than 1h", "loop silent: udp 10.0.0.1:53 loop 0, no answer yet",
			"listener silent: tcp 10.0.0.1:53, no answer yet", "secret: something new",
		},
		Degraded: []string{"zones"},
		Sources:  map[string]Source{"route53": {Error: "arn:aws:iam::123456789012:role/a may not"}},
	}}, io.Discard)
	defer s.Close()
	w := httptest.NewRecorder()
	s.healthPaths().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	const want = `{"ready":false,"reasons":["draining","datanotcomplete","datatooold","loopsilent","listenersilent"],` +
		`"degraded":["zones"]}`
	if got := strings.Join(strings.Fields(w.Body.String()), ""); w.Code != 503 || got != want {
		t.Errorf("%d %s, want %s", w.Code, got, want)
	}
}

// TestMetricsAddress serves metrics and nothing else.
func TestMetricsAddress(t *testing.T) {
	s := bind(t, &fake{}, io.Discard)
	defer s.Close()
	for path, code := range map[string]int{
		"/metrics": 200, "/": 404, "/readyz": 404, "/zones": 404, "/debug/pprof/": 404,
	} {
		w := httptest.NewRecorder()
		s.metricsPaths().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != code {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestQuestionOf(t *testing.T) {
	f := &fake{}
	at := serving(t, f)
	local, client := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.1.2.3")
	subnet := netip.MustParsePrefix("192.0.2.0/24")
	for _, tt := range []struct {
		query, fault string
		want         Question
	}{
		{"name=a", "", Question{Name: "a", Type: "A", Client: local}},
		{"name=a&type=mx&client=::ffff:10.1.2.3&diff=public&subnet=192.0.2.0/24", "", Question{"a", "mx", client, subnet,
			true}},
		{"", "which name?", Question{}},
		{"name=a&name=b", `parameter "name": more than one`, Question{}},
		{"name=a&class=in", `parameter "class"`, Question{}},
		{"name=a&subnet=192.0.2.1/24", "not a prefix", Question{}},
		{"name=a&client=me", "not an address", Question{}},
		{"name=a&diff=private", "there is only public", Question{}},
	} {
		f.asked = Question{}
		code, body := ask(t, "GET", at+"/explain?"+tt.query)
		if (code == 200) != (tt.fault == "") || !strings.Contains(body, tt.fault) || f.asked != tt.want {
			t.Errorf("%s: %d %s, asked %+v", tt.query, code, body, f.asked)
		}
	}
}

// TestLog has the HTTP servers find fault: that is a line like all others.
func TestLog(t *testing.T) {
	log := new(buffer)
	s := bind(t, &fake{}, log)
	defer s.Close()
	if len(s.listeners) != 3 || len(s.Addrs()) != 3 {
		t.Fatalf("%d servers", len(s.listeners))
	}
	for _, l := range s.listeners {
		l.server.ErrorLog.Print("http: Accept error")
	}
	if n := strings.Count(log.String(), "level=WARN msg=\"http: Accept error\""); n != 3 {
		t.Errorf("%d lines in the log:\n%s", n, log)
	}
}

// TestBindTwice gives back what it has bound when something can't be.
func TestBindTwice(t *testing.T) {
	f := &fake{}
	first := bind(t, f, io.Discard)
	defer first.Close()
	free := netip.MustParseAddrPort("127.0.0.1:0")
	_, err := Bind(Options{Config: &config.Config{Admin: free, Health: first.Addr()}, Data: f, Health: f, Secondaries: f,
		Hands: f, Watcher: f, Fleet: f, Views: f, Records: f, Trends: f,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err == nil || !strings.HasPrefix(err.Error(), "binding health: ") {
		t.Errorf("error %v", err)
	}
}
