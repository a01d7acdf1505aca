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

// TestOrdinalsOfReadings: an instance that was read out of turn keeps its number, in the next reading and in the
// next listing, though the last listing hasn't it.
func TestOrdinalsOfReadings(t *testing.T) {
	const group = "aws:autoscaling:groupName=web"
	all := []types.Instance{running("i-a", 1, group), running("i-b", 2, group), running("i-c", 0, group),
		running("i-d", 4, group)}
	listed, _ := hostsOf(t, nil, "{asg}-{ordinal}", all[:2]...)
	templates, err := nametemplate.ParseAll([]string{"{asg}-{ordinal}"}, "dns")
	if err != nil {
		t.Fatal(err)
	}
	part := func(hosts []*zonesource.Host) func(zonesource.Key) (zonesource.Part, bool) {
		return func(zonesource.Key) (zonesource.Part, bool) {
			return zonesource.Part{Region: &zonesource.Region{Hosts: hosts}}, true
		}
	}
	o := &Options{templates: templates, Kept: part(listed), Served: part(listed)}
	hosts := func(read []string, of ...types.Instance) []*zonesource.Host {
		l := &listing{region: &region{o: o, name: "eu-west-1"}, read: read}
		return l.hosts([]types.Reservation{{Instances: of}}, nil, "1")
	}
	first := hosts([]string{"i-c"}, all[2])
	o.Served = part(append(first, listed...))
	second := hosts([]string{"i-d"}, all[3])
	o.Served = part(append(append(second, first...), listed...))
	got := strings.Join(append(append(show(first), show(second)...), show(hosts(nil, all...))...), "; ")
	if got != "i-c web-3; i-d web-4; i-a web-1; i-b web-2; i-c web-3; i-d web-4" {
		t.Errorf("numbers are %s", got)
	}
}
