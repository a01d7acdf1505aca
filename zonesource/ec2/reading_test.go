package ec2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"inside53/zonesource"
	"inside53/zonesource/nametemplate"
)

// TestOrdinalsOfSome: where some instances alone are read, the others keep their numbers.
func TestOrdinalsOfSome(t *testing.T) {
	const group = "aws:autoscaling:groupName=web"
	old, _ := hostsOf(t, nil, "{asg}-{ordinal}", running("i-a", 1, group), running("i-b", 2, group))
	kept := &zonesource.Region{Hosts: old}
	templates, err := nametemplate.ParseAll([]string{"{asg}-{ordinal}"}, "dns")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{templates: templates, Kept: func(zonesource.Key) (zonesource.Part, bool) {
		return zonesource.Part{Region: kept}, true
	}}
	l := &listing{region: &region{o: o, name: "eu-west-1"}, read: []string{"i-b", "i-c"}}
	hosts := l.hosts([]types.Reservation{{Instances: []types.Instance{
		running("i-b", 2, group), running("i-c", 3, group)}}},
		nil, "1")
	if got := strings.Join(show(hosts), "; "); got != "i-b web-2; i-c web-3" {
		t.Errorf("read are %s", got)
	}
}
