// Package preflight finds out about a configuration what can be found out before it serves.
//
//	inside53 check ──> [CheckAWS] ──> each IAM action, the costs, what AWS doesn't have
//	               ├─> [CheckKeys]
//	               └─> [CheckZoneFiles] <── a process that is about to go on for another
//
// # Contract
//
// AWS is reached as the server reaches it, within the configured budget, and nothing is changed. A
// check keeps no state and needs none.
//
// # Use
//
//	found, err := preflight.CheckAWS(ctx, config)
//	problems, err := preflight.CheckZoneFiles(ctx, config)
package preflight
