package dataset

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The zones of WriteAWS, and the VPC that sees them.
const (
	VPC       = "vpc-0be0c400000000001"
	Region    = "eu-west-1"
	privateID = "Z00000000000000PRIV1"
	publicID  = "Z00000000000000PUBL1"
	account   = "111111111111"
	elbZone   = "Z32O12XQLTSW2" // of load balancers in eu-west-1
)

// Hosts of odd numbers stand in the private zone, with their address; those of even
// numbers in the public zone of the same name, with a public one. Of these, every
// hundredth is an instance, whose private address clients in its VPC get instead.

// inPrivate reports whether the private zone has host i.
func inPrivate(i int) bool { return i%2 == 1 }

// isInstance reports whether the public address of host i belongs to an instance.
func isInstance(i int) bool { return i%(Hosts/Moved) == 0 }

// publicAddress is of a range that no private network uses.
func publicAddress(i int) [4]byte {
	a := Address(i)
	a[0] = 54
	return a
}

// splitAddress returns what a client in the VPC is told of host i.
func splitAddress(i int) [4]byte {
	if inPrivate(i) || isInstance(i) {
		return Address(i)
	}
	return publicAddress(i)
}

// WriteAWS writes a data directory of the AWS simulator with the split zone.
func WriteAWS(dir string) error {
	zones := []hostedZone{
		{id: privateID, name: Zone, private: true, records: writePrivate},
		{id: publicID, name: Zone, records: writePublic},
	}
	err := writeHostedZones(dir, zones)
	if err != nil {
		return err
	}
	return writeInventory(filepath.Join(dir, Region))
}

// The sizes of WriteManyZones: 1,000,000 addresses in all.
const (
	ManyZones   = 500
	ManyRecords = 2000
)

// WriteManyZones writes a data directory with ManyZones private zones of ManyRecords
// addresses each, zone-0000.bench.internal. and so on.
func WriteManyZones(dir string) error {
	all := make([]hostedZone, ManyZones)
	for i := range all {
		name := fmt.Sprintf("zone-%04d.%s", i, Zone)
		all[i] = hostedZone{id: fmt.Sprintf("Z%019d", i), name: name, private: true, records: func(l *recordList) {
			for k := range ManyRecords {
				l.record(fmt.Sprintf("host-%06d.%s", k, name), "A", dotted(Address(i*ManyRecords+k)))
			}
		}}
	}
	return writeHostedZones(dir, all)
}

type hostedZone struct {
	id, name string
	private  bool
	vpc      string // of a private one; "" is VPC
	records  func(*recordList)
}

// recordList writes one list-resource-record-sets.json.
type recordList struct {
	w     io.Writer
	err   error
	count int
}

func (l *recordList) item(name, rrtype, rest string) {
	if l.err != nil {
		return
	}
	comma := ","
	if l.count == 0 {
		comma = ""
	}
	l.count++
	_, l.err = fmt.Fprintf(l.w, "%s\n{\"Name\": %q, \"Type\": %q, %s}", comma, name, rrtype, rest)
}

func (l *recordList) record(name, rrtype, value string) { l.weighted(name, rrtype, value, "") }

// weighted writes a record that has routing members before its TTL.
func (l *recordList) weighted(name, rrtype, value, routing string) {
	l.item(name, rrtype, fmt.Sprintf("%s\"TTL\": 60, \"ResourceRecords\": [{\"Value\": %q}]", routing, value))
}

func (l *recordList) alias(name, target string) {
	l.item(name, "A", fmt.Sprintf(
		"\"AliasTarget\": {\"HostedZoneId\": %q, \"DNSName\": %q, \"EvaluateTargetHealth\": false}", elbZone, target))
}

func (l *recordList) apex(name string) {
	l.record(name, "NS", "ns-1.awsdns-00.com.")
	l.record(name, "SOA", "ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")
}

func writePrivate(l *recordList) {
	for i := 1; i <= Hosts; i++ {
		if inPrivate(i) {
			l.record(HostName(i), "A", dotted(Address(i)))
		}
	}
	for i := 1; i <= Weighted; i++ {
		a := Address(i)
		for _, first := range []byte{10, 11} {
			a[0] = first
			l.weighted(fmt.Sprintf("weighted-%06d.%s", i, Zone), "A", dotted(a),
				fmt.Sprintf(`"SetIdentifier": "%d", "Weight": %d, `, first, first))
		}
	}
	for i := 1; i <= Aliases; i++ {
		l.alias(fmt.Sprintf("alias-%06d.%s", i, Zone), balancerName(i%Balancers))
	}
}

func writePublic(l *recordList) {
	for i := 1; i <= Hosts; i++ {
		if !inPrivate(i) {
			l.record(HostName(i), "A", dotted(publicAddress(i)))
		}
	}
	for i := 1; i <= CNAMEs; i++ {
		l.record(fmt.Sprintf("name-%06d.%s", i, Zone), "CNAME", HostName(target(i)))
	}
}

func writeHostedZones(dir string, zones []hostedZone) error {
	var list []string
	for i, z := range zones {
		own := filepath.Join(dir, "route53", z.id)
		err := os.MkdirAll(own, 0o755)
		if err != nil {
			return err
		}
		count := 0
		err = writeFile(filepath.Join(own, "list-resource-record-sets.json"), func(w io.Writer) error {
			l := &recordList{w: w}
			_, l.err = io.WriteString(w, `{"ResourceRecordSets": [`)
			l.apex(z.name)
			z.records(l)
			count = l.count
			if l.err != nil {
				return l.err
			}
			_, err := io.WriteString(w, "\n]}\n")
			return err
		})
		if err != nil {
			return err
		}
		info := fmt.Sprintf(`{"Id": "/hostedzone/%s", "Name": %q, "CallerReference": "bench-%d", "Config": {"PrivateZone": `+
			`%t}, "ResourceRecordSetCount": %d}`,
			z.id, z.name, i, z.private, count)
		list = append(list, info)
		detail := fmt.Sprintf(`{"HostedZone": %s, "DelegationSet": {"NameServers": ["ns-1.awsdns-00.com"]}}`, info)
		if z.private {
			vpc := cmp.Or(z.vpc, VPC)
			detail = fmt.Sprintf(`{"HostedZone": %s, "VPCs": [{"VPCRegion": %q, "VPCId": %q}]}`, info, Region, vpc)
		}
		err = os.WriteFile(filepath.Join(own, "get-hosted-zone.json"), []byte(detail), 0o644)
		if err != nil {
			return err
		}
	}
	return writeList(filepath.Join(dir, "route53", "list-hosted-zones.json"), "HostedZones", list)
}
