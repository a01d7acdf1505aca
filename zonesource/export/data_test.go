package export

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/examples"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
	"inside53/zonesource/changes"
)

func collect(t *testing.T, o DataOptions) *Data {
	t.Helper()
	d, err := Collect(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func all(changes.Zone) bool { return true }

// fsOf is the files as a directory.
func fsOf(d *Data) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range d.Files {
		out[name] = &fstest.MapFile{Data: text}
	}
	return out
}

// differ names the files that two exports don't agree on.
func differ(a, b *Data) []string {
	var out []string
	for name := range a.Files {
		if string(a.Files[name]) != string(b.Files[name]) {
			out = append(out, name)
		}
	}
	for name := range b.Files {
		if a.Files[name] == nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// TestDataOfTheDemo: what is exported from the demo, loaded, and exported again is the
// same, and holds every file of the demo's data.
func TestDataOfTheDemo(t *testing.T) {
	regions := []string{"eu-west-1", "us-east-1"}
	_, a := serve(t, awssim.Options{Data: examples.Demo()})
	first := collect(t, DataOptions{Accounts: []*awsclient.Account{a}, Zones: all, Regions: regions})
	// What says how something is at the moment is no data, and isn't exported.
	momentary := []string{
		"describe-target-groups.json", "describe-target-health.json", "describe-instance-status.json",
		"describe-auto-scaling-instances.json", "describe-classic-load-balancers.json",
	}
	err := fs.WalkDir(examples.Demo(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".json") && first.Files[name] == nil &&
			!slices.Contains(momentary, path.Base(name)) {
			t.Errorf("%s is not exported", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, b := serve(t, awssim.Options{Data: fsOf(first)})
	second := collect(t, DataOptions{Accounts: []*awsclient.Account{b}, Zones: all, Regions: regions})
	different := slices.DeleteFunc(differ(first, second), func(name string) bool {
		// times of checks that nobody recorded
		return strings.HasSuffix(name, "get-health-check-status.json") && second.Files[name] != nil
	})
	if len(different) != 0 || len(first.Problems) != 0 {
		t.Errorf("changed on the way: %q; problems %+v", different, first.Problems)
	}
}

// TestDataRoundTrip: 760 record sets of every kind come back without a difference.
func TestDataRoundTrip(t *testing.T) {
	_, a := serve(t, checks(t))
	c := changes.New(a, changes.Options{})
	z, listed := makeZone(t.Context(), t, c, "example.com",
		func(z changes.Zone) []changes.RecordSet { return everything(t, z) })
	data := collect(t, DataOptions{Accounts: []*awsclient.Account{a}, Zones: all})
	_, b := serve(t, awssim.Options{Data: fsOf(data)})
	loaded, err := changes.New(b, changes.Options{}).Records(t.Context(), z)
	if err != nil || len(loaded) != 762 || !reflect.DeepEqual(loaded, listed) {
		t.Errorf("%d record sets, %v; equal: %v", len(loaded), err, reflect.DeepEqual(loaded, listed))
	}
}

func TestDataIsSelected(t *testing.T) {
	sim, a := serve(t, awssim.Options{Data: examples.Demo()})
	private := collect(t, DataOptions{Accounts: []*awsclient.Account{a},
		Zones: func(z changes.Zone) bool { return z.Private }})
	names := strings.Join(slices.Sorted(maps.Keys(private.Files)), " ")
	if !strings.Contains(names, "route53/Z1009382KD7YH2M4ZSLC/list-resource-record-sets.json") ||
		strings.Contains(names, "Z0484276PQ3RN1T5XWVB") || strings.Contains(names, "describe-") {
		t.Errorf("private zones alone are %s", names)
	}
	sim.ResetCalls()
	inventory := collect(t, DataOptions{Accounts: []*awsclient.Account{a}, Regions: []string{"eu-west-1"}})
	if len(inventory.Files) != 7 || sim.Calls()["ListHostedZones"] != 0 {
		t.Errorf("the inventory alone is %q, calls %v", slices.Sorted(maps.Keys(inventory.Files)), sim.Calls())
	}
}

// TestDataOfRoles: other accounts have their own directories.
func TestDataOfRoles(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"route53/list-hosted-zones.json",
		"accounts/222222222222/route53/list-hosted-zones.json"} {
		files[name] = &fstest.MapFile{
			Data: fmt.Appendf(nil,
				`{"HostedZones": [{"Id": "/hostedzone/Z%d", "Name": "example.com.", "CallerReference": "1"}]}`, len(name))}
	}
	_, a := serve(t, awssim.Options{Data: files})
	t.Setenv("AWS_ENDPOINT_URL", aws.ToString(a.Config.BaseEndpoint))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	accounts, err := awsclient.Load(t.Context(),
		awsclient.Options{Region: "eu-west-1", RequestsPerSecond: 1000,
			Roles: []awsclient.Role{{Name: "b", ARN: "arn:aws:iam::222222222222:role/inside53"}}})
	if err != nil {
		t.Fatal(err)
	}
	data := collect(t, DataOptions{Accounts: accounts, Zones: all})
	for name := range files {
		if data.Files[name] == nil {
			t.Errorf("%s is not exported", name)
		}
	}
	_, err = awssim.New(awssim.Options{Data: fsOf(data)})
	if err != nil {
		t.Error(err)
	}
}

// TestDataFails: what is cut short is no export, what is not allowed is left out where
// that can be.
func TestDataFails(t *testing.T) {
	o := DataOptions{Zones: all, Regions: []string{"eu-west-1"}}
	tests := []struct {
		operation string
		problem   string // "" is an error
	}{
		{"ListHostedZones", ""}, {"GetHostedZone", ""}, {"ListResourceRecordSets", ""}, {"DescribeInstances", ""},
		{"DescribeVpcs", ""},
		{"DescribeNetworkInterfaces", ""}, {"DescribeAddresses", ""}, {"DescribeSubnets", ""},
		{"ListTagsForResources", "without the tags of zones"}, {"ListHealthChecks", "without the health checks"},
		{"GetHealthCheckStatus", "without the state of health checks"},
		{"ListCidrCollections", "without the CIDR collections"}, {"ListCidrBlocks", "without CIDR blocks"},
		{"ListHostedZonesByVPC", "without the private zones of others"},
		{"DescribeVpcPeeringConnections", "without VPC peerings"}, {"DescribeLoadBalancers", "without load balancers"},
	}
	for _, test := range tests {
		t.Run(test.operation, func(t *testing.T) {
			t.Parallel()
			sim, a := serve(t, awssim.Options{Data: examples.Demo()})
			o := o
			o.Accounts = []*awsclient.Account{a}
			err := sim.AddFaults(awssim.Fault{Operation: test.operation, Fault: "access-denied"})
			if err != nil {
				t.Fatal(err)
			}
			d, err := Collect(t.Context(), o)
			switch {
			case test.problem == "" && err == nil:
				t.Error("exported all the same")
			case test.problem != "" && (err != nil || len(d.Problems) != 1 ||
				!strings.Contains(d.Problems[0].Reason, test.problem)):
				t.Errorf("%+v, %v", d, err)
			}
			actions := append(HostedActions(), RegionActions()...)
			if !slices.ContainsFunc(actions, func(a string) bool { return strings.HasSuffix(a, ":"+test.operation) }) {
				t.Errorf("%s is not among the actions", test.operation)
			}
			sim.ClearFaults()
			err = sim.AddFaults(awssim.Fault{Operation: test.operation, Fault: "500"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			a.Config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
			_, err = Collect(ctx, o)
			if err == nil || ctx.Err() != nil {
				t.Errorf("a fault of AWS: %v", err)
			}
		})
	}
}

func TestWriteData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := &Data{Files: map[string][]byte{"route53/list-hosted-zones.json": []byte("1"),
		"route53/ZOLD/get-hosted-zone.json": []byte("2"), "eu-west-1/describe-vpcs.json": []byte("3")}}
	err := d.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"dns.zone", "route53/notes.txt", "mine.json"} {
		err = os.WriteFile(filepath.Join(dir, other), nil, 0o600)
		if err != nil {
			t.Fatal(err)
		}
	}
	delete(d.Files, "route53/ZOLD/get-hosted-zone.json")
	err = d.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		left = append(left, name)
		return err
	})
	want := []string{".", "dns.zone", "eu-west-1", "eu-west-1/describe-vpcs.json", "mine.json", "route53",
		"route53/list-hosted-zones.json", "route53/notes.txt"}
	if err != nil || !slices.Equal(left, want) {
		t.Errorf("left %q, %v", left, err)
	}
}

// TestEveryMember: whatever the SDK may return, the simulator can load.
func TestEveryMember(t *testing.T) {
	outputs := map[string]any{
		"eu-west-1/describe-instances.json":               &ec2.DescribeInstancesOutput{},
		"eu-west-1/describe-network-interfaces.json":      &ec2.DescribeNetworkInterfacesOutput{},
		"eu-west-1/describe-addresses.json":               &ec2.DescribeAddressesOutput{},
		"eu-west-1/describe-vpcs.json":                    &ec2.DescribeVpcsOutput{},
		"eu-west-1/describe-subnets.json":                 &ec2.DescribeSubnetsOutput{},
		"eu-west-1/describe-vpc-peering-connections.json": &ec2.DescribeVpcPeeringConnectionsOutput{},
		"eu-west-1/describe-load-balancers.json":          &elb.DescribeLoadBalancersOutput{},
		"route53/list-hosted-zones.json":                  &route53.ListHostedZonesOutput{},
		"route53/Z1/get-hosted-zone.json":                 &route53.GetHostedZoneOutput{},
		"route53/Z1/list-resource-record-sets.json":       &route53.ListResourceRecordSetsOutput{},
		"route53/list-health-checks.json":                 &route53.ListHealthChecksOutput{},
		"route53/C1/list-cidr-blocks.json":                &route53.ListCidrBlocksOutput{},
		"route53/list-cidr-collections.json":              &route53.ListCidrCollectionsOutput{},
	}
	files := fstest.MapFS{}
	for name, output := range outputs {
		v := reflect.ValueOf(output).Elem()
		for i := range v.NumField() {
			kind := v.Type().Field(i).Type.Kind()
			if v.Type().Field(i).IsExported() &&
				(kind == reflect.Slice || kind == reflect.Pointer && v.Type().Field(i).Type.Elem().Kind() == reflect.Struct) {
				populate(v.Field(i), 0)
			}
		}
		text, err := EncodeJSON(output)
		if err != nil {
			t.Fatal(err)
		}
		fixed := strings.ReplaceAll(string(text), `"Id": "text"`,
			`"Id": "`+map[bool]string{true: "C1", false: "/hostedzone/Z1"}[strings.Contains(name, "cidr")]+`"`)
		fixed = strings.ReplaceAll(fixed, `"IsTruncated": true`, `"IsTruncated": false`)
		files[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(fixed, `"Name": "text"`, `"Name": "example.com."`))}
	}
	_, err := awssim.New(awssim.Options{Data: files})
	if err != nil {
		t.Error(err)
	}
}

// populate gives every member of an output a value.
func populate(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 12 {
			return
		}
		if v.Type() == reflect.TypeFor[*time.Time]() {
			v.Set(reflect.ValueOf(aws.Time(noon)))
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		populate(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				populate(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		populate(v.Index(0), depth+1)
	case reflect.String:
		v.SetString("text")
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.Bool:
		v.SetBool(true)
	}
}
