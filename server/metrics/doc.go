// Package metrics has what owners of numbers need to show them to Prometheus.
//
//	an owner (listen, resolver, a room of the server)
//	     │ its state, read when somebody asks
//	     ↓
//	[Collector] ──> the App's registry ──> /metrics of server/admin
//
// # Contract
//
// Nothing is counted here: an owner counts in its own fields, and a [Collector] reads these when
// Prometheus asks. What happens rarely is counted by [NewCounter] instead. program.go has the
// collectors of the packages that know no Prometheus.
//
// # Use
//
//	registry := metrics.NewRegistry()
//	registry.MustRegister(metrics.New([]metrics.Metric{{Name: name, Help: "What it is."}},
//		func(out metrics.Reading) { out.Gauge(name, state.Size()) }))
package metrics
