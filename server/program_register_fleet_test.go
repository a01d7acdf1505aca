package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"inside53/zonesource/awssim"
)

// TestFleetRegisters has instances register at each member: who leads commits it, the member that
// was asked serves it when it says so, and who leads next knows whose a name is.
func TestFleetRegisters(t *testing.T) {
	files := fstest.MapFS{
		"eu-west-1/describe-vpcs.json": &fstest.MapFile{Data: []byte(registerVPCs)},
		"eu-west-1/describe-instances.json": &fstest.MapFile{Data: machines(t, "i-a vpc-1 127.0.1.10",
			"i-b vpc-1 127.0.1.11")},
	}
	c := newCloud(t, func(o *awssim.Options) { o.Data = files })
	config := registerConfig + "keys:\n  - {name: other., secret: " + transferSecret + "}\n"
	all := startFleetWith(t, c, 3, config)
	leader := readyLeader(t, all)
	all[leader].await(t, "the members are known", func() bool { return len(all[leader].app.fleet.Member.Peers()) == 3 })
	const tcp, own = "tcp", "127.0.1.10"
	for i, p := range all {
		name := fmt.Sprintf("at-%d.dyn.internal", i)
		if got := p.registers(t, tcp, own, "internal.", name+". 60 IN A "+own); got != "NOERROR" {
			t.Fatalf("at member %d: %s", i+1, got)
		}
		p.check(t, asks("127.0.1.77", name+" A", own))
		for _, other := range all {
			other.within(t, 2*time.Second, "the name at each member", func() bool {
				return other.answers(t, asks("127.0.1.77", name+" A", own))
			})
		}
		for _, refused := range []struct{ network, from, update, want string }{
			{"udp", own, "x.dyn.internal. 60 IN A " + own, "REFUSED without a key names are registered by TCP"},
			{tcp, "127.0.1.11", name + ". 60 IN A 127.0.1.11", "REFUSED " + name + ". is the name of i-a"},
			{tcp, "127.0.1.11", "y.dyn.internal. 60 IN A " + own, "REFUSED 127.0.1.10 is no address of i-b"},
			{tcp, "127.0.3.1", "z.dyn.internal. 60 IN A 127.0.3.1", "REFUSED"},
		} {
			got := p.registers(t, refused.network, refused.from, "internal.", refused.update)
			if !strings.HasPrefix(got, refused.want) {
				t.Errorf("%s from %s by %s at member %d: %s", refused.update, refused.from, refused.network, i+1, got)
			}
		}
	}
	if calls := c.Calls()["ChangeResourceRecordSets"]; calls != 0 {
		t.Errorf("%d calls to Route 53", calls)
	}
	for i, p := range all {
		_, past := p.get(t, http.MethodGet, "/history?zone=internal.&limit=20")
		if !strings.Contains(past, `"cause": "register"`) || !strings.Contains(past, "i-a") {
			t.Errorf("member %d doesn't know who it was:\n%s", i+1, past)
		}
	}

	// The next leader knows whose the names are, and has them end with the instance.
	all[leader].end(t)
	left := append(slices.Clone(all[:leader]), all[leader+1:]...)
	next := readyLeader(t, left)
	left[next].await(t, "the next one leads and refuses", func() bool {
		got := left[1-next].registers(t, tcp, "127.0.1.11", "internal.", "at-0.dyn.internal. 60 IN A 127.0.1.11")
		return strings.HasPrefix(got, "REFUSED at-0.dyn.internal. is the name of i-a")
	})
	for _, p := range left {
		p.check(t, asks("127.0.1.77", "at-0.dyn.internal A", own))
	}
	err := c.Replace("eu-west-1/describe-instances.json", machines(t, "i-b vpc-1 127.0.1.11"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range left {
		p.await(t, "the names are gone with the instance", func() bool {
			return p.answers(t, asks("127.0.1.77", "at-0.dyn.internal A", "NXDOMAIN"))
		})
	}
}
