// Package health is the source of health: of Route 53's health checks, and of load
// balancers.
//
//	ListHealthChecks ──> definitions ──┬──> schedule ──> probe ──> tally ──┐
//	                                   │                                   │ local
//	GetMetricData (HealthCheckStatus) ─┼────────────────────── aws ────────┼──> evaluate ──> zone.Live ──> Publish
//	                                   │                                   │                    │
//	DescribeTargetHealth ──────────────┤                                   │
//	DescribeInstanceHealth (classic) ──┴────────────────── balancers ──────┘                state file
//
// A [Monitor] knows two places that look at a health check. AWS's own checkers are
// read from CloudWatch, for every type of check, a minute or three late. The local
// probes are made from here, as the check is configured in Route 53: they know of
// a fault within threshold × interval, and they see private addresses.
//
// # What counts
//
//	Mode AWS     what AWS says
//	Mode Local   what the probes say; alarms and routing controls are AWS's all the same
//	Mode Both    unhealthy when the probes say so, else what AWS says
//
// A check counts as healthy until something is known of it; inverted, and known to
// AWS without a data point, as unhealthy (AWS: "How Route 53 determines whether a
// health check is healthy"). A disabled check is healthy, disabled and inverted
// unhealthy, whoever says what. A calculated check is what its children are, however
// deep; a child that isn't there counts as healthy, and so does a check that is its
// own descendant, which Route 53 doesn't allow. Where CloudWatch has no data point of
// five minutes AWS's word is unknown; a check that was unhealthy stays so for an hour.
// Where CloudWatch can't be read its last word stands, but after a quarter of an hour not
// against a probe that sees a healthy endpoint.
//
// # Probes
//
// A probe connects within 4 s, TLS included, and gets a status of 2xx or 3xx within 2 s;
// a search string has to stand in the first 5120 bytes of a body that came within 2 s
// more; TCP connects within 10 s (AWS: "How Route 53 determines the status of health
// checks that monitor an endpoint"). Certificates are not validated, redirects not
// followed, proxies not used. A host without an address is resolved each time, to
// IPv4, and connected to by the address that was checked. A public address that the
// inventory knows is probed at its private one ([Options.Translate]).
//
// A probe that has never succeeded from here says nothing: a missing rule of a security
// group must not fail a site over. If more than half of the endpoints that were
// healthy, of three or more, fail within one threshold, it is this server that has
// lost its way: the local source is lost, its states freeze as they were before, and it
// comes back when more than half of them answer again.
//
// No probe goes to link-local addresses (the instance metadata service), those of AWS
// on instances in fd00:ec2::/32, multicast, unspecified and broadcast ones, nor to a
// socket of our own; to loopback only where a prefix within 127.0.0.0/8 or ::1/128 is
// named; and to nothing outside of the [Targets] configured. Each check has one probe at a
// time, at its own interval from a random start; [Options.Probes] bounds those of all.
//
// # Load balancers
//
// An application or network load balancer is healthy when each of its target groups has a
// healthy target; a group without any target makes it unhealthy. One without groups is
// healthy. A classic one is healthy when an instance of it is in service; it is asked for where
// an alias leads to a name that no newer one has.
//
// # Instances
//
// [Instances] probes those that the tag dns-check says how to, for the names of instances
// (ec2.health). An instance that was healthy is unhealthy after three probes in a row, and
// healthy again likewise; what else holds of probes holds here too.
//
// # State
//
// What is known is saved with its age in the state directory, and published before anything
// else after a restart: a known-bad primary stays bad. State older than a day is not used. One
// file has all of it and is written each minute and at the end, another what has changed
// since: a change costs its own size there.
//
// # Use
//
//	monitor, err := health.New(health.Options{Accounts: accounts, Publish: resolver.PublishLive, ...})
//	...
//	monitor.Load() // optional: what was saved counts from now on
//	err = monitor.Run(ctx)
package health
