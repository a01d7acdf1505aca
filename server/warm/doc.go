// Package warm keeps the forwarder's cache over restarts.
//
//	state directory: cache ──> [Cache.Run] ──> forward.Forwarder
//	                     <── every 15 minutes, and when the end begins
//
// # Contract
//
// It restores while queries are answered already. A file that can't be read, or is damaged, costs
// what stands behind the damage and is replaced. What can't be written is logged and stops nothing.
//
// # Use
//
//	w := warm.NewCache(state, forwarder, log)
//	err := w.Run(ending, all)
package warm
