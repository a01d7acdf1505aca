package dataset

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Scale is how much an account has: private zones of Records addresses each, instances with a tag dns, and health
// checks, each of which a weighted record of the first zone asks.
type Scale struct{ Zones, Records, Instances, Checks int }

// ScaleZone returns the name of a zone of a Scale, and ScaleZoneID its id in Route 53.
func ScaleZone(i int) string { return fmt.Sprintf("zone-%05d.%s", i, Zone) }

// ScaleZoneID is the id of a zone in Route 53.
func ScaleZoneID(i int) string { return fmt.Sprintf("Z%019d", i) }

// ScaleHost returns the name of a host of a zone.
func ScaleHost(zone, i int) string { return fmt.Sprintf("host-%06d.%s", i, ScaleZone(zone)) }

// ScaleCheck returns the id of a health check.
func ScaleCheck(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// ScaleTag is the name that the tag of an instance makes, below internal.
func ScaleTag(i, version int) string { return fmt.Sprintf("tag-%06d-%d", i, version) }

// Write writes the data directory.
func (s Scale) Write(dir string) error {
	all := make([]hostedZone, s.Zones)
	for i := range all {
		all[i] = hostedZone{id: ScaleZoneID(i), name: ScaleZone(i), private: true, records: func(l *recordList) {
			for k := range s.Records {
				l.record(ScaleHost(i, k), "A", dotted(Address(k)))
			}
			if i == 0 {
				s.writeChecked(l)
			}
		}}
	}
	err := os.MkdirAll(filepath.Join(dir, "route53"), 0o755)
	if err != nil {
		return err
	}
	err = writeHostedZones(dir, all)
	if err != nil {
		return err
	}
	checks := make([]string, s.Checks)
	for i := range checks {
		checks[i] = fmt.Sprintf(`{"Id": %q, "CallerReference": "bench-%d", "HealthCheckVersion": 1, "HealthCheckConfig":
 {"Type": "HTTP", "IPAddress": "192.0.2.1", "Port": 80, "ResourcePath": "/", "RequestInterval": 30, "FailureThreshold": 3}}`,
			ScaleCheck(i), i)
	}
	err = writeList(filepath.Join(dir, "route53", "list-health-checks.json"), "HealthChecks", checks)
	if err != nil {
		return err
	}
	region := filepath.Join(dir, Region)
	err = os.MkdirAll(region, 0o755)
	if err != nil {
		return err
	}
	err = s.writeNetwork(region)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(region, "describe-instances.json"), func(w io.Writer) error {
		_, err := w.Write(s.InstancesFile(0))
		return err
	})
}

// writeChecked writes a record for each check.
func (s Scale) writeChecked(l *recordList) {
	for i := range s.Checks {
		for _, side := range []string{"a", "b"} {
			check := ""
			if side == "a" {
				check = fmt.Sprintf(`"HealthCheckId": %q, `, ScaleCheck(i))
			}
			l.weighted(fmt.Sprintf("checked-%06d.%s", i, ScaleZone(0)), "A", dotted(Address(i)),
				fmt.Sprintf(`"SetIdentifier": %q, "Weight": 1, %s`, side, check))
		}
	}
}

func (s Scale) writeNetwork(region string) error {
	err := writeList(filepath.Join(region, "describe-vpcs.json"), "Vpcs", []string{fmt.Sprintf(
		`{"VpcId": %q, "OwnerId": %q, "State": "available", "IsDefault": false, "CidrBlock": "10.0.0.0/8",
 "CidrBlockAssociationSet": [{"AssociationId": "a1", "CidrBlock": "10.0.0.0/8", "CidrBlockState": {"State": "associated"}}]}`,
		VPC, account)})
	if err != nil {
		return err
	}
	interfaces := make([]string, s.Instances)
	for i := range interfaces {
		private := dotted(Address(i + 1))
		interfaces[i] = fmt.Sprintf(
			`{"NetworkInterfaceId": "eni-%06d", "VpcId": %q, "SubnetId": "subnet-1", "OwnerId": %q, "InterfaceType": "interface",
 "RequesterManaged": false, "Attachment": {"AttachmentId": "at-%06d", "InstanceId": "i-%06d", "DeviceIndex": 0,
 "Status": "attached"}, "PrivateIpAddress": %q, "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": %q}]}`,
			i, VPC, account, i, i, private, private)
	}
	return writeList(filepath.Join(region, "describe-network-interfaces.json"), "NetworkInterfaces", interfaces)
}

// InstancesFile is describe-instances.json where the tag of the first instance has changed so often.
func (s Scale) InstancesFile(version int) []byte {
	text := []byte(`{"Reservations": [`)
	for i := range s.Instances {
		if i > 0 {
			text = append(text, ',')
		}
		tag := ScaleTag(i, 0)
		if i == 0 {
			tag = ScaleTag(0, version)
		}
		text = fmt.Appendf(text, `
{"ReservationId": "r-%06d", "OwnerId": %q, "Instances": [{"InstanceId": "i-%06d", "VpcId": %q, "SubnetId": "subnet-1",
 "State": {"Code": 16, "Name": "running"}, "PrivateIpAddress": %q, "Tags": [{"Key": "dns", "Value": %q}]}]}`,
			i, account, i, VPC, dotted(Address(i+1)), tag)
	}
	return append(text, "\n]}\n"...)
}
