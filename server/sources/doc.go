// Package sources makes of a configuration what the data are read from.
//
//	config ──> [KeeperConfig] ──> zonesource.Keeper
//	   └─────> [Builder] ──> route53, ec2, zonefile, secondary, follow, register, events
//	              │ [Hosts]: the endpoints of AWS, by the forwarders
//	              ├── [Secondaries] <── NOTIFY, for the source whose zone it is
//	              └── [Registrar]   <── updates without a key
//	[Whereabouts] <── the metadata service: which VPC this is
//
// # Contract
//
// Nothing runs here: whoever builds sources runs them. A source that runs already of the same
// options is among what is built, so that a reload leaves it alone. A check has a [Builder] without
// a keeper.
//
// # Use
//
//	b := sources.Builder{Log: log, Hosts: sources.Hosts{Forwarder: forwarder}, OnCall: count}
//	accounts, err := b.LoadAccounts(ctx, config)
//	b.Keeper = keeper
//	built, err := b.Build(config, accounts, generation, before)
//	err = keeper.Run(ctx, sources.Of(built)...)
package sources
