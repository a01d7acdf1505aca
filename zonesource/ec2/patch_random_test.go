package ec2

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"inside53/zonesource"
	"inside53/zonesource/nametemplate"
)

// items are those of one file of the simulator.
type items []map[string]any

// world is what the simulator has, file by file.
type world struct {
	t      *testing.T
	l      *lab
	random *rand.Rand
	files  map[string]items // by the key of the file, as "Vpcs"
}

// worldFiles are the files by their keys.
func worldFiles() map[string]string {
	return map[string]string{"Vpcs": "describe-vpcs", "Subnets": "describe-subnets", "Addresses": "describe-addresses",
		"NetworkInterfaces": "describe-network-interfaces", "Reservations": "describe-instances",
		"VpcPeeringConnections": "describe-vpc-peering-connections", "LoadBalancers": "describe-load-balancers"}
}

// newWorld reads testdata, and adds instances with an interface, and at times an elastic IP, each.
func newWorld(t *testing.T, seed uint64, more int) *world {
	t.Helper()
	w := &world{t: t, l: newLab(t, 25), random: rand.New(rand.NewPCG(seed, 1)), files: map[string]items{}}
	for key, name := range worldFiles() {
		text, err := os.ReadFile("testdata/eu-west-1/" + name + ".json")
		var all map[string]items
		if err == nil {
			err = json.Unmarshal(text, &all)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.files[key] = all[key]
	}
	for i := range more {
		w.launch(fmt.Sprintf("%03d", i))
	}
	for i := range 30 {
		w.add("Subnets", map[string]any{"SubnetId": fmt.Sprint("subnet-more", i), "VpcId": "vpc-prod",
			"CidrBlock": fmt.Sprintf("10.0.%d.0/24", 100+i), "AvailableIpAddressCount": 200, "OwnerId": "111111111111"})
	}
	for i := range 5 {
		w.add("Vpcs", map[string]any{"VpcId": fmt.Sprint("vpc-more", i), "OwnerId": "111111111111",
			"CidrBlock": fmt.Sprintf("10.%d.0.0/16", 100+i)})
	}
	return w
}

func (w *world) add(file string, item map[string]any) {
	all := w.files[file]
	w.files[file] = slices.Insert(slices.Clone(all), w.random.IntN(len(all)+1), item)
}

// launch adds an instance with an interface.
func (w *world) launch(name string) {
	id, card, private := "i-"+name, "eni-"+name, fmt.Sprintf("10.0.%d.%d", 2+w.random.IntN(60), 1+w.random.IntN(250))
	network := map[string]any{"NetworkInterfaceId": card, "VpcId": "vpc-prod", "SubnetId": "subnet-prod",
		"OwnerId": "111111111111", "InterfaceType": "interface", "PrivateIpAddress": private,
		"Attachment":         map[string]any{"InstanceId": id, "DeviceIndex": 0},
		"PrivateIpAddresses": []any{map[string]any{"Primary": true, "PrivateIpAddress": private}}}
	w.add("NetworkInterfaces", network)
	if w.random.IntN(3) == 0 {
		w.add("Addresses", map[string]any{"AllocationId": "eipalloc-" + name, "Domain": "vpc", "PublicIp": w.public(),
			"NetworkInterfaceId": card, "PrivateIpAddress": private})
	}
	w.add("Reservations", map[string]any{"ReservationId": "r-" + name, "OwnerId": "111111111111", "Instances": []any{
		map[string]any{"InstanceId": id, "VpcId": "vpc-prod", "SubnetId": "subnet-prod",
			"State": map[string]any{"Code": 16, "Name": "running"}, "PrivateIpAddress": private,
			"PublicIpAddress": w.public(), "LaunchTime": fmt.Sprintf("2026-01-01T00:%02d:00Z", w.random.IntN(60)),
			"Tags": w.tags()}}})
}

// public is one of few public addresses, so that several claim one.
func (w *world) public() string { return fmt.Sprintf("198.51.100.%d", 100+w.random.IntN(40)) }

func (w *world) tags() []any {
	tags := []any{map[string]any{"Key": "Name", "Value": fmt.Sprint("name", w.random.IntN(1000))}}
	if w.random.IntN(2) == 0 {
		tags = append(tags, map[string]any{"Key": groupTag, "Value": fmt.Sprint("group", w.random.IntN(4))})
	}
	if w.random.IntN(4) == 0 {
		tags = append(tags, map[string]any{"Key": "dns", "Value": "a,,b"}) // a problem
	}
	return tags
}

// edit replaces an item, of a file that isn't empty, by an edited copy.
func (w *world) edit(file string, edit func(item map[string]any)) {
	all := slices.Clone(w.files[file])
	at := w.random.IntN(len(all))
	text, err := json.Marshal(all[at])
	var item map[string]any
	if err == nil {
		err = json.Unmarshal(text, &item)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	edit(item)
	all[at] = item
	w.files[file] = all
}

// change changes something.
func (w *world) change(round int) {
	pick := func(file string) map[string]any { return w.files[file][w.random.IntN(len(w.files[file]))] }
	switch w.random.IntN(16) {
	case 0:
		w.launch(fmt.Sprint("new", round))
	case 1, 2:
		file := []string{"Reservations", "NetworkInterfaces", "Addresses", "Subnets", "Vpcs",
			"VpcPeeringConnections"}[w.random.IntN(6)]
		all := slices.Clone(w.files[file])
		if len(all) > 3 {
			at := w.random.IntN(len(all))
			w.files[file] = slices.Delete(all, at, at+1)
		}
	case 3, 4:
		w.edit("Reservations", func(r map[string]any) { r["Instances"].([]any)[0].(map[string]any)["Tags"] = w.tags() })
	case 5:
		w.edit("Reservations", func(r map[string]any) {
			i := r["Instances"].([]any)[0].(map[string]any)
			switch w.random.IntN(4) {
			case 0:
				i["PrivateIpAddress"] = "none"
			case 1:
				delete(i, "PrivateIpAddress")
			case 2:
				i["VpcId"] = "vpc-nowhere"
			default:
				i["PrivateIpAddress"] = pick("NetworkInterfaces")["PrivateIpAddress"]
			}
		})
	case 6, 7: // an elastic IP moves, which the interfaces don't say yet
		card := pick("NetworkInterfaces")
		w.edit("Addresses", func(a map[string]any) {
			a["NetworkInterfaceId"], a["PrivateIpAddress"] = card["NetworkInterfaceId"], card["PrivateIpAddress"]
			delete(a, "InstanceId")
		})
	case 8:
		w.edit("Addresses", func(a map[string]any) {
			delete(a, "NetworkInterfaceId")
			delete(a, "PrivateIpAddress")
		})
	case 9, 10: // an interface claims a public address
		w.edit("NetworkInterfaces", func(c map[string]any) {
			public := w.public()
			if w.random.IntN(2) == 0 {
				public, _ = pick("Addresses")["PublicIp"].(string)
			}
			c["Association"] = map[string]any{"PublicIp": public}
			all, _ := c["PrivateIpAddresses"].([]any)
			for _, a := range all[:min(1, len(all))] {
				a.(map[string]any)["Association"] = map[string]any{"PublicIp": public}
			}
		})
	case 11:
		w.edit("NetworkInterfaces", func(c map[string]any) {
			switch w.random.IntN(3) {
			case 0:
				c["Description"], c["RequesterManaged"] = fmt.Sprintf("ELB net/lb%d/0123", w.random.IntN(5)), true
			case 1:
				c["VpcId"] = fmt.Sprint("vpc-seen", w.random.IntN(3))
			default:
				c["PrivateIpAddresses"] = []any{map[string]any{"PrivateIpAddress": "10.1.2"}} // a problem
			}
		})
	case 12:
		w.edit("Subnets", func(n map[string]any) {
			n["AvailableIpAddressCount"] = w.random.IntN(200)
			if w.random.IntN(3) == 0 {
				n["VpcId"] = "vpc-shared"
			}
			if w.random.IntN(4) == 0 {
				n["CidrBlock"] = "nowhere"
			}
		})
	case 13:
		w.edit("Vpcs", func(v map[string]any) {
			v["CidrBlockAssociationSet"] = []any{map[string]any{"CidrBlock": fmt.Sprintf("10.%d.0.0/16", w.random.IntN(250)),
				"CidrBlockState": map[string]any{"State": "associated"}}}
		})
	case 14: // it comes twice, as a page that ends elsewhere has it
		file := []string{"Reservations", "NetworkInterfaces", "Addresses", "Subnets", "Vpcs"}[w.random.IntN(5)]
		w.add(file, pick(file))
	case 15:
		w.edit("LoadBalancers", func(b map[string]any) { b["LoadBalancerName"] = fmt.Sprint("name", w.random.IntN(5)) })
	}
}

// publish has the simulator serve what there is.
func (w *world) publish() {
	for key, name := range worldFiles() {
		text, err := json.Marshal(map[string]any{key: w.files[key]})
		if err == nil {
			err = w.l.sim.Replace("eu-west-1/"+name+".json", text)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestRandomChangesAreAsAWholeListing: whatever changes, of whatever is listed, the region that is patched is that of a
// source which knows nothing; and as a rule little is decoded.
func TestRandomChangesAreAsAWholeListing(t *testing.T) {
	const rounds = 40
	for _, seed := range []uint64{0, 1, 2, 17} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed, 60)
			o := w.l.options()
			o.LoadBalancers, o.Affinity = true, seed == 1
			if seed == 2 {
				o.Names = []string{"{asg}-{ordinal}", nametemplate.WordName}
			}
			var kept zonesource.Part
			o.Served = func(zonesource.Key) (zonesource.Part, bool) { return kept, kept.Region != nil }
			again := o
			again.Kept = o.Served
			var lasting *region
			few := 0
			for round := range rounds {
				for range w.random.IntN(3) {
					w.change(round)
				}
				w.publish()
				whole, want := w.refresh(startAgain(t, o))
				if round%10 == 0 { // a start
					lasting = startAgain(t, again)
				}
				before := textOf(t, kept.Region)
				n, is := w.refresh(lasting)
				is.Listed = time.Time{}
				if textOf(t, kept.Region) != before {
					t.Fatalf("round %d: the region of before, which others read, isn't what it was", round)
				}
				if round == 0 || w.random.IntN(6) > 0 { // what has shrunk, say, isn't kept at once
					kept = is
				}
				if n < whole/3 {
					few++
				}
				if diff := gocmp.Diff(want.Region, is.Region, compareAddrs); diff != "" {
					t.Fatalf("round %d (-want +got):\n%s", round, diff)
				}
				if diff := gocmp.Diff(inOrder(want.Problems), inOrder(is.Problems)); diff != "" {
					t.Fatalf("round %d: problems (-want +got):\n%s", round, diff)
				}
			}
			if few < rounds/4 {
				t.Errorf("in %d rounds of %d few items were decoded", few, rounds)
			}
		})
	}
}

// textOf is all that there is of a region.
func textOf(t *testing.T, r *zonesource.Region) string {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func inOrder(all []zonesource.Problem) []zonesource.Problem {
	return slices.SortedFunc(slices.Values(all), func(a, b zonesource.Problem) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reason, b.Reason))
	})
}

// startAgain is the region of a process that has just begun.
func startAgain(t *testing.T, o Options) *region {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := s.newRegion(o.Accounts[0], o.Regions[0])
	r.salt = s.o.saltOf(r.account)
	return r
}

// refresh lists a region, and returns how many items were decoded.
func (w *world) refresh(r *region) (items int, part zonesource.Part) {
	w.t.Helper()
	w.l.mu.Lock()
	w.l.items = 0
	w.l.mu.Unlock()
	part, err := r.inTurn(w.t.Context(), make(chan struct{}, 1))
	if err != nil {
		w.t.Fatal(err)
	}
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	return w.l.items, part
}
