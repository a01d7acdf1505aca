// Package served is what is served and asked, as people see it.
//
//	Keeper, Report ──────> data.go  zones, problems, explanations    ──┐
//	Snapshot ────────────> records.go, views.go                        │
//	transfer.Server ─────> transfers.go                                ├──> admin, as its interfaces
//	observe.Observer ────> watched.go, usage.go  who asks for what     │    Prometheus, by metrics
//	dangling.Watch ──────> dangling.go  what leads to what is gone   ──┘
//
// # Contract
//
// It reads and changes nothing. Everything is described when it is asked for, and of lists that may be long the page
// alone. [Keepers] joins what is served with what this server reads for its fleet: each part stands once, as who
// reads it last knows it. Whoever has numbers for Prometheus has a method Metrics; the App registers it.
//
// # Use
//
//	seen := &served.Watched{Observer: observer, Resolver: resolver, Messages: messages}
//	data := &served.Data{Keepers: keepers, Resolver: resolver, Watched: seen, Past: steps, Faults: problems}
//	zones, total := data.Zones(page)
package served
