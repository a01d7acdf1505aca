package metrics

import (
	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
	"inside53/server/listen"
	"strconv"

	"github.com/miekg/dns"
)

// OfResolver are those of decisions.
func OfResolver(r *resolver.Resolver) *Collector {
	return New([]Metric{
		{Name: "inside53_view_queries_total", Help: "Queries that were answered, by view.", Labels: []string{"view"}},
		{Name: "inside53_type_queries_total", Help: "Queries that were answered, by type.", Labels: []string{"type"}},
		{Name: "inside53_rcode_queries_total", Help: "Answers by response code.", Labels: []string{"rcode"}},
		{
			Name: "inside53_fenced_answers_total", Labels: []string{"view"},
			Help: "Answers without instances that the view doesn't reach.",
		},
		{
			Name: "inside53_cross_zone_answers_total", Labels: []string{"kind"},
			Help: "Answers that lead to another availability zone than the client's, with ec2.affinity.",
		},
		{Name: "inside53_rebinding_total", Help: "Answers emptied for an address that names of the internet may not have."},
	}, func(out Reading) {
		out.Counter("inside53_rebinding_total", r.Rebindings())
		counts := r.Counts()
		for view, n := range counts.Views {
			out.Counter("inside53_view_queries_total", n.Queries, view)
			out.Counter("inside53_fenced_answers_total", n.Fenced, view)
		}
		for kind := zone.InstanceService; kind < zone.Balancer; kind++ {
			out.Counter("inside53_cross_zone_answers_total", counts.Crossed[kind], kind.String())
		}
		for typ, n := range counts.Types {
			name := "other"
			if typ != 0 {
				name = dns.TypeToString[typ]
			}
			out.Counter("inside53_type_queries_total", n, name)
		}
		for rcode, n := range counts.Rcodes {
			name, known := dns.RcodeToString[rcode]
			if known && n > 0 || rcode <= wire.RcodeRefused {
				out.Counter("inside53_rcode_queries_total", n, name)
			}
		}
	})
}

// OfSockets are those of the packet loops and TCP listeners.
func OfSockets(stats func() listen.Stats, counts func() resolver.Counts) *Collector {
	return New([]Metric{
		{
			Name: "inside53_query_seconds", Labels: []string{"transport", "result"},
			Help: "From reading a query to having written its answer.",
		},
		{
			Name: "inside53_queries_total", Labels: []string{"transport", "result"},
			Help: "Queries by transport and by what became of them.",
		},
		{
			Name: "inside53_udp_kernel_drops_total", Labels: []string{"address", "loop"},
			Help: "Packets that the kernel dropped because the receive buffer was full.",
		},
		{
			Name: "inside53_udp_errors_total", Labels: []string{"address", "loop", "error"},
			Help: "Packets that could not be received or answers that could not be sent.",
		},
		{Name: "inside53_tcp_connections", Help: "TCP connections open now.", Labels: []string{"address"}},
		{
			Name: "inside53_tcp_refused_total", Labels: []string{"address", "reason"},
			Help: "TCP connections that were closed at once, or made room for others.",
		},
	}, func(out Reading) {
		s, late := stats(), counts().Late
		for t := range s.Latency {
			for result := range s.Latency[t] {
				both := s.Latency[t][result]
				both.Merge(&late[t][result])
				if both.Total() > 0 {
					out.Histogram("inside53_query_seconds", &both,
						resolver.Transport(t).String(), resolver.Result(result).String())
				}
			}
		}
		out.sockets(s)
	})
}

func (r Reading) sockets(s listen.Stats) {
	for t, results := range s.Queries {
		for result, n := range results {
			r.Counter("inside53_queries_total", n, resolver.Transport(t).String(), resolver.Result(result).String())
		}
	}
	for _, u := range s.UDP {
		address, loop := u.Address.String(), strconv.Itoa(u.Loop)
		r.Counter("inside53_udp_kernel_drops_total", u.KernelDrops, address, loop)
		r.Counter("inside53_udp_errors_total", u.Truncated, address, loop, "oversized")
		r.Counter("inside53_udp_errors_total", u.ReceiveErrors, address, loop, "receive")
		r.Counter("inside53_udp_errors_total", u.SendErrors, address, loop, "send")
	}
	for _, t := range s.TCP {
		r.Gauge("inside53_tcp_connections", float64(t.Open), t.Address.String())
		for why, n := range t.Refused {
			r.Counter("inside53_tcp_refused_total", n, t.Address.String(), listen.Refusal(why).String())
		}
	}
}

