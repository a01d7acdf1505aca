package export

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// machine is one instance of the simulator's data.
type machine struct {
	region, id, private, public, ipv6, tags string // tags: KEY=VALUE;KEY=VALUE
	state                                   string // "" is running
}

// company has names of all kinds in three regions.
var company = []machine{
	{region: "eu-west-1", id: "i-1", private: "10.0.1.10", public: "203.0.113.10",
		tags: "dns=www,shop.example.com;Name=ignored"},
	{region: "eu-west-1", id: "i-2", private: "10.0.1.11", tags: "Name=db-1"},
	{region: "eu-west-1", id: "i-3", private: "10.0.1.12", public: "203.0.113.12", ipv6: "2001:db8:1::12",
		tags: "dns=www"},
	{region: "eu-west-1", id: "i-4", private: "10.0.1.13", tags: "dns=gone", state: "stopped"},
	{region: "eu-west-1", id: "i-5", private: "10.0.1.14", tags: "dns=not a name,ok.internal."},
	{region: "us-east-1", id: "i-6", private: "10.1.1.10", public: "198.51.100.10", tags: "dns=www-us,api.us.internal"},
	{region: "us-east-1", id: "i-7", private: "10.1.1.11", tags: "Name=Private-US"},
	{region: "us-east-1", id: "i-8", private: "10.1.1.12", ipv6: "2001:db8:2::12", tags: "Name=six"},
	{region: "ap-south-1", id: "i-9", private: "10.2.1.10", public: "192.0.2.10", tags: "Name=mumbai;dns="},
	{region: "ap-south-1", id: "i-10", private: "10.2.1.11", public: "192.0.2.11", tags: ""},
	{region: "ap-south-1", id: "i-11", private: "10.2.1.12", public: "192.0.2.12", tags: "dns=localhost"},
}

var threeRegions = []string{"eu-west-1", "us-east-1", "ap-south-1"}

// inventory is a data directory with the machines.
func inventory(t *testing.T, machines []machine) fstest.MapFS {
	t.Helper()
	type object = map[string]any
	files := fstest.MapFS{}
	for _, region := range threeRegions {
		var instances []object
		for _, m := range machines {
			if m.region != region {
				continue
			}
			state := m.state
			if state == "" {
				state = "running"
			}
			i := object{"InstanceId": m.id, "VpcId": "vpc-" + region, "PrivateIpAddress": m.private,
				"State": object{"Name": state}}
			if m.public != "" {
				i["PublicIpAddress"] = m.public
			}
			if m.ipv6 != "" {
				i["NetworkInterfaces"] = []object{
					{"Attachment": object{"DeviceIndex": 0, "NetworkCardIndex": 0},
						"Ipv6Addresses": []object{{"Ipv6Address": m.ipv6}}}}
			}
			var tags []object
			for tag := range strings.SplitSeq(m.tags, ";") {
				key, value, found := strings.Cut(tag, "=")
				if found {
					tags = append(tags, object{"Key": key, "Value": value})
				}
			}
			i["Tags"] = tags
			instances = append(instances, i)
		}
		text, err := json.Marshal(object{"Reservations": []object{{"ReservationId": "r-1", "Instances": instances}}})
		if err != nil {
			t.Fatal(err)
		}
		files[region+"/describe-instances.json"] = &fstest.MapFile{Data: text}
	}
	return files
}

// TestGoldenHosts: the hosts files of three regions.
func TestGoldenHosts(t *testing.T) {
	_, a := serve(t, awssim.Options{Data: inventory(t, company)})
	regions, problems, err := Inventory(t.Context(),
		InventoryOptions{Accounts: []*awsclient.Account{a}, Regions: threeRegions})
	if err != nil || len(regions) != 3 || len(problems) != 0 {
		t.Fatalf("%d regions, %+v, %v", len(regions), problems, err)
	}
	for _, region := range threeRegions {
		block, left := Hosts(regions, HostsOptions{Region: region, Zone: "internal."})
		got := string(NewHosts(block))
		for _, p := range left {
			got += fmt.Sprintf("! %s %s: %s\n", p.Zone, p.Name, p.Reason)
		}
		path := filepath.Join("testdata", "hosts."+region)
		if *rewrite {
			err := os.WriteFile(path, []byte(got), 0o644)
			if err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is\n%s\nwant\n%s", path, got, want)
		}
	}
}

