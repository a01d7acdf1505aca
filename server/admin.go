package server

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
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/route53"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminServer is one HTTP listener: the admin address for people and monitoring, or
// the health address for a balancer.
type adminServer struct {
	listener net.Listener
	server   *http.Server
}

// bindAdmin binds the HTTP addresses of the configuration.
func (a *App) bindAdmin(c *config.Config) error {
	a.metrics.registry.MustRegister(newCollector(a))
	health := http.NewServeMux()
	health.HandleFunc("GET /healthz", a.serveHealth)
	health.HandleFunc("GET /readyz", a.serveReady)
	admin := http.NewServeMux()
	admin.HandleFunc("GET /{$}", serveIndex)
	admin.Handle("GET /healthz", health)
	admin.Handle("GET /readyz", health)
	admin.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	admin.HandleFunc("GET /zones", a.serveZones)
	admin.HandleFunc("GET /report", a.serveReport)
	admin.HandleFunc("POST /accept", a.serveAccept)
	admin.HandleFunc("GET /explain", a.serveExplain)
	admin.HandleFunc("GET /health-checks", a.serveHealthChecks)
	admin.HandleFunc("GET /transfers", a.serveTransfers)
	if c.Pprof {
		admin.HandleFunc("/debug/pprof/", pprof.Index)
		admin.HandleFunc("/debug/pprof/profile", pprof.Profile)
		admin.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		admin.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	for _, l := range []struct {
		key     string
		addr    netip.AddrPort
		handler http.Handler
	}{{"admin", c.Admin, admin}, {"health", c.Health, health}} {
		if !l.addr.IsValid() {
			continue
		}
		listener, err := net.Listen("tcp", l.addr.String())
		if err != nil {
			return fmt.Errorf("binding %s: %w", l.key, err)
		}
		if l.key == "admin" {
			a.adminAddr = listener.Addr().String()
		}
		a.admin = append(a.admin, &adminServer{listener: listener, server: &http.Server{
			Handler: l.handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
			ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		}})
	}
	return nil
}

// run serves until ctx ends.
func (s *adminServer) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.server.Close() })
	defer stop()
	err := s.server.Serve(s.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving %s: %w", s.listener.Addr(), err)
}

// serveIndex names the paths, to who has forgotten them.
func serveIndex(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `inside53
  GET /readyz          whether a balancer should send queries here, and why not
  GET /healthz         the process runs
  GET /zones           each zone: records, age, errors, what of it can't be served
  GET /report          everything in the data that needs a look
  GET /explain?name=&type=&client=&diff=public   why an answer is what it is
  GET /health-checks   each health check, and why it counts as it does
  GET /transfers       the zones that secondaries may have
  GET /metrics         for Prometheus
  POST /accept?zone=   take a shrunken listing now
`)
}

// serveHealth says that the process runs.
func (a *App) serveHealth(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

// readiness is the body of /readyz.
type readiness struct {
	Ready   bool                       `json:"ready"`
	Reasons []string                   `json:"reasons"`
	Sources map[string]sourceReadiness `json:"sources"`
}

type sourceReadiness struct {
	AgeSeconds float64 `json:"age_seconds"`
	Error      string  `json:"error"`
}

// serveReady says whether a balancer should send queries here.
func (a *App) serveReady(w http.ResponseWriter, _ *http.Request) {
	status := a.keeper.Status()
	r := readiness{Reasons: []string{}, Sources: map[string]sourceReadiness{}}
	var reasons []string
	r.Ready, reasons = a.ready(status)
	r.Reasons = append(r.Reasons, reasons...)
	for name, s := range status.Sources {
		source := sourceReadiness{AgeSeconds: ageOf(s, time.Now())}
		if s.Err != nil {
			source.Error = strings.Join(few(strings.Split(s.Err.Error(), "\n")), "\n")
		}
		r.Sources[name] = source
	}
	code := http.StatusOK
	if !r.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, r)
}

// ready reports whether a complete data set is loaded and every packet loop and
// listener answers; else why not. The age of data counts only where the
// configuration says so: an outage of AWS must not end the fleet.
func (a *App) ready(status zonesource.Status) (bool, []string) {
	var reasons []string
	if a.draining.Load() {
		reasons = append(reasons, "draining")
	}
	if !status.Loaded {
		for _, missing := range few(status.Missing) {
			reasons = append(reasons, "data not complete: "+missing)
		}
	}
	_, silent := a.server.Ready()
	reasons = append(reasons, silent...)
	reasons = append(reasons, tooOld(status, a.config.Load().Ready.MaxAge)...)
	return len(reasons) == 0, reasons
}

// mostTold is how many like things are told one by one: a permission that is missing
// is missing for each of hundreds of zones.
const mostTold = 5

