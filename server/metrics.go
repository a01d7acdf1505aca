package server

import (
	"strconv"
	"strings"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/latency"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/listen"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newRegistry returns a registry with what is known of every process of Go. Whoever has
// something to count registers its own collector there.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// metric is one that a [collector] has.
type metric struct {
	name, help string
	labels     []string
}

// collector is the metrics of one owner, which are read from its state when Prometheus
// asks.
type collector struct {
	descs map[string]*prometheus.Desc
	read  func(reading)
}

func newCollector(metrics []metric, read func(reading)) *collector {
	c := &collector{descs: make(map[string]*prometheus.Desc, len(metrics)), read: read}
	for _, m := range metrics {
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
func (c *collector) Collect(out chan<- prometheus.Metric) { c.read(reading{c.descs, out}) }

// reading is one collection.
type reading struct {
	descs map[string]*prometheus.Desc
	out   chan<- prometheus.Metric
}

func (r reading) gauge(name string, v float64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(r.descs[name], prometheus.GaugeValue, v, labels...)
}

func (r reading) counter(name string, v uint64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(r.descs[name], prometheus.CounterValue, float64(v), labels...)
}

func (r reading) histogram(name string, c *latency.Counts, labels ...string) {
	buckets, below := make(map[float64]uint64, len(c.Buckets)), uint64(0)
	for i, bound := range latency.Bounds() {
		below += c.Buckets[i]
		buckets[bound.Seconds()] = below
	}
	r.out <- prometheus.MustNewConstHistogram(r.descs[name], c.Total(), c.Sum.Seconds(), buckets, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// newCounter registers a counter with labels and returns its increment.
func newCounter(to prometheus.Registerer, m metric) func(labels ...string) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.name, Help: m.help}, m.labels)
	to.MustRegister(c)
	return func(labels ...string) { c.WithLabelValues(labels...).Inc() }
}

// programMetrics are those of the program as a whole.
func programMetrics(version string, r *readiness) *collector {
	return newCollector([]metric{
		{"inside53_build_info", "1; the label is the version.", []string{"version"}},
		{"inside53_ready", "1 when /readyz says so.", nil},
		{"inside53_log_writable", "0 when the log can't be written and its lines are lost.", nil},
	}, func(out reading) {
		out.gauge("inside53_ready", truth(r.isReady()))
		out.gauge("inside53_log_writable", truth(r.logFault() == nil))
		out.gauge("inside53_build_info", 1, strings.TrimPrefix(version, "inside53 "))
	})
}

// resolverMetrics are those of decisions.
func resolverMetrics(r *resolver.Resolver) *collector {
	return newCollector([]metric{
		{"inside53_view_queries_total", "Queries that were answered, by view.", []string{"view"}},
		{"inside53_type_queries_total", "Queries that were answered, by type.", []string{"type"}},
		{"inside53_rcode_queries_total", "Answers by response code.", []string{"rcode"}},
		{"inside53_fenced_answers_total", "Answers without instances that the view doesn't reach.", []string{"view"}},
		{
			"inside53_cross_zone_answers_total",
			"Answers that lead to another availability zone than the client's, with ec2.affinity.", []string{"kind"},
		},
		{"inside53_rebinding_total", "Answers emptied for an address that names of the internet may not have.", nil},
	}, func(out reading) {
		out.counter("inside53_rebinding_total", r.Rebindings())
		counts := r.Counts()
		for view, n := range counts.Views {
			out.counter("inside53_view_queries_total", n.Queries, view)
			out.counter("inside53_fenced_answers_total", n.Fenced, view)
		}
		for kind := zone.InstanceService; kind < zone.Balancer; kind++ {
			out.counter("inside53_cross_zone_answers_total", counts.Crossed[kind], kind.String())
		}
		for typ, n := range counts.Types {
			name := "other"
			if typ != 0 {
				name = dns.TypeToString[typ]
			}
			out.counter("inside53_type_queries_total", n, name)
		}
		for rcode, n := range counts.Rcodes {
			name, known := dns.RcodeToString[rcode]
			if known && n > 0 || rcode <= wire.RcodeRefused {
				out.counter("inside53_rcode_queries_total", n, name)
			}
		}
	})
}

// socketMetrics are those of the packet loops and TCP listeners.
func socketMetrics(stats func() listen.Stats, counts func() resolver.Counts) *collector {
	return newCollector([]metric{
		{
			"inside53_query_seconds", "From reading a query to having written its answer.",
			[]string{"transport", "result"},
		},
		{"inside53_queries_total", "Queries by transport and by what became of them.", []string{"transport", "result"}},
		{
			"inside53_udp_kernel_drops_total", "Packets that the kernel dropped because the receive buffer was full.",
			[]string{"address", "loop"},
		},
		{
			"inside53_udp_errors_total", "Packets that could not be received or answers that could not be sent.",
			[]string{"address", "loop", "error"},
		},
		{"inside53_tcp_connections", "TCP connections open now.", []string{"address"}},
		{
			"inside53_tcp_refused_total", "TCP connections that were closed at once, or made room for others.",
			[]string{"address", "reason"},
		},
	}, func(out reading) {
		s, late := stats(), counts().Late
		for t := range s.Latency {
			for result := range s.Latency[t] {
				both := s.Latency[t][result]
				both.Merge(&late[t][result])
				if both.Total() > 0 {
					out.histogram("inside53_query_seconds", &both,
						resolver.Transport(t).String(), resolver.Result(result).String())
				}
			}
		}
		out.sockets(s)
	})
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
		for why, n := range t.Refused {
			r.counter("inside53_tcp_refused_total", n, t.Address.String(), listen.Refusal(why).String())
		}
	}
}

// forwardMetrics are those of the cache and the upstreams.
func forwardMetrics(stats func() forward.Stats) *collector {
	return newCollector([]metric{
		{"inside53_cache_entries", "Answers in the cache.", nil},
		{"inside53_cache_bytes", "Memory of the cache, estimated.", nil},
		{"inside53_cache_lookups_total", "Lookups in the cache by outcome.", []string{"outcome"}},
		{"inside53_cache_evictions_total", "Answers that made room for others.", nil},
		{"inside53_forward_in_flight", "Questions under way to upstreams.", nil},
		{"inside53_forward_refused_total", "Questions that were not forwarded to their end.", []string{"reason"}},
		{
			"inside53_upstream_queries_total", "Queries to an upstream by outcome; sent counts all.",
			[]string{"upstream", "outcome"},
		},
		{
			"inside53_upstream_budget_waits_total", "Queries that waited, as the upstream's packets were used up.",
			[]string{"upstream"},
		},
		{"inside53_upstream_seconds", "From a query to an upstream to its answer.", []string{"upstream"}},
		{"inside53_upstream_rtt_seconds", "Smoothed round trip time of an upstream.", []string{"upstream"}},
		{"inside53_upstream_up", "1 when the upstream answers.", []string{"upstream"}},
	}, func(out reading) { out.forwarder(stats()) })
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
	r.counter("inside53_forward_refused_total", s.Client, "client")
	r.counter("inside53_forward_refused_total", s.Cut, "cut")
	r.counter("inside53_forward_refused_total", s.Packets, "packets")
	for _, u := range s.Upstreams {
		r.counter("inside53_upstream_queries_total", u.Queries, u.Upstream, "sent")
		r.counter("inside53_upstream_queries_total", u.Answers, u.Upstream, "answered")
		r.counter("inside53_upstream_queries_total", u.Failures, u.Upstream, "failed")
		r.counter("inside53_upstream_queries_total", u.Timeouts, u.Upstream, "timeout")
		r.counter("inside53_upstream_queries_total", u.Truncated, u.Upstream, "truncated")
		r.counter("inside53_upstream_queries_total", u.Spoofed, u.Upstream, "spoofed")
		r.counter("inside53_upstream_budget_waits_total", u.Waits, u.Upstream)
		r.histogram("inside53_upstream_seconds", &u.Latency, u.Upstream)
		r.gauge("inside53_upstream_rtt_seconds", u.RTT.Seconds(), u.Upstream)
		r.gauge("inside53_upstream_up", truth(u.Up), u.Upstream)
	}
}
