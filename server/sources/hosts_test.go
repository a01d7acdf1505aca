package sources

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAWSResolvers: the hosts of AWS are asked for where names outside are: of the forwarder of all views, else of the
// first.
func TestAWSResolvers(t *testing.T) {
	const views = "views: [{name: a, clients: [10.0.0.0/16]}, {name: b, clients: [10.1.0.0/16]}]\n"
	for name, test := range map[string]struct {
		forward string
		outside []string
		want    []string
	}{
		"nobody":         {"", nil, []string{vpcResolver}},
		"of another":     {"- {zone: x.example, upstreams: [10.0.0.1]}", nil, []string{vpcResolver}},
		"of all":         {`- {zone: ".", upstreams: [10.0.0.2]}`, []string{"10.0.0.2:53"}, []string{"10.0.0.2:53"}},
		"of one and all": {twoOfRoot + ", views: [\"*\"]}", []string{"10.0.0.2:53"}, []string{"10.0.0.2:53"}},
		"of two":         {twoOfRoot + ", views: [b]}", []string{"10.0.0.1:53"}, []string{"10.0.0.1:53"}},
	} {
		c := parseGood(t, views+"route53: {}\nforward:\n"+test.forward)
		if diff := cmp.Diff(test.outside, rootUpstreams(c)); diff != "" {
			t.Errorf("%s: outside: %s", name, diff)
		}
		if diff := cmp.Diff(test.want, AWSResolvers(c)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// twoOfRoot begins two forwarders of the root.
const twoOfRoot = `- {zone: ".", upstreams: [10.0.0.1], views: [a]}
- {zone: ".", upstreams: [10.0.0.2]`
