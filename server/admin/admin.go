package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"time"

	"inside53/server/admin/console"
	"inside53/server/config"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// Options make a [Server]. All but the configuration's zero addresses are required.
type Options struct {
	Config      *config.Config // its addresses, and whether there is pprof
	Metrics     prometheus.Gatherer
	Readiness   Readiness
	Data        Data
	Accepter    Accepter
	Explainer   Explainer
	Health      Health
	Secondaries Secondaries
	Past        Past
	Hands       Hands
	Watcher     Watcher
	Views       Views
	Records     Records
	Trends      Trends
	Fleet       Fleet
	Log         *slog.Logger
	// Bound bounds the connections of an address, by its key in the configuration; nil leaves
	// them unbounded.
	Bound func(key string, l net.Listener) net.Listener
	// Socket returns the socket that is there already for an address, nil where there is none;
	// nil knows none.
	Socket func(netip.AddrPort) net.Listener
}

const (
	// headerTime is how long the head of a request may take to come.
	headerTime = 5 * time.Second
	// readTime is how long a whole request may take: none has a body to speak of.
	readTime = 10 * time.Second
	// answerTime is how long an answer may take to be made and read, that of /explain most.
	answerTime = 2 * explainWithin
	// shortTime is the same where nobody but machines asks.
	shortTime = 10 * time.Second
	// idleTime is how long a connection may wait for its next request.
	idleTime = time.Minute
	// headerBytes is how much the head of a request may have.
	headerBytes = 16 << 10
)

// Server is the HTTP listeners.
type Server struct {
	opts      Options
	listeners []listener
	sockets   []net.Listener // of listeners, without bounds
	addr      netip.AddrPort // of admin
}

// listener is one address: admin for people, health for a balancer, or metrics for Prometheus.
type listener struct {
	net.Listener
	server *http.Server
}

// Bind binds the HTTP addresses of the configuration. Nothing is answered before Run.
func Bind(o Options) (*Server, error) {
	s := &Server{opts: o}
	for _, l := range []struct {
		key     string
		addr    netip.AddrPort
		handler http.Handler
		write   time.Duration
	}{
		{"admin", o.Config.Admin, guard(s.paths()), answerTime},
		{"health", o.Config.Health, s.healthPaths(), shortTime},
		{"metrics", o.Config.Metrics, s.metricsPaths(), shortTime},
	} {
		if !l.addr.IsValid() {
			continue
		}
		bound, err := o.listen(l.addr)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("binding %s: %w", l.key, err)
		}
		s.sockets = append(s.sockets, bound)
		if o.Bound != nil {
			bound = o.Bound(l.key, bound)
		}
		s.listeners = append(s.listeners, listener{bound, &http.Server{
			Handler: l.handler, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: l.write,
			IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
			ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		}})
		if l.key == "admin" {
			s.addr = addrOf(bound)
		}
	}
	return s, nil
}

// listen returns the socket that is there for an address, or a new one.
func (o Options) listen(addr netip.AddrPort) (net.Listener, error) {
	if o.Socket != nil {
		l := o.Socket(addr)
		if l != nil {
			return l, nil
		}
	}
	return net.Listen("tcp", addr.String())
}

// Files returns duplicates of the sockets, for a process that goes on with them.
func (s *Server) Files() ([]*os.File, error) {
	var files []*os.File
	for _, l := range s.sockets {
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
			return nil, fmt.Errorf("duplicating the socket tcp %s: %w", l.Addr(), err)
		}
		files = append(files, f)
	}
	return files, nil
}

func addrOf(l net.Listener) netip.AddrPort {
	addr, _ := netip.ParseAddrPort(l.Addr().String()) // it is one, or it would not be bound
	return addr
}

// Addr returns the admin address as it is bound; the zero AddrPort when it is off.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Addrs returns all addresses as they are bound.
func (s *Server) Addrs() []netip.AddrPort {
	var addrs []netip.AddrPort
	for _, l := range s.listeners {
		addrs = append(addrs, addrOf(l))
	}
	return addrs
}

// Close releases the sockets of a server that will not run.
func (s *Server) Close() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
}

// Run serves until ctx ends, and returns nil then.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range s.listeners {
		g.Go(func() error { return l.run(ctx) })
	}
	return g.Wait()
}

func (l listener) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = l.server.Close() })
	defer stop()
	err := l.server.Serve(l.Listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving %s: %w", l.Addr(), err)
}

// healthPaths are those of the health address, which strangers may reach: it says nothing
// of what is served.
func (s *Server) healthPaths() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReadyPlainly)
	return mux
}

// metricsPaths are those of the metrics address.
func (s *Server) metricsPaths() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics())
	return mux
}

// metrics serves what Prometheus asks.
func (s *Server) metrics() http.Handler {
	// Compressing them would cost as much as all else of the page, and saves some 50 KB a scrape.
	return promhttp.HandlerFor(s.opts.Metrics, promhttp.HandlerOpts{DisableCompression: true})
}

