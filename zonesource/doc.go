// Package zonesource turns what the sources know into snapshots.
//
//	route53 ─┐
//	ec2 ─────┼── Part ──> Keeper ── Compile ──> zone.Snapshot ──> publish
//	zonefile ┘              │ ^
//	                        │ └── Reading, RegionReading: some names, some instances
//	                        │     (package events), Amendment (package update)
//	                    state_dir (last good parts; package statedir)
//
// A [Source] runs for as long as the server and delivers a [Part] whenever it has a
// complete one: a zone, the inventory of a region, the catalog of an account. The
// [Keeper] holds the last good parts, decides whether a shrunken one may replace
// its predecessor, saves them, and publishes what [Compile] makes of them. Compile
// is pure and equal to a compile from nothing: zones are shared, so its cost is that
// of the tables of views, never that of the records.
//
// # Contract
//
// A part is immutable once delivered. A listing that failed delivers a Part with
// Err and nothing else: it replaces nothing and shows as the age and the error of
// its source. The package imports resolver/zone and nothing else of inside53;
// sources import it, never the other way round.
//
// Observations have an order: each listing, reading of names and accepted update carries the
// moment at which it began, and neither a listing nor a reading overrides, name by name, what
// was read or accepted after it began ([Keeper.Read], [Keeper.ReadRegion], [Keeper.Amend]).
//
// # Use
//
//	k, err := zonesource.NewKeeper(zonesource.Options{Config: c, StateDir: dir, Publish: publish})
//	err = k.Load()                  // what was saved is published at once
//	err = k.Run(ctx, sources...)    // until ctx ends, and meanwhile:
//	err = k.Reconfigure(other)      // the same parts, another configuration, in one step
//	k.Switch(others...)             // sources that stay go on undisturbed
//	err = k.Close()
//
// The files: compile*.go say what a view sees (with a table of which rule stands
// where), keeper*.go what may replace what, state*.go how parts are saved.
package zonesource
