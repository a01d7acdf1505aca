// Package export writes what Route 53 and EC2 hold for programs that know neither.
//
//	EC2 inventory ── Hosts ──> hosts files, one a region ──> file, S3
//	hosted zones ─── BIND ───> master files, named.conf
//	both ─────────── Data ───> the AWS CLI's own JSON, which awssim loads
//
// # Hosts files
//
// A hosts file of a region, or of a VPC, has the private addresses of what is reached there and
// the public ones of all others, between two marker lines; what stands outside of them belongs
// to others and stays, unless it has our names and is to give them up. [HostsScript] is the same
// as a shell script. A file is replaced as a whole by a rename: a crash at any moment
// leaves the old one or the new one, with the mode and the owner of the old.
//
// # Master files
//
// A master file can't say what an alias or a routing policy is. Each such record set
// stands in a comment, as package changes reads it, and beside it, marked as such, a
// stand-in that a name server serves, by a fixed rule: of weighted records the one with
// the highest weight, of failover records the primary, of latency and geoproximity
// records that of the region given, of geolocation and IP-based records the default, of
// multivalue records up to eight; else the first by set identifier. An alias inside the
// zone stands for the records of its target, one to elsewhere becomes a CNAME where
// nothing else is at the name. What has no stand-in is reported. Reading the file again
// ([changes.ReadFile]) gives the record sets of Route 53 back.
//
// # Data
//
// The data directory is that of awssim: [EncodeJSON] writes outputs of the SDK as the AWS
// CLI does, also for commands that print batches and record sets. It stands here, beside
// the files in that form: making changes needs no text. Its members are all that the SDK
// returns; what can't be read for want of a permission is reported, unless nothing is of use
// without it.
//
// # Use
//
//	block, problems := export.Hosts(regions, export.HostsOptions{Region: "eu-west-1", Zone: "internal."})
//	done, err := export.UpdateHosts("/etc/hosts", block, false)
//	report, err := export.BIND(dir, zones, export.BINDOptions{})
//	data, err := export.Collect(ctx, export.DataOptions{...})
//	err = data.Write(dir)
package export
