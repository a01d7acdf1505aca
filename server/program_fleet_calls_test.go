package server

import (
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var fleetMembers = flag.Int("members", 12, "servers of the largest fleet whose calls are counted")

// callsOfData are the calls so far that read data or health: all but those for the store, the queue and for whose
// account this is.
func (c *cloud) callsOfData() map[string]int {
	calls := c.Calls()
	for operation := range calls {
		if strings.Contains(operation, "Object") || strings.Contains(operation, "Bucket") ||
			strings.Contains(operation, "Message") || operation == "GetCallerIdentity" {
			delete(calls, operation)
		}
	}
	return calls
}

// TestFleetCalls counts the calls of fleets of one, three and many servers from their start, through some refreshes
// that were ordered of any server: they are the same for each. A server that doesn't lead makes none at all.
func TestFleetCalls(t *testing.T) {
	var alone map[string]int
	for _, members := range []int{1, 3, *fleetMembers} {
		t.Run(fmt.Sprint(members), func(t *testing.T) {
			c := newCloud(t, nil)
			err := c.CreateBucket("fleet")
			if err != nil {
				t.Fatal(err)
			}
			rare := strings.NewReplacer("refresh: 100ms", "refresh: 1h", "MAXAGE", "2h").Replace(demoConfig) +
				"health_checks: {}\n"
			rare = strings.ReplaceAll(rare, "UPSTREAM", c.dns)
			var all []*program
			for i := range members {
				all = append(all, newSite(t).start(t, rare+fleetSection(fmt.Sprintf("m%d", i+1))))
			}
			for _, p := range all {
				p.await(t, "ready", func() bool { return p.readiness(t).Ready })
			}
			leader := readyLeader(t, all)
			for n := range 3 {
				c.change(t, privateZone, fmt.Sprintf("CREATE new-%d.example.com A 10.7.0.%d", n, n))
				status, text := all[n%len(all)].get(t, http.MethodPost, "/refresh?zone=example.com")
				if status != http.StatusAccepted {
					t.Fatalf("refresh: %d %s", status, text)
				}
				for _, p := range all {
					p.await(t, "the change at each member", func() bool {
						return p.answers(t, asks(dublin, fmt.Sprintf("new-%d.example.com A", n), fmt.Sprintf("10.7.0.%d", n)))
					})
				}
			}
			all[0].await(t, "health is read, of checks and targets", func() bool {
				return c.Calls()["GetMetricData"] > 0 && c.Calls()["DescribeTargetHealth"] > 1
			})
			is := c.callsOfData()
			if alone == nil {
				alone = is
				t.Logf("each fleet makes %v", is)
			}
			if diff := cmp.Diff(alone, is); diff != "" {
				t.Errorf("calls of a fleet of one (-) and of %d (+):\n%s", members, diff)
			}
			for i, p := range all {
				_, body := p.get(t, http.MethodGet, "/metrics")
				if i != leader && strings.Contains(body, "\ninside53_aws_calls_total{") {
					t.Errorf("member %d doesn't lead and has called AWS", i+1)
				}
			}
		})
	}
}
