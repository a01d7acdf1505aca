package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"inside53/zonesource/awssim"
)

// The two scripts whose users come here, written anew from their descriptions, and this program
// over the same inventory of five regions. Both have the same names and addresses, but for:
//
//	one name on several instances    the first script keeps the last one, we have all of them
//	no public address                the first script writes an empty address for hosts of other
//	                                 regions, we leave the instance out and tell so
//	no host name                     the scripts write what the tag has; we leave out what no host
//	                                 can have as a name, or what lies in a public domain
//	capital letters                  the scripts write them as the tag has them, we in lower case, as DNS compares them
//	other regions                    the first script has the short name alone; here the full one
//	                                 stands before it everywhere
//	localhost                        the first script has it for IPv4 alone, here ::1 has it too, as Debian's
//	                                 own file does
//	several security groups          the second script uses the first, here all of them are names
//	more names in a line             the second script gives them the new address with the line; with --adopt they keep
//	                                 the old one, and that is told: whose they are isn't known

// oldInstance is an instance as both scripts see it.
type oldInstance struct {
	region, id, private, public string
	running                     bool
	tags                        map[string]string
	groups                      []string
}

// fiveRegions are those of the first script.
func fiveRegions() []string {
	return []string{"us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1"}
}

// oldInventory draws instances of five regions: with and without tags, names twice, of odd text,
// without a public address, stopped.
func oldInventory(r *rand.Rand) []oldInstance {
	texts := []string{"web", "db-1", "Shop", " cache , queue ", "a,b,c", "web", "www.google.com", "has blank", "x_y",
		"deep.rack", "-no", "", "mail,"}
	var all []oldInstance
	for n, region := range fiveRegions() {
		for i := range 30 {
			in := oldInstance{
				region: region, id: fmt.Sprintf("i-%d%03d", n, i), private: fmt.Sprintf("10.%d.0.%d", n, i+10),
				running: r.IntN(8) > 0, tags: map[string]string{},
			}
			if r.IntN(4) > 0 {
				in.public = fmt.Sprintf("203.0.%d.%d", n, i+10)
			}
			if r.IntN(5) > 0 {
				in.tags["dns"] = texts[r.IntN(len(texts))]
			} else if r.IntN(2) > 0 {
				in.tags["dns"] = fmt.Sprintf("only-%d-%d", n, i)
			}
			if r.IntN(2) > 0 {
				in.tags["name"] = fmt.Sprintf("host-%d-%d", n, i)
			}
			for g := range r.IntN(3) {
				in.groups = append(in.groups, fmt.Sprintf("group-%d-%d-%d", n, i, g))
			}
			all = append(all, in)
		}
	}
	return all
}