func TestInventoryFails(t *testing.T) {
	sim, a := serve(t, awssim.Options{Data: inventory(t, company)})
	err := sim.AddFaults(awssim.Fault{Operation: "DescribeInstances", Fault: "access-denied", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Inventory(t.Context(), InventoryOptions{Accounts: []*awsclient.Account{a}, Regions: threeRegions})
	if err == nil || !strings.Contains(err.Error(), "listing the inventory of") {
		t.Errorf("error %v", err)
	}
	_, _, err = Inventory(t.Context(), InventoryOptions{Accounts: []*awsclient.Account{a}})
	if err == nil {
		t.Error("no regions are listed")
	}
}

func TestNames(t *testing.T) {
	tests := []struct{ text, zone, full, short string }{
		{"www", "internal.", "www.internal", "www"},
		{"WWW.stage", "internal.", "www.stage.internal", "www.stage"},
		{"www.shop.test", "internal.", "www.shop.test", "www"}, {"www.shop.test.", "internal.", "www.shop.test", "www"},
		{"www.internal", "internal.", "www.internal", "www"},
		{"www.internal.", "internal.", "www.internal", "www"},
		{"www.shop.test.internal", "internal.", "www.shop.test.internal", ""},
		{"www.google.com.internal", "internal.", "www.google.com.internal", ""},
		{"www.google.com.shop.test", "internal.", "www.google.com.shop.test", ""},
		{"www.internal.shop.test", "internal.", "www.internal.shop.test", ""},
		{"api.dev.internal.", "internal.", "api.dev.internal", ""},
		{"ip6-allnodes", "internal.", "ip6-allnodes.internal", ""},
		{"broadcasthost", "internal.", "broadcasthost.internal", ""},
		{"localhost.internal", "internal.", "", ""}, {"localhost.shop.test.", "internal.", "", ""},
		{"a.localhost.internal", "internal.", "", ""},
		{"localhost.a.internal", "internal.", "localhost.a.internal", "localhost.a"},
		{"_sip", "eu.internal.", "_sip.eu.internal", "_sip"},
		{"www.google.com", "internal.", "", ""}, {"www.google.com.", "internal.", "", ""},
		{"www.stage.", "internal.", "", ""}, {"api.prod", "internal.", "", ""}, {"shop.test", "internal.", "", ""},
		{"a b", "internal.", "", ""}, {"-a", "internal.", "", ""}, {"a..b", "internal.", "", ""}, {"", "internal.", "", ""},
		{".", "internal.", "", ""}, {"internal", "internal.", "", ""}, {"ip-10-0-0-1.ec2", "internal.", "", ""},
		{"localhost", "internal.", "", ""}, {"LocalHost", "internal.", "", ""}, {"a.localhost", "internal.", "", ""},
		{"localhost.localdomain", "internal.", "", ""}, {"a\nb", "internal.", "", ""}, {"#a", "internal.", "", ""},
		{strings.Repeat("a", 64), "internal.", "", ""}, {strings.Repeat("long.", 50) + "x", "internal.", "", ""},
	}
	for _, test := range tests {
		ours := zonesource.NewOurs([][]byte{zone.MustName("shop.test.")})
		got, without, err := nameOf(test.text, zone.MustName(test.zone), ours)
		if got.full != test.full || got.short != test.short || (err != nil) != (test.full == "") ||
			(without != "") != (test.full != "" && test.short == "") {
			t.Errorf("%q in %s is %+v, %v; want %q, %q", test.text, test.zone, got, err, test.full, test.short)
		}
		inDNS := namesInDNS(t, test.text, test.zone, "shop.test.")
		var want []string
		if test.full != "" {
			want = []string{test.full + "."}
		}
		if !slices.Equal(inDNS, want) {
			t.Errorf("%q in %s: DNS has %q, a hosts file %q", test.text, test.zone, inDNS, want)
		}
	}
}

// namesInDNS are the names that DNS has of one instance.
func namesInDNS(t *testing.T, text, tagZone, other string) []string {
	t.Helper()
	region := &zonesource.Region{Name: "eu-west-1", VPCs: []zonesource.VPC{{ID: "vpc-1"}}, Hosts: []*zonesource.Host{{
		Instance: "i-1", VPC: "vpc-1", Private: netip.MustParseAddr("10.0.0.1"), Names: []zonesource.HostName{{Text: text}},
	}}}
	parts := map[zonesource.Key]zonesource.Part{}
	add := func(p zonesource.Part) { parts[p.Key] = p }
	add(zonesource.Part{Key: zonesource.Key{Source: "ec2", Name: "/eu-west-1"}, Region: region})
	file := zone.New(zone.Info{Origin: zone.File}, zone.NewTree(zone.MustName(other)), 0)
	add(zonesource.Part{Key: zonesource.Key{Source: "zonefile", Name: other}, Zone: file})
	c, err := zonesource.Compile(nil, zonesource.Config{EC2: true, TagZone: tagZone}, parts, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, z := range c.Snapshot.Zones {
		for name, n := range z.Tree.All {
			if z.Origin == zone.Tags && n.RRset(zone.TypeA).Exists() {
				out = append(out, zone.String(name))
			}
		}
	}
	return out
}

func TestMerge(t *testing.T) {
	const block = beginMark + "\nnew\n" + endMark + "\n"
	tests := []struct{ old, want string }{
		{"", block},
		{"127.0.0.1 localhost\n", "127.0.0.1 localhost\n" + block},
		{"127.0.0.1 localhost", "127.0.0.1 localhost\n" + block},
		{"::1 localhost\n" + beginMark + "\nold\nolder\n" + endMark + "\n10.0.0.1 mine\r\n",
			"::1 localhost\n" + block + "10.0.0.1 mine\r\n"},
		{"a\n" + beginMark + "\n" + endMark, "a\n" + block},
		{"a\n" + beginMark + " \r\n" + endMark + "\t\n# END inside53 too\n", "a\n" + block + "# END inside53 too\n"},
	}
	for _, test := range tests {
		got, err := MergeHosts([]byte(test.old), []byte(block))
		if err != nil || string(got) != test.want {
			t.Errorf("%q becomes %q, %v; want %q", test.old, got, err, test.want)
		}
		again, err := MergeHosts(got, []byte(block))
		if err != nil || string(again) != string(got) {
			t.Errorf("%q changes once more: %q, %v", test.old, again, err)
		}
	}
	for old, want := range map[string]string{
		beginMark + "\n": "no \"# END inside53\" after", endMark + "\n": "line 1: ", block + endMark + "\n": "line 4: ",
		"x\n" + beginMark + "\n" + beginMark + "\n": "line 3: a second",
	} {
		_, err := MergeHosts([]byte(old), []byte(block))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", old, err)
		}
	}
}

// TestWatch writes what has changed, and nothing else.
func TestWatch(t *testing.T) {
	data := inventory(t, company)
	sim, a := serve(t, awssim.Options{Data: data})
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	hosts := func(regions []*zonesource.Region) int {
		n := 0
		for _, r := range regions {
			n += len(r.Hosts)
		}
		return n
	}
	var seen []int
	err := WatchInventory(ctx, InventoryOptions{Accounts: []*awsclient.Account{a}, Regions: threeRegions,
		Refresh: 20 * time.Millisecond, MaxShrink: 0.5},
		func(regions []*zonesource.Region, _ []zonesource.Problem) error {
			seen = append(seen, hosts(regions))
			switch len(seen) {
			case 1:
				err := sim.AddFaults(awssim.Fault{Operation: "DescribeInstances", Fault: "500", Count: 4}) // changes nothing
				if err != nil {
					return err
				}
				err = sim.Replace("us-east-1/describe-instances.json",
					inventory(t, company[:6])["us-east-1/describe-instances.json"].Data)
				if err != nil {
					return err
				}
			case 2:
				stop()
			}
			return nil
		})
	if err != nil || len(seen) != 2 || seen[0] != 10 || seen[1] != 8 {
		t.Errorf("hosts %v, %v", seen, err)
	}
	want := errors.New("full")
	err = WatchInventory(t.Context(), InventoryOptions{Accounts: []*awsclient.Account{a}, Regions: threeRegions},
		func([]*zonesource.Region, []zonesource.Problem) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

func TestUpload(t *testing.T) {
	sim, a := serve(t, awssim.Options{})
	place, err := ParsePlace("s3://bucket/some/prefix/")
	if err != nil || place.String() != "s3://bucket/some/prefix" {
		t.Fatalf("%+v, %v", place, err)
	}
	u := NewUploader(a, place)
	err = u.Put(t.Context(), place.HostsKey("eu-west-1", "hosts"), []byte("early"), "text/plain")
	if err == nil || !strings.Contains(err.Error(),
		"uploading s3://bucket/some/prefix/eu-west-1/hosts (needs the IAM action s3:PutObject)") ||
		!strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("error %v", err)
	}
	_, err = s3.NewFromConfig(a.Config, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(),
		&s3.CreateBucketInput{Bucket: aws.String("bucket")})
	if err != nil {
		t.Fatal(err)
	}
	err = u.Put(t.Context(), place.HostsKey("eu-west-1", "hosts"), []byte("text"), "text/plain")
	if err != nil || string(sim.Object("bucket", "some/prefix/eu-west-1/hosts")) != "text" {
		t.Errorf("%q, %v", sim.Objects("bucket"), err)
	}
	for _, text := range []string{"", "bucket", "http://bucket/a", "s3:///a", "s3://bucket/a?b", "s3://%zz"} {
		_, err := ParsePlace(text)
		if err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	top, err := ParsePlace("s3://bucket")
	if err != nil || top.Key("a/b") != "a/b" {
		t.Errorf("%q, %v", top.Key("a/b"), err)
	}
}
