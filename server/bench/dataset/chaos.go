package dataset

import (
	"fmt"
	"os"
	"path/filepath"
)

// The zones of WriteChaos. A private and a public zone have the name ChaosZone; two private
// zones of two VPCs with the same prefix have the name TwinZone.
const (
	ChaosZone   = "chaos.internal."
	OtherZone   = "other.internal."
	TwinZone    = "twin.internal."
	UpdatedZone = "example.net."

	ChaosID   = "Z00000000000000CHAOS"
	OtherID   = "Z00000000000000OTHER"
	UpdatedID = "Z0000000000000UPDATE"

	// ChaosHosts is how many hosts each of ChaosZone and OtherZone has.
	ChaosHosts = 20
	// ChaosInstances is how many instances are tagged with a name.
	ChaosInstances = 5

	otherVPC = "vpc-0be0c400000000002"
)

// ChaosHost is the name of host i of a zone.
func ChaosHost(i int, zone string) string { return fmt.Sprintf("h%02d.%s", i, zone) }

// ChaosAddress is the address of host i of a private zone at a version of it.
func ChaosAddress(i, version int) string {
	return fmt.Sprintf("10.%d.%d.%d", version>>8, version&255, i+1)
}

// InstanceName is the name of an instance, and InstanceAddress its address.
func InstanceName(i int) string { return fmt.Sprintf("web-%d.internal.", i) }

// InstanceAddress is the address of InstanceName.
func InstanceAddress(i int) string { return fmt.Sprintf("127.0.200.%d", i+1) }

// TwinAddress is what a client of [VPC] is told of the apex's host in TwinZone.
const TwinAddress = "10.61.0.1"

// WriteChaos writes a data directory of the AWS simulator that is small, and where the fall
// from one layer or view to another one shows.
func WriteChaos(dir string) error {
	hosts := func(zone string) func(*recordList) {
		return func(l *recordList) {
			for i := range ChaosHosts {
				l.record(ChaosHost(i, zone), "A", ChaosAddress(i, 0))
			}
		}
	}
	err := writeHostedZones(dir, []hostedZone{
		{id: ChaosID, name: ChaosZone, private: true, records: hosts(ChaosZone)},
		{id: "Z000000000000000BELOW", name: ChaosZone, records: func(l *recordList) {
			for i := range ChaosHosts {
				l.record(ChaosHost(i, ChaosZone), "A", fmt.Sprintf("203.0.113.%d", i+1))
			}
			l.record("*."+ChaosZone, "A", "203.0.113.99")
		}},
		{id: OtherID, name: OtherZone, private: true, records: hosts(OtherZone)},
		{id: "Z000000000000000TWIN1", name: TwinZone, private: true, records: func(l *recordList) {
			l.record("host."+TwinZone, "A", TwinAddress)
		}},
		{id: "Z000000000000000TWIN2", name: TwinZone, private: true, vpc: otherVPC, records: func(l *recordList) {
			l.record("host."+TwinZone, "A", "10.62.0.1")
		}},
		{id: UpdatedID, name: UpdatedZone, records: func(l *recordList) { l.record("www."+UpdatedZone, "A", "203.0.113.1") }},
	})
	if err != nil {
		return err
	}
	return writeChaosInventory(filepath.Join(dir, Region))
}

// writeChaosInventory writes two VPCs that claim loopback, and the instances of the first.
func writeChaosInventory(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return err
	}
	var vpcs, interfaces, instances []string
	for _, id := range []string{VPC, otherVPC} {
		vpcs = append(vpcs, fmt.Sprintf(`{"VpcId": %q, "OwnerId": %q, "State": "available", "IsDefault": false,
 "CidrBlock": "127.0.0.0/16", "CidrBlockAssociationSet": [{"AssociationId": "a1", "CidrBlock": "127.0.0.0/16",
 "CidrBlockState": {"State": "associated"}}]}`, id, account))
	}
	for i := range ChaosInstances {
		interfaces = append(interfaces, fmt.Sprintf(`{"NetworkInterfaceId": "eni-%[1]d", "VpcId": %[2]q,
 "SubnetId": "subnet-1", "OwnerId": %[3]q, "InterfaceType": "interface", "RequesterManaged": false,
 "Attachment": {"AttachmentId": "at-%[1]d", "InstanceId": "i-%[1]d", "DeviceIndex": 0, "Status": "attached"},
 "PrivateIpAddress": %[4]q, "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": %[4]q}]}`, i, VPC, account,
			InstanceAddress(i)))
		instances = append(instances, fmt.Sprintf(`{"ReservationId": "r-%[1]d", "OwnerId": %[3]q, "Instances": [
 {"InstanceId": "i-%[1]d", "VpcId": %[2]q, "SubnetId": "subnet-1", "State": {"Code": 16, "Name": "running"},
 "PrivateIpAddress": %[4]q, "Tags": [{"Key": "Name", "Value": "web-%[1]d"}]}]}`, i, VPC, account, InstanceAddress(i)))
	}
	subnet := fmt.Sprintf(`{"SubnetId": "subnet-1", "VpcId": %q, "CidrBlock": "127.0.0.0/16", "OwnerId": %q,
 "State": "available"}`, VPC, account)
	for _, l := range []struct {
		file, name string
		items      []string
	}{
		{"describe-vpcs.json", "Vpcs", vpcs}, {"describe-subnets.json", "Subnets", []string{subnet}},
		{"describe-network-interfaces.json", "NetworkInterfaces", interfaces},
		{"describe-instances.json", "Reservations", instances},
	} {
		err = writeList(filepath.Join(dir, l.file), l.name, l.items)
		if err != nil {
			return err
		}
	}
	return nil
}