// oldData is the inventory as the AWS CLI has it.
func oldData(t *testing.T, all []oldInstance) fstest.MapFS {
	t.Helper()
	type object = map[string]any
	files := fstest.MapFS{}
	for _, region := range fiveRegions() {
		var instances []object
		for _, in := range all {
			if in.region != region {
				continue
			}
			state := map[bool]string{true: "running", false: "stopped"}[in.running]
			i := object{"InstanceId": in.id, "VpcId": "vpc-" + region, "PrivateIpAddress": in.private,
				"State": object{"Name": state}}
			if in.public != "" {
				i["PublicIpAddress"] = in.public
			}
			var tags, groups []object
			for key, value := range in.tags {
				tags = append(tags, object{"Key": key, "Value": value})
			}
			for _, g := range in.groups {
				groups = append(groups, object{"GroupId": "sg-" + g, "GroupName": g})
			}
			i["Tags"], i["SecurityGroups"] = tags, groups
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

// firstScript is the file of one region, or of hosts outside, as the first script has it: names
// with their address, the last instance of a name.
func firstScript(all []oldInstance, region string) map[string]string {
	file := map[string]string{"localhost": "127.0.0.1", "ip6-localhost": "::1", "ip6-loopback": "::1",
		"ip6-localnet": "fe00::0", "ip6-mcastprefix": "ff00::0", "ip6-allnodes": "ff02::1", "ip6-allrouters": "ff02::2",
		"ip6-allhosts": "ff02::3"}
	for _, in := range all {
		if !in.running {
			continue
		}
		for name := range strings.SplitSeq(strings.TrimSpace(in.tags["dns"]), ",") {
			name = strings.TrimSpace(name)
			switch {
			case name == "":
			case in.region == region:
				file[name+".internal"], file[name] = in.private, in.private
			case region == "public":
				file[name+".internal"], file[name] = in.public, in.public
			default:
				file[name] = in.public
			}
		}
	}
	return file
}

// secondScript is the hosts file of a host as the second script leaves it.
func secondScript(all []oldInstance, region, old string) map[string]string {
	file := map[string]string{}
	for line := range strings.Lines(old) {
		f := strings.Fields(line)
		if len(f) > 1 {
			file[f[1]] = f[0]
		}
	}
	for _, in := range all {
		if !in.running || in.region != region {
			continue // it asked one region
		}
		name := in.tags["name"]
		if name == "" && len(in.groups) > 0 {
			name = in.groups[0]
		}
		if name != "" {
			file[name] = in.private
		}
	}
	return file
}

// hostsFile is what a hosts file has: the addresses of each name, in order.
func hostsFile(text string) map[string][]string {
	file := map[string][]string{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		for i := 1; i < len(f); i++ {
			file[f[i]] = append(file[f[i]], f[0])
		}
	}
	return file
}

// noHostName reports whether a name of the drawn texts is none that a host may have, or lies in a
// public domain.
func noHostName(name string) bool {
	return strings.Contains(name, " ") || strings.HasPrefix(name, "-") || strings.Contains(name, "google.com")
}

// replay makes a simulated AWS of the inventory and returns a configuration for it.
func replay(t *testing.T, all []oldInstance, names string) string {
	t.Helper()
	simulate(t) // for the environment
	sim, err := awssim.New(awssim.Options{Data: oldData(t, all), Inventory: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	return write(t, "ec2: { regions: ["+strings.Join(fiveRegions(), ", ")+"], "+names+" }\n")
}

// TestReplayFirstScript: the files of five regions, and the public one.
func TestReplayFirstScript(t *testing.T) {
	for seed := range uint64(3) {
		all := oldInventory(rand.New(rand.NewPCG(seed, 1)))
		config := replay(t, all, "names: [tag], name_tag: dns")
		for _, region := range append(fiveRegions(), "public") {
			ours := hostsFile(exportsHosts(t, "--config", config, "--region", region))
			theirs := firstScript(all, region)
			compared := 0
			for name, addr := range theirs {
				got := ours[strings.ToLower(name)]
				switch {
				case noHostName(name):
					if len(got) > 0 {
						t.Errorf("seed %d, %s: %s has %v", seed, region, name, got)
					}
				case addr == "": // without a public address
					if slices.Contains(got, "") {
						t.Errorf("seed %d, %s: %s has %q", seed, region, name, got)
					}
				case !slices.Contains(got, addr):
					t.Errorf("seed %d, %s: %s has %v, the script %s", seed, region, name, got, addr)
				default:
					compared++
				}
			}
			if compared < 20 {
				t.Errorf("seed %d, %s: only %d names compared", seed, region, compared)
			}
			checkReplayed(t, all, region, ours)
			checkWhole(t, all, region, ours)
		}
	}
}

// checkWhole finds whether each instance that runs is there under each of its names, and those of the own region
// before all others.
func checkWhole(t *testing.T, all []oldInstance, region string, ours map[string][]string) {
	t.Helper()
	own := map[string]bool{} // addresses
	for _, in := range all {
		addr := in.public
		if in.region == region {
			addr = in.private
			own[addr] = true
		}
		for name := range strings.SplitSeq(strings.ReplaceAll(strings.ToLower(in.tags["dns"]), " , ", ","), ",") {
			name = strings.TrimSpace(name)
			has := slices.Contains(ours[name], addr) && slices.Contains(ours[name+".internal"], addr)
			if want := in.running && name != "" && addr != "" && !noHostName(name); has != want {
				t.Errorf("%s: %s of %+v is there: %t", region, name, in, has)
			}
		}
	}
	for name, addrs := range ours {
		if !slices.IsSortedFunc(addrs, func(a, b string) int {
			return strings.Compare(fmt.Sprint(own[b]), fmt.Sprint(own[a])) // true is greater
		}) {
			t.Errorf("%s: %s has %v, those of the region not first", region, name, addrs)
		}
	}
}

// checkReplayed finds whether each line that we have comes from an instance that runs and has
// that name.
func checkReplayed(t *testing.T, all []oldInstance, region string, ours map[string][]string) {
	t.Helper()
	for name, addrs := range ours {
		for _, addr := range addrs {
			i := slices.IndexFunc(all, func(in oldInstance) bool {
				return in.running && (in.private == addr && in.region == region || in.public == addr &&
					in.region != region)
			})
			if i < 0 {
				if strings.HasSuffix(name, ".internal") {
					t.Errorf("%s: %s has %s, which is no instance's", region, name, addr)
				}
				continue
			}
			short := strings.TrimSuffix(name, ".internal")
			tag := strings.ToLower(strings.ReplaceAll(all[i].tags["dns"], " ", ""))
			if !slices.Contains(strings.Split(tag, ","), short) {
				t.Errorf("%s: %s has %s of %+v", region, name, addr, all[i])
			}
		}
	}
}

// TestReplaySecondScript: a hosts file that the second script has kept goes on with us.
func TestReplaySecondScript(t *testing.T) {
	const region = "eu-west-1"
	for seed := range uint64(3) {
		all := oldInventory(rand.New(rand.NewPCG(seed, 2)))
		config := replay(t, all, `names: [tag, security-group], name_tag: name`)
		// A file as the script left it, for instances of which some have new addresses now.
		old := "127.0.0.1 localhost\n10.9.9.9 printer # of the office\n"
		for i, in := range all {
			if name := in.tags["name"]; name != "" && in.region == region && i%3 > 0 {
				old += fmt.Sprintf("10.77.0.%d %s alias-%d\n", i, name, i)
			}
		}
		path := filepath.Join(t.TempDir(), "hosts")
		err := os.WriteFile(path, []byte(old), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		code, _, errs := command(t, "export", "hosts", "--config", config, "--region", region, "--output", path, "--adopt")
		if code != exitDone {
			t.Fatalf("code %d, errors %q", code, errs)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := hostsFile(string(text)), secondScript(all, region, old)
		compared := 0
		for name, addr := range theirs {
			stopped := slices.ContainsFunc(all, func(in oldInstance) bool {
				return !in.running &&
					in.tags["name"] == name
			})
			got := ours[name]
			if len(got) == 0 || got[0] != addr || len(got) > 1 {
				t.Errorf("seed %d: %s has %v, the script %s (stopped: %t)", seed, name, got, addr, stopped)
			}
			compared++
		}
		for i, in := range all {
			alias, name := fmt.Sprintf("alias-%d", i), in.tags["name"]
			if !strings.Contains(old, " "+alias+"\n") {
				continue
			}
			was := fmt.Sprintf("10.77.0.%d", i)
			told := strings.Contains(errs, fmt.Sprintf("%s keeps %s, which is no address of %s now\n", alias, was, name))
			if !slices.Equal(ours[alias], []string{was}) || told != in.running {
				t.Errorf("seed %d: %s has %v, told: %t", seed, alias, ours[alias], told)
			}
		}
		kept, err := os.ReadFile(path + ".bak")
		if err != nil || string(kept) != old || !strings.Contains(string(text), "10.9.9.9 printer # of the office\n") ||
			compared < 10 {
			t.Errorf("seed %d: kept %q, %v, %d names, the file\n%s", seed, kept, err, compared, text)
		}
	}
}
