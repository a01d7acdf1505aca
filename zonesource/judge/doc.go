// Package judge holds inside53 against an AWS that others wrote.
//
//	AWS SDK ──> moto (python3 -m moto.server) <── AWS_ENDPOINT_URL ── bin/inside53 <── dig
//	   └── writes zones, records, instances                     compares what is seen ──┘
//
// All of it is tests, behind the build tag judge; `make judge` runs them. Nothing of
// inside53 is imported: what moto holds is written by the SDK, and what comes out is
// read by dig. The expected text beside each record is dig's.
//
// Where moto is not like AWS (it lists a name as it was written, ends a page inside a
// group without naming the member, takes change batches that AWS refuses, and never
// throttles; makes no interfaces for load balancers, says of those of file systems that they are
// their owner's, and that each classic load balancer is in us-east-1), the test at hand says so.
package judge
