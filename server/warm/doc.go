// Package warm keeps over restarts what the server has learnt by answering: the forwarder's cache, and who asks for
// which record sets.
//
//	state directory: cache ──> [File.Run] ──> forward.Forwarder
//	                       <── every 15 minutes, and when the end begins
//	                 usage ──> [File.Run] ──> observe.Observer
//	                       <── every 5 minutes, and when the end begins
//
// # Contract
//
// It restores while queries are answered already. A file that can't be read, or is damaged, costs
// what stands behind the damage, of usage all, and is replaced. What can't be written is logged, once until it can,
// and stops nothing.
//
// # Use
//
//	w := warm.NewCache(state, forwarder, log)
//	err := w.Run(ending, all)
package warm
