package dataset

import (
	"fmt"
	"os"
	"path/filepath"
)

// writeInventory writes one region: the VPC, and an interface for each instance.
func writeInventory(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return err
	}
	vpc := fmt.Sprintf(`{"VpcId": %q, "OwnerId": %q, "State": "available", "IsDefault": false, "CidrBlock": "10.0.0.0/8",
 "CidrBlockAssociationSet": [{"AssociationId": "a1", "CidrBlock": "10.0.0.0/8", `+
		`"CidrBlockState": {"State": "associated"}}]}`, VPC, account)
	err = writeList(filepath.Join(dir, "describe-vpcs.json"), "Vpcs", []string{vpc})
	if err != nil {
		return err
	}
	var interfaces, instances []string
	for i := 1; i <= Hosts; i++ {
		if inPrivate(i) || !isInstance(i) {
			continue
		}
		private, public := dotted(Address(i)), dotted(publicAddress(i))
		interfaces = append(interfaces,
			fmt.Sprintf(
				`{"NetworkInterfaceId": "eni-%06d", "VpcId": %q, "SubnetId": "subnet-1", "OwnerId": %q, `+
					`"InterfaceType": "interface", "RequesterManaged": false,
 "Attachment": {"AttachmentId": "at-%06d", "InstanceId": "i-%06d", "DeviceIndex": 0, "Status": "attached"}, `+
					`"PrivateIpAddress": %q,
 "PrivateIpAddresses": [{"Primary": true, "PrivateIpAddress": %q, `+
					`"Association": {"IpOwnerId": "amazon", "PublicIp": %q}}]}`,
				i, VPC, account, i, i, private, private, public))
		instances = append(instances, fmt.Sprintf(
			`{"ReservationId": "r-%06d", "OwnerId": %q, "Instances": [{"InstanceId": "i-%06d", "VpcId": %q, `+
				`"SubnetId": "subnet-1",
 "State": {"Code": 16, "Name": "running"}, "PrivateIpAddress": %q, "PublicIpAddress": %q, `+
				`"Tags": [{"Key": "Name", "Value": "instance-%06d"}]}]}`,
			i, account, i, VPC, private, public, i))
	}
	err = writeList(filepath.Join(dir, "describe-network-interfaces.json"), "NetworkInterfaces", interfaces)
	if err != nil {
		return err
	}
	err = writeList(filepath.Join(dir, "describe-subnets.json"), "Subnets", []string{
		fmt.Sprintf(`{"SubnetId": "subnet-1", "VpcId": %q, "CidrBlock": "10.0.0.0/16", "OwnerId": %q, "State": "available"}`,
			VPC, account),
	})
	if err != nil {
		return err
	}
	return writeList(filepath.Join(dir, "describe-instances.json"), "Reservations", instances)
}
