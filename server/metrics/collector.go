package metrics

import (
	"inside53/resolver/latency"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry with what is known of every process of Go. Whoever has
// something to count registers its own collector there.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Metric is one that a [Collector] has.
type Metric struct {
	Name, Help string
	Labels     []string
}

// Collector is the metrics of one owner, which are read from its state when Prometheus
// asks.
type Collector struct {
	descs map[string]*prometheus.Desc
	read  func(Reading)
}

// New makes the collector of an owner's metrics; read gives their values.
func New(metrics []Metric, read func(Reading)) *Collector {
	c := &Collector{descs: make(map[string]*prometheus.Desc, len(metrics)), read: read}
	for _, m := range metrics {
		c.descs[m.Name] = prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(out chan<- prometheus.Metric) { c.read(Reading{c.descs, out}) }

// Reading is one collection.
type Reading struct {
	descs map[string]*prometheus.Desc
	out   chan<- prometheus.Metric
}

// Gauge gives the value of a gauge.
func (r Reading) Gauge(name string, v float64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(r.descs[name], prometheus.GaugeValue, v, labels...)
}

// Counter gives the value of a counter.
func (r Reading) Counter(name string, v uint64, labels ...string) {
	r.out <- prometheus.MustNewConstMetric(r.descs[name], prometheus.CounterValue, float64(v), labels...)
}

// Histogram gives counts of latencies.
func (r Reading) Histogram(name string, c *latency.Counts, labels ...string) {
	buckets, below := make(map[float64]uint64, len(c.Buckets)), uint64(0)
	for i, bound := range latency.Bounds() {
		below += c.Buckets[i]
		buckets[bound.Seconds()] = below
	}
	r.out <- prometheus.MustNewConstHistogram(r.descs[name], c.Total(), c.Sum.Seconds(), buckets, labels...)
}

// Truth is 1 for true, 0 for false.
func Truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// NewCounter registers a counter with labels and returns its increment.
func NewCounter(to prometheus.Registerer, m Metric) func(labels ...string) {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
	to.MustRegister(c)
	return func(labels ...string) { c.WithLabelValues(labels...).Inc() }
}
