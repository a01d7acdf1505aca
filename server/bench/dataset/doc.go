// Package dataset makes the names that servers are loaded with, and the queries for
// them with the answers they must get.
//
//	zonefile.go  a master file: hosts and CNAMEs to some of them
//	aws.go       the same names as Route 53 and EC2 have them, in the AWS CLI's own
//	             JSON: a private and a public zone of one name, instances with
//	             public addresses, weighted records, aliases to load balancers
//	stream.go    queries: AUTH, CACHE, MISS, WEIGHTED, ALIAS
//
// Everything follows from numbers, so that nothing but the zones is ever written:
//
//	host-000123.bench.internal.   A      10.0.0.123
//	name-000123.bench.internal.   CNAME  host-000861 (seven times the number)
//	hot-00123, u3-00000123 .cache.internal.  whatever the synthetic upstream says
package dataset
