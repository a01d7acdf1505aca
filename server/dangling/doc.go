// Package dangling finds records that lead nowhere, or to what is somebody else's by now.
//
//	zone.Snapshot ──> leads.go  what each zone leads to, once a zone
//	                     │
//	                  find.go   which of that is gone ──> [Finding]
//	                     │            ↑              ↑
//	                     │         past.go        [Watch.Run] asks the forwarder
//	                     └── addresses that were ours, and are no more
//
// # Contract
//
// Nothing of AWS is asked: what is ours is known from the inventory, what was ours from the
// inventories before, which are kept in a file. Names outside are asked of the forwarder, each
// once an hour at most and few a second. A verdict is made from what is known for certain: a zone
// or region that was not read makes none.
//
// # Use
//
//	w := dangling.New(dangling.Options{Snapshot: resolver.Snapshot, Resolve: ask, Path: path, Log: log})
//	go w.Run(ctx)
//	w.Wake() // another snapshot is published
//	findings := w.Findings()
package dangling
