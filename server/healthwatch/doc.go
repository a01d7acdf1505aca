// Package healthwatch has the health of endpoints watched as the configuration says.
//
//	config ──> [Watch] ──> zonesource/health: Monitor ──> Publish(zone.Live)
//	             ↑ uses: which checks the records of the snapshot name
//	admin, metrics <── [Watch]
//	config, inventory ──> [Instances] ──> Publish(unhealthy instances)
//
// # Contract
//
// Without a monitor nothing is unhealthy. What was saved is published before the first answer. Only
// what records use is watched; a zone is walked for that once.
//
// # Use
//
//	m, err := watch.NewMonitor(config, accounts)
//	watch.Monitor.Store(m)
//	watch.Load()
//	end := watch.Start(ctx)
package healthwatch
