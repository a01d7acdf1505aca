package server

import (
	"strconv"
	"strings"
	"time"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/server/listen"
	"inside53/zonesource"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the program's own, in a registry of its own. What others count is
// read when Prometheus asks (see collector); only calls to AWS are counted here.
type metrics struct {
	registry  *prometheus.Registry
	calls     *prometheus.CounterVec
	updates   *prometheus.CounterVec
	transfers *prometheus.CounterVec
	notifies  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.calls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "inside53_aws_calls_total", Help: "Requests to AWS by operation and outcome, retries included.",
	}, []string{"operation", "code"})
	m.updates = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "inside53_updates_total", Help: "Dynamic updates by response code or fault of the signature; dropped: too many at a time.",
	}, []string{"result"})
	m.transfers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "inside53_transfers_total", Help: "Transfers to secondaries and NOTIFY from primaries by kind and outcome; whole: an IXFR answered by the whole zone; udp: by one message.",
	}, []string{"kind", "result"})
	m.notifies = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "inside53_notifies_total", Help: "NOTIFY to secondaries by outcome; gave_up counts zones, the others messages.",
	}, []string{"result"})
	m.registry.MustRegister(m.calls, m.updates, m.transfers, m.notifies, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// awsCall counts one request to AWS.
func (m *metrics) awsCall(operation, code string) { m.calls.WithLabelValues(operation, code).Inc() }

// update counts one dynamic update.
func (m *metrics) update(result string) { m.updates.WithLabelValues(result).Inc() }

// transfer counts one transfer to a secondary, or NOTIFY from a primary.
func (m *metrics) transfer(kind, result string) { m.transfers.WithLabelValues(kind, result).Inc() }

// notify counts what became of one NOTIFY to a secondary.
func (m *metrics) notify(result string) { m.notifies.WithLabelValues(result).Inc() }

// collector reads the counters of the packet loops, the forwarder and the keeper.
type collector struct {
	app   *App
	descs map[string]*prometheus.Desc
}

// The metrics of the collector: name, help, labels.
var collected = []struct {
	name, help string
	labels     []string
}{
	{"inside53_queries_total", "Queries by transport and by what became of them.", []string{"transport", "result"}},
	{"inside53_udp_kernel_drops_total", "Packets that the kernel dropped because the receive buffer was full.", []string{"address", "loop"}},
	{"inside53_udp_errors_total", "Packets that could not be received or answers that could not be sent.", []string{"address", "loop", "error"}},
	{"inside53_tcp_connections", "TCP connections open now.", []string{"address"}},
	{"inside53_tcp_refused_total", "TCP connections closed at once because too many were open.", []string{"address"}},
	{"inside53_build_info", "1; the label is the version.", []string{"version"}},
	{"inside53_ready", "1 when /readyz says so.", nil},
	{"inside53_source_age_seconds", "Age of the oldest data of a source.", []string{"source"}},
	{"inside53_source_failing_parts", "Parts of a source whose last listing failed.", []string{"source"}},
	{"inside53_source_pending_parts", "Parts that have shrunk or vanished and wait to be confirmed.", []string{"source"}},
	{"inside53_zones", "Zones served.", []string{"visibility"}},
	{"inside53_records", "Record sets served.", []string{"visibility"}},
	{"inside53_unservable_records", "Record sets that exist and can't be served.", nil},
	{"inside53_problems", "Lines of the report: records, names and zones that need a look.", nil},
	{"inside53_stale_regions", "Regions whose inventory is too old to translate addresses by.", nil},
	{"inside53_health_checks", "Health checks by what counts; unknown ones count as healthy.", []string{"state"}},
	{"inside53_health_disagreeing", "Health checks of which AWS and the local probes say opposite things.", nil},
	{"inside53_health_local_lost", "1 when most endpoints are silent from here and the states of local probes are frozen.", nil},
	{"inside53_health_probes_total", "Probes by outcome; refused: the target isn't allowed.", []string{"result"}},
	{"inside53_health_targets", "Names of load balancers by the health of their target groups.", []string{"state"}},
	{"inside53_health_age_seconds", "Age of the last look at the health check that was looked at longest ago.", nil},
	{"inside53_transfer_zones", "Zones that secondaries may have, by view.", []string{"view"}},
	{"inside53_transfer_journal_bytes", "Differences of these zones kept for IXFR.", []string{"view"}},
	{"inside53_notifies_pending", "Secondaries, times zones, that haven't acknowledged NOTIFY yet.", nil},
	{"inside53_fenced_answers_total", "Answers without instances that the view doesn't reach.", []string{"view"}},
	{"inside53_cache_entries", "Answers in the cache.", nil},
	{"inside53_cache_bytes", "Memory of the cache, estimated.", nil},
	{"inside53_cache_lookups_total", "Lookups in the cache by outcome.", []string{"outcome"}},
	{"inside53_cache_evictions_total", "Answers that made room for others.", nil},
	{"inside53_forward_in_flight", "Questions under way to upstreams.", nil},
	{"inside53_forward_refused_total", "Questions not forwarded.", []string{"reason"}},
	{"inside53_upstream_queries_total", "Queries to an upstream by outcome; sent counts all.", []string{"upstream", "outcome"}},
	{"inside53_upstream_rtt_seconds", "Smoothed round trip time of an upstream.", []string{"upstream"}},
	{"inside53_upstream_up", "1 when the upstream answers.", []string{"upstream"}},
}

func newCollector(a *App) *collector {
	c := &collector{app: a, descs: make(map[string]*prometheus.Desc, len(collected))}
	for _, m := range collected {
		c.descs[m.name] = prometheus.NewDesc(m.name, m.help, m.labels, nil)
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	r := reading{c: c, out: out}
	r.sockets(c.app.server.Stats())
	r.forwarder(c.app.forwarder.Stats())
	for view, n := range c.app.resolver.Fenced() {
		r.counter("inside53_fenced_answers_total", n, view)
	}
	status := c.app.keeper.Status()
	r.data(status)
	r.health(c.app.watch.monitor.Load())
	r.transfers(c.app)
	ready, _ := c.app.ready(status)
	r.gauge("inside53_ready", truth(ready))
	r.gauge("inside53_build_info", 1, strings.TrimPrefix(c.app.version, "inside53 "))
}

// reading is one collection.
type reading struct {
	c   *collector
	out chan<- prometheus.Metric
}

func (r reading) gauge(name string, v float64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(r.c.descs[name], prometheus.GaugeValue, v, labels...)
}

func (r reading) counter(name string, v uint64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(r.c.descs[name], prometheus.CounterValue, float64(v), labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (r reading) sockets(s listen.Stats) {
	for t, results := range s.Queries {
		for result, n := range results {
			r.counter("inside53_queries_total", n, resolver.Transport(t).String(), resolver.Result(result).String())
		}
	}
	for _, u := range s.UDP {
		address, loop := u.Address.String(), strconv.Itoa(u.Loop)
		r.counter("inside53_udp_kernel_drops_total", u.KernelDrops, address, loop)
		r.counter("inside53_udp_errors_total", u.Truncated, address, loop, "oversized")
		r.counter("inside53_udp_errors_total", u.ReceiveErrors, address, loop, "receive")
		r.counter("inside53_udp_errors_total", u.SendErrors, address, loop, "send")
	}
	for _, t := range s.TCP {
		r.gauge("inside53_tcp_connections", float64(t.Open), t.Address.String())
		r.counter("inside53_tcp_refused_total", t.Refused, t.Address.String())
	}
}

func (r reading) forwarder(s forward.Stats) {
	r.gauge("inside53_cache_entries", float64(s.Entries))
	r.gauge("inside53_cache_bytes", float64(s.Bytes))
	r.counter("inside53_cache_lookups_total", s.Hits, "hit")
	r.counter("inside53_cache_lookups_total", s.Stale, "stale")
	r.counter("inside53_cache_lookups_total", s.Misses, "miss")
	r.counter("inside53_cache_evictions_total", s.Evictions)
	r.gauge("inside53_forward_in_flight", float64(s.InFlight))
	r.counter("inside53_forward_refused_total", s.Full, "full")
	r.counter("inside53_forward_refused_total", s.Loops, "loop")
	for _, u := range s.Upstreams {
		r.counter("inside53_upstream_queries_total", u.Queries, u.Upstream, "sent")
		r.counter("inside53_upstream_queries_total", u.Answers, u.Upstream, "answered")
		r.counter("inside53_upstream_queries_total", u.Failures, u.Upstream, "failed")
		r.counter("inside53_upstream_queries_total", u.Timeouts, u.Upstream, "timeout")
		r.counter("inside53_upstream_queries_total", u.Truncated, u.Upstream, "truncated")
		r.counter("inside53_upstream_queries_total", u.Spoofed, u.Upstream, "spoofed")
		r.gauge("inside53_upstream_rtt_seconds", u.RTT.Seconds(), u.Upstream)
		r.gauge("inside53_upstream_up", truth(u.Up), u.Upstream)
	}
}

func (r reading) data(s zonesource.Status) {
	now := time.Now()
	for name, source := range s.Sources {
		r.gauge("inside53_source_age_seconds", ageOf(source, now), name)
		r.gauge("inside53_source_failing_parts", float64(source.Failing), name)
		r.gauge("inside53_source_pending_parts", float64(source.Pending), name)
	}
	zones, records := map[string]int{}, map[string]int{}
	for _, z := range s.Report.Zones {
		origin := z.Zone.Origin.String()
		zones[origin]++
		records[origin] += z.Zone.Tree.Stats().Sets
	}
	for origin := range zones {
		r.gauge("inside53_zones", float64(zones[origin]), origin)
		r.gauge("inside53_records", float64(records[origin]), origin)
	}
	r.gauge("inside53_unservable_records", float64(s.Report.Unservable))
	r.gauge("inside53_problems", float64(len(s.Report.Problems)))
	stale := map[string]bool{}
	for _, v := range r.c.app.resolver.Snapshot().Inventory.VPCs {
		if v.Stale {
			stale[v.Account+"/"+v.Region] = true
		}
	}
	r.gauge("inside53_stale_regions", float64(len(stale)))
}

// ageOf returns the age of a source's data in seconds. Files have none: they are
// read again when they change.
func ageOf(s zonesource.SourceStatus, now time.Time) float64 {
	if s.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.Oldest).Seconds())
}