// few returns the first of a list, and how many there are besides.
func few(list []string) []string {
	if len(list) <= mostTold {
		return list
	}
	return append(slices.Clone(list[:mostTold]), fmt.Sprintf("and %d more; /zones has all", len(list)-mostTold))
}

// tooOld names the sources whose data of AWS are older than they may be; 0: of any age.
// Zones of other servers expire by themselves.
func tooOld(status zonesource.Status, maxAge time.Duration) []string {
	var reasons []string
	for _, name := range []string{ec2Source, route53.Name} {
		s := status.Sources[name]
		if maxAge > 0 && !s.Oldest.IsZero() && time.Since(s.Oldest) > maxAge {
			reasons = append(reasons, fmt.Sprintf("%s: data older than %s", name, maxAge))
		}
	}
	return reasons
}

// zoneInfo is one entry of /zones.
type zoneInfo struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Visibility string           `json:"visibility"`
	Account    string           `json:"account,omitempty"`
	VPCs       []string         `json:"vpcs"`
	Records    int              `json:"records"`
	AgeSeconds float64          `json:"age_seconds"`
	Error      string           `json:"error,omitempty"`
	Shrunk     *shrunkInfo      `json:"shrunk,omitempty"`
	Unservable []unservableInfo `json:"unservable"`
}

type shrunkInfo struct {
	Before int `json:"before"`
	Now    int `json:"now"`
}

type unservableInfo struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// serveZones lists the zones served, and what of them can't be served.
func (a *App) serveZones(w http.ResponseWriter, _ *http.Request) {
	status := a.keeper.Status()
	parts := make(map[zonesource.Key]zonesource.PartStatus, len(status.Parts))
	for _, p := range status.Parts {
		parts[p.Key] = p
	}
	out := []zoneInfo{}
	for _, summary := range status.Report.Zones {
		out = append(out, describeZone(summary.Zone, parts[summary.Key]))
	}
	for _, gap := range status.Report.Missing {
		if gap.Zone == "" {
			continue
		}
		out = append(out, unreadZone(gap, parts[gap.Key].Err))
	}
	writeJSON(w, http.StatusOK, out)
}

// unreadZone describes a hosted zone that exists and could not be read yet.
func unreadZone(gap zonesource.Gap, err error) zoneInfo {
	info := zoneInfo{
		ID: strings.TrimPrefix(gap.Key.Name, "zone/"), Name: gap.Zone, Visibility: "public",
		VPCs: []string{}, Unservable: []unservableInfo{}, Error: "not read yet",
	}
	if gap.Private {
		info.Visibility = "private"
	}
	if err != nil {
		info.Error = err.Error()
	}
	return info
}

func describeZone(z *zone.Zone, p zonesource.PartStatus) zoneInfo {
	info := zoneInfo{
		ID: z.ID, Name: zone.String(z.Apex), Visibility: z.Origin.String(), Account: z.Account,
		VPCs: []string{}, Records: z.Tree.Stats().Sets, Unservable: []unservableInfo{},
	}
	for _, v := range z.VPCs {
		info.VPCs = append(info.VPCs, v.ID)
	}
	if !p.Listed.IsZero() && z.Origin != zone.File {
		info.AgeSeconds = time.Since(p.Listed).Seconds()
	}
	if p.Err != nil {
		info.Error = p.Err.Error()
	}
	if p.Pending != nil {
		info.Shrunk = &shrunkInfo{Before: p.Pending.Before, Now: p.Pending.Now}
	}
	for _, problem := range p.Problems {
		info.Unservable = append(info.Unservable, unservableInfo{Name: problem.Name, Type: problem.Type, Reason: problem.Reason})
	}
	return info
}

// problemInfo is one entry of /report.
type problemInfo struct {
	Zone   string `json:"zone"`
	Name   string `json:"name"`
	Type   string `json:"type,omitempty"`
	Reason string `json:"reason"`
}

// serveReport lists everything in the data that needs a look.
func (a *App) serveReport(w http.ResponseWriter, _ *http.Request) {
	out := []problemInfo{}
	for _, p := range a.keeper.Status().Report.Problems {
		out = append(out, problemInfo(p))
	}
	writeJSON(w, http.StatusOK, out)
}

// serveAccept takes a shrunken listing of a zone now.
func (a *App) serveAccept(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("zone")
	if name == "" {
		http.Error(w, "which zone? POST /accept?zone=NAME or ID", http.StatusBadRequest)
		return
	}
	err := a.keeper.Accept(name)
	switch {
	case errors.Is(err, zonesource.ErrNothingPending):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		a.log.Info("shrunken listing accepted", "zone", name)
		_, _ = w.Write([]byte("accepted\n"))
	}
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(body) // the client has gone
}
