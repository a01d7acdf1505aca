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
)

// TestChangedInstancesAreDecodedAlone: whatever changes of instances, the region is what a source makes that knows
// nothing, and pages of something else aren't decoded.
func TestChangedInstancesAreDecodedAlone(t *testing.T) {
	for name, vpc := range map[string]string{"VPCs that are listed": "", "one that instances alone know": "vpc-0nowhere"} {
		t.Run(name, func(t *testing.T) {
			patched := changeInstances(t, vpc)
			if patched < 15 && vpc == "" {
				t.Errorf("in %d rounds of 20 few pages were decoded", patched)
			}
		})
	}
}

// changeInstances changes instances 20 times, of which one is in a VPC. It returns how often few pages were decoded.
func changeInstances(t *testing.T, vpc string) (patched int) {
	t.Helper()
	const file = "eu-west-1/describe-instances.json"
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Reservations []map[string]any }
	err = json.Unmarshal(text, &all)
	if err != nil || len(all.Reservations) < 2 {
		t.Fatalf("%d reservations, %v", len(all.Reservations), err)
	}
	for i := range 12 {
		more := renamed(t, all.Reservations[0], fmt.Sprint("more", i))
		more["Instances"] = more["Instances"].([]any)[:1]
		more["Instances"].([]any)[0].(map[string]any)["InstanceId"] = fmt.Sprintf("i-0more%d", i)
		all.Reservations = append(all.Reservations, more)
	}
	if vpc != "" {
		all.Reservations[13]["Instances"].([]any)[0].(map[string]any)["VpcId"] = vpc
	}
	l := newLab(t, 2)
	text, err = json.Marshal(all)
	if err == nil {
		err = l.sim.Replace(file, text)
	}
	if err != nil {
		t.Fatal(err)
	}
	o := l.options()
	kept := list(t, o)
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 20 {
		now := slices.Clone(all.Reservations)
		at := random.IntN(len(now))
		if round%10 == 9 {
			at = 13
		}
		switch {
		case random.IntN(3) == 0 || round%10 == 9:
			now = slices.Delete(now, at, at+1)
		default:
			now[at] = renamed(t, now[at], fmt.Sprint("other", round))
		}
		text, err := json.Marshal(map[string]any{"Reservations": now})
		if err == nil {
			err = l.sim.Replace(file, text)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := list(t, o)
		all := l.decodedBy(func() {
			again := o
			kept.Listed = time.Time{} // long ago
			again.Kept = func(zonesource.Key) (zonesource.Part, bool) { return kept, true }
			kept = list(t, again)
		})
		if all < 10 {
			patched++
		}
		if diff := gocmp.Diff(want.Region, kept.Region, compareAddrs); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
		order := func(a, b zonesource.Problem) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Reason, b.Reason))
		}
		if diff := gocmp.Diff(slices.SortedFunc(slices.Values(want.Problems), order),
			slices.SortedFunc(slices.Values(kept.Problems), order)); diff != "" {
			t.Fatalf("round %d: problems (-want +got):\n%s", round, diff)
		}
	}
	return patched
}

// decodedBy is how many pages are decoded meanwhile.
func (l *lab) decodedBy(f func()) int {
	l.mu.Lock()
	l.decoded = 0
	l.mu.Unlock()
	f()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.decoded
}

// renamed is a reservation whose first instance has another tag dns.
func renamed(t *testing.T, reservation map[string]any, name string) map[string]any {
	t.Helper()
	text, err := json.Marshal(reservation)
	var other map[string]any
	if err == nil {
		err = json.Unmarshal(text, &other)
	}
	if err != nil {
		t.Fatal(err)
	}
	instance := other["Instances"].([]any)[0].(map[string]any)
	instance["Tags"] = []any{map[string]any{"Key": "dns", "Value": name}}
	return other
}
