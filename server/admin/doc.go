// Package admin is the HTTP for people and for what watches the server: health, readiness,
// metrics, zones, explanations.
//
//	admin.go     the listeners and the paths
//	data.go      what the paths say: the interfaces that are asked, and their answers
//	explain.go   the question of /explain
//	views.go     who sees what; records.go what zones hold; trend.go the last hour
//	console/     the page for browsers, which asks these paths
//	hands.go     /status, /parts, /flush, /refresh
//	watch.go     /top, /tail, /usage
//	guard.go     keeps browsers from being used by other sites
//
// It knows nothing of where answers come from. Each path asks one small interface of this
// package, which whoever has the state implements, and prints what it gets. The paths and
// the keys of the JSON are read by other programs: they are added to, never changed.
//
// Three addresses are served: admin, on loopback, with all paths; health, for a load
// balancer, with /healthz and /readyz alone, which names nothing there; and metrics, for a
// Prometheus elsewhere, with /metrics alone.
package admin