// OfForwarder are those of the cache and the upstreams.
func OfForwarder(stats func() forward.Stats) *Collector {
	return New([]Metric{
		{Name: "inside53_cache_entries", Help: "Answers in the cache."},
		{Name: "inside53_cache_bytes", Help: "Memory of the cache, estimated."},
		{Name: "inside53_cache_lookups_total", Help: "Lookups in the cache by outcome.", Labels: []string{"outcome"}},
		{Name: "inside53_cache_evictions_total", Help: "Answers that made room for others."},
		{Name: "inside53_forward_in_flight", Help: "Questions under way to upstreams."},
		{
			Name: "inside53_forward_refused_total", Labels: []string{"reason"},
			Help: "Questions that were not forwarded to their end.",
		},
		{
			Name: "inside53_upstream_queries_total", Labels: []string{"upstream", "outcome"},
			Help: "Queries to an upstream by outcome; sent counts all.",
		},
		{
			Name: "inside53_upstream_budget_waits_total", Labels: []string{"upstream"},
			Help: "Queries that waited, as the upstream's packets were used up.",
		},
		{
			Name: "inside53_upstream_seconds", Labels: []string{"upstream"},
			Help: "From a query to an upstream to its answer.",
		},
		{
			Name: "inside53_upstream_rtt_seconds", Labels: []string{"upstream"},
			Help: "Smoothed round trip time of an upstream.",
		},
		{Name: "inside53_upstream_up", Help: "1 when the upstream answers.", Labels: []string{"upstream"}},
	}, func(out Reading) { out.forwarder(stats()) })
}

func (r Reading) forwarder(s forward.Stats) {
	r.Gauge("inside53_cache_entries", float64(s.Entries))
	r.Gauge("inside53_cache_bytes", float64(s.Bytes))
	r.Counter("inside53_cache_lookups_total", s.Hits, "hit")
	r.Counter("inside53_cache_lookups_total", s.Stale, "stale")
	r.Counter("inside53_cache_lookups_total", s.Misses, "miss")
	r.Counter("inside53_cache_evictions_total", s.Evictions)
	r.Gauge("inside53_forward_in_flight", float64(s.InFlight))
	r.Counter("inside53_forward_refused_total", s.Full, "full")
	r.Counter("inside53_forward_refused_total", s.Loops, "loop")
	r.Counter("inside53_forward_refused_total", s.Client, "client")
	r.Counter("inside53_forward_refused_total", s.Cut, "cut")
	r.Counter("inside53_forward_refused_total", s.Packets, "packets")
	for _, u := range s.Upstreams {
		r.Counter("inside53_upstream_queries_total", u.Queries, u.Upstream, "sent")
		r.Counter("inside53_upstream_queries_total", u.Answers, u.Upstream, "answered")
		r.Counter("inside53_upstream_queries_total", u.Failures, u.Upstream, "failed")
		r.Counter("inside53_upstream_queries_total", u.Timeouts, u.Upstream, "timeout")
		r.Counter("inside53_upstream_queries_total", u.Truncated, u.Upstream, "truncated")
		r.Counter("inside53_upstream_queries_total", u.Spoofed, u.Upstream, "spoofed")
		r.Counter("inside53_upstream_budget_waits_total", u.Waits, u.Upstream)
		r.Histogram("inside53_upstream_seconds", &u.Latency, u.Upstream)
		r.Gauge("inside53_upstream_rtt_seconds", u.RTT.Seconds(), u.Upstream)
		r.Gauge("inside53_upstream_up", Truth(u.Up), u.Upstream)
	}
}