// paths are those of the admin address.
func (s *Server) paths() *http.ServeMux {
	o := s.opts
	mux := http.NewServeMux()
	page := console.Handler()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept")
		if wantsHTML(r.Header.Values("Accept")) {
			page.ServeHTTP(w, r)
			return
		}
		serveIndex(w, r)
	})
	mux.HandleFunc("GET /healthz", serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.Handle("GET /metrics", s.metrics())
	mux.HandleFunc("GET /zones", servePage(zoneParameters, o.Data.Zones))
	mux.HandleFunc("GET /report", serve(o.Data.Problems))
	mux.HandleFunc("POST /accept", s.serveAccept)
	mux.HandleFunc("GET /explain", s.serveExplain)
	mux.HandleFunc("GET /health-checks", servePage(checkParameters, o.Health.HealthChecks))
	mux.HandleFunc("GET /transfers", servePage(transferParameters, o.Secondaries.Transfers))
	mux.HandleFunc("GET /history", s.serveHistory)
	mux.HandleFunc("GET /status", s.serveStatus)
	mux.HandleFunc("GET /parts", servePage(partParameters, o.Hands.Parts))
	mux.HandleFunc("POST /flush", s.serveFlush)
	mux.HandleFunc("POST /refresh", s.serveRefresh)
	mux.HandleFunc("GET /top", s.serveTop)
	mux.HandleFunc("GET /usage", s.serveUsage)
	mux.HandleFunc("GET /tail", s.serveTail)
	mux.HandleFunc("GET /views", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, o.Views.Views())
	})
	mux.HandleFunc("GET /answers", s.serveAnswers)
	mux.HandleFunc("GET /records", s.serveRecords)
	mux.HandleFunc("GET /trend", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, o.Trends.Trend())
	})
	mux.HandleFunc("GET /fleet", s.serveFleet)
	mux.HandleFunc("POST /fleet/step-down", order(o.Fleet.StepDown))
	mux.HandleFunc("POST /fleet/accept", order(o.Fleet.AcceptStore))
	if o.Config.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// serve makes the handler of a path that prints what a function returns.
func serve[T any](read func() T) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, read()) }
}

// serveIndex names the paths, to who has forgotten them.
func serveIndex(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `inside53
  GET /                for browsers, the console
  GET /readyz          whether a balancer should send queries here, and why not
  GET /healthz         the process runs
  GET /zones           each zone: records, age, errors, what of it can't be served
  GET /report          everything in the data that needs a look
  GET /explain?name=&type=&client=&diff=public   why an answer is what it is
  GET /health-checks   each health check, and why it counts as it does
  GET /transfers       the zones that secondaries may have
                       these three by parts with offset= and limit=, and by what README.md says
  GET /status          one screen: ready or why not, rates, sources, upstreams
  GET /parts           all that is read: age, error, next reading, what would go with a shrunken listing
  GET /history?name=&zone=&since=&until=&limit=  what has changed, when, from what to what, by whom
  GET /views           who sees what: prefixes, VPCs, a client of each
  GET /answers?name=&type=   what each view is answered; zone=&text=&type=&differing=&offset=&limit=: of a zone
  GET /records?zone=&text=&type=&unservable=&policies=&merged=&offset=&limit=   what a zone holds
  GET /trend           the last hour: rates, latencies, upstreams, changes of health
  GET /fleet           the servers that share what is read, and who of them reads
  GET /metrics         for Prometheus
  GET /top?by=&limit=  who or what is asked most: by name, client, nxdomain, servfail or slow
  GET /usage?zone=&name=     when record sets were asked for last, how often and by whom
  GET /tail?client=&name=&rcode=&slow=&for=      a line a query, as they come
  POST /accept?zone=   take a shrunken listing now
  POST /flush?name=&tree=    forget what the cache has of a name
  POST /refresh?zone=  read a zone, or all, now
  POST /fleet/step-down   have another server of the fleet read
  POST /fleet/accept   take what the fleet's store has, though it was rolled back
`)
}

// serveHealth says that the process runs.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
}

// serveReady says whether a balancer should send queries here.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	r := s.opts.Readiness.Readiness()
	writeJSON(w, r.status(), r)
}

// serveReadyPlainly says the same to whoever may reach the address of health, without names.
func (s *Server) serveReadyPlainly(w http.ResponseWriter, _ *http.Request) {
	r := s.opts.Readiness.Readiness()
	writeJSON(w, r.status(), PlainReady{Ready: r.Ready, Reasons: r.plainReasons(), Degraded: r.Degraded})
}

// serveAccept believes a shrunken listing of a zone now.
func (s *Server) serveAccept(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("zone")
	if name == "" {
		http.Error(w, "which zone? POST /accept?zone=NAME or ID", http.StatusBadRequest)
		return
	}
	err := s.opts.Accepter.Accept(name)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusConflict))
		return
	}
	s.opts.Log.Info("shrunken listing accepted", "zone", name)
	_, _ = io.WriteString(w, "accepted\n")
}

// statusOf returns the status that an error has, or that of others.
func statusOf(err error, others int) int {
	var refused *Refusal
	if errors.As(err, &refused) {
		return refused.Status
	}
	return others
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(body) // the client has gone
}
