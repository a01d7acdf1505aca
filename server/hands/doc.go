// Package hands is what people do to the running server, and what they look at first.
//
//	Keepers, Forwarder, Readiness ──> hands.go  /status, /parts, /flush, /refresh ──> admin.Hands
//	counters ──> pulse.go  rates of the last ten seconds ──↑
//	counters, zone.Live ──> trend.go  the last hour ──> admin.Trends
//
// # Contract
//
// [Hands.Run] reads the counters: each second for the rates, each ten seconds for the trend, into rings of fixed
// size. What is read of the data is read when it is asked for.
//
// # Use
//
//	h := &hands.Hands{Config: current, Keepers: keepers, Pulse: pulse, Trend: trend, ...}
//	err := h.Run(ctx)
//	status := h.Status()
package hands
