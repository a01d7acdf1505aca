// Package member is this server as one of a fleet.
//
//	          ledger of the fleet (S3, a directory)
//	             ↑ commits, by who leads    │ versions
//	[Side]: lead, tend, readHealth <──> fleet.Member ──> Keeper ──> what is served
//	             ↑ sources.Builder          │ NOTIFY
//	       AWS ──┘── solo                 [Bell] <──> other servers
//	                                        │
//	updates, transfers, orders ──> [Handing] ──> handon ──> who leads
//
// side.go makes it, lead.go and tend.go are what it does while it leads, health.go is AWS's word on health, solo.go
// what it does while the store is away for long. handing.go hands on what only who leads may do, office.go is what
// such a server does for others. desk.go and orders.go are what people see of it, and order.
//
// # Contract
//
// A nil [Side] is a server that is alone: it reads by itself, and hands on nothing. One server at a time reads AWS for
// all, with a keeper of its own, whose guard and amendments are as those of a server that is alone; what it accepts is
// committed, and every server serves from its other keeper what is adopted of that. Files are read by each.
//
// While neither the store nor the lease is to be had for long, each reads by itself, within its share of the budget,
// and writes nothing anywhere.
//
// # Use
//
//	side, err := member.New(ctx, member.Options{Config: current, Accounts: accounts, Keeper: keeper, ...})
//	err = side.Run(ctx)
package member
