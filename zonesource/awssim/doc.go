// Package awssim is an AWS to try inside53 on, and the AWS of its tests: one HTTP server that the
// unmodified AWS SDKs and the unmodified AWS CLI (aws --endpoint-url) talk to.
//
//	SDK, CLI ──HTTP──> call.go: who asks (signature's scope), which operation
//	                      │
//	                      ├─ control.go     /_sim/faults, /_sim/calls, /_sim/health, /_sim/events, /_sim/reload
//	                      ├─ limit.go       token buckets: Throttling "Rate exceeded"
//	                      ├─ fault.go       what is to go wrong with this page
//	                      ├─ route53.go, hostedzones.go, change.go, edit.go, tag.go, healthcheck.go, cidr.go
//	                      ├─ inventory.go, targetgroup.go   EC2 and ELBv2 Describe calls, by shapes.json
//	                      ├─ regionedit.go, instance.go, elastic.go, target.go   their writes
//	                      ├─ vitals.go      status checks, auto scaling, classic load balancers
//	                      ├─ metric.go, metricquery.go   CloudWatch's GetMetricData: the status of health checks
//	                      ├─ s3.go, s3list.go   buckets and objects with conditions; path style, empty at the start
//	                      ├─ sqs.go, queue.go   queues: long polling, visibility, receipts, dead letters
//	                      ├─ trail.go       EventBridge's rules and CloudTrail's trails, as they were put
//	                      └─ sts.go         AssumeRole, GetCallerIdentity
//	                      │
//	each change ────────> event.go, cloudtrail.go: its event, into a queue
//	                      │
//	data directory ─────> data.go: what is listed; changes stay in memory
//	                      │
//	DNS clients ─────UDP, TCP──> dns.go: names of the load balancers, and dns.zone
//
// # Data
//
// The data directory holds the AWS CLI's own JSON output, so that an export of any account can be loaded:
//
//	route53/list-hosted-zones.json
//	route53/ZONEID/get-hosted-zone.json                    VPC associations of a private zone
//	route53/ZONEID/list-resource-record-sets.json
//	route53/ZONEID/list-tags-for-resource.json
//	route53/list-health-checks.json
//	route53/CHECKID/get-health-check-status.json
//	route53/list-cidr-collections.json
//	route53/COLLECTIONID/list-cidr-blocks.json
//	route53/VPCID/list-hosted-zones-by-vpc.json            zones of other accounts and of AWS services
//	REGION/describe-instances.json, describe-network-interfaces.json, describe-addresses.json,
//	       describe-vpcs.json, describe-subnets.json, describe-vpc-peering-connections.json,
//	       describe-load-balancers.json, describe-target-groups.json, describe-instance-status.json,
//	       describe-auto-scaling-instances.json, describe-classic-load-balancers.json (aws elb)
//	REGION/TARGETGROUP/describe-target-health.json         TARGETGROUP is its name
//	REGION/BALANCER/describe-load-balancer-attributes.json, describe-instance-health.json (aws elb)
//	dns.zone                                               a master file of the world outside
//	accounts/ACCOUNTID/...                                 the same for another account
//
// A missing file is empty. Files not ending in .json are ignored, dns.zone aside. A JSON member that the
// API does not have, an unknown file and a listing cut short are errors with file and path: nothing is lost
// in silence. Both forms of the CLI's times are read.
//
// # Faithfulness
//
// ListResourceRecordSets gives at most 300 record sets a page, with all three Next* markers, also in the
// middle of a group of one name and type; the order is by the name with its labels reversed and a final dot,
// compared unescaped as text, then type, then set identifier; names are lower case with \ooo for all but
// a-z, 0-9, hyphen and underscore. A change batch is applied whole or not at all, change after change, with the
// error codes of AWS and, where they are known, its messages. Signatures are not checked, their scope is used: it
// names service, region and access key. AssumeRole hands out keys that hold the role's account; an account
// without data of its own shows the base data. Permissions, quotas and the health checking itself
// are not simulated: a check is healthy until Sim.SetHealth or PUT /_sim/health {"id", "healthy"} says
// otherwise; calculated checks follow their children. CloudWatch has a data point a minute of each check, all
// of its status now, and speaks CBOR and JSON, as SDKs and CLI do.
//
// # Events
//
// Each change that is made by a call, or by a method of Sim that makes what a call would, has an event, in
// EventBridge's envelope: CloudTrail's record of the call with requestParameters and responseElements (left out
// where longer than 100 KB of JSON, as CloudTrail does), those of Route 53 in us-east-1; and EC2's own word of each
// state of an instance. Replace and SetRecords have none. Instances have their new state at once. Events go to the
// queue that Sim.SetEvents or PUT /_sim/events {"queue", "delay_ms", "loss", "double", "reorder"} names, whatever
// rules and trails there are; loss, double and reorder are shares of them. GET /_sim/events has the switch, and how
// many were sent, lost and doubled, and wait.
//
// Sim.Reload or POST /_sim/reload reads the data directory again: what was written to the simulator is forgotten, but
// for S3's objects. A directory with a fault changes nothing, and the answer, 422, names each.
//
// Faults (see Fault) are armed by Sim.AddFaults or PUT /_sim/faults with one object, which is added,
// or an array, which replaces all; DELETE or the empty array clears, an object without a fault those of its
// operation, GET lists. GET /_sim/calls counts the requests by operation, DELETE resets.
//
// # Use
//
//	sim, err := awssim.New(awssim.Options{Data: os.DirFS("data"), Reads: awssim.Unlimited()})
//	server := httptest.NewServer(sim) // or sim.Run(ctx, listener)
//	... an SDK client with BaseEndpoint server.URL and any static credentials
//
// The package imports none of the sources and shares no codec with them: a fault of theirs must not hide
// behind the same fault here.
package awssim
