package awssim

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"inside53/examples"
)

// Whatever cannot be shown by the API is refused with its file and its place in it.
func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"route53/list-hosted-zones.json", `{"HostedZones":[{"Id":"/hostedzone/Z1","Name":"a.","Colour":"red"}]}`,
			`unknown field "Colour"`},
		{"route53/list-hosted-zones.json", `{"HostedZones":[{"Id":"Z1","Name":"a."}]}`, `$.HostedZones[0]: the Id is "Z1"`},
		{"route53/list-hosted-zones.json", `{"HostedZones":[{"Id":"/hostedzone/Z1","Name":"a..b"}]}`,
			"$.HostedZones[0]: DomainLabelEmpty"},
		{"route53/list-hosted-zones.json",
			`{"HostedZones":[{"Id":"/hostedzone/Z1","Name":"a"},{"Id":"/hostedzone/Z1","Name":"a"}]}`, "listed twice"},
		{"route53/list-hosted-zones.json", `{"HostedZones":[],"IsTruncated":true}`, "one page of a longer listing"},
		{"route53/list-hosted-zones.json", `{"HostedZones":[]} {}`, "more follows"},
		{"route53/list-hosted-zone.json", `{}`, "no such file"},
		{"route53/Z9/list-resource-record-sets.json", `{}`, "Z9 is not in list-hosted-zones.json"},
		{"route53/Z1/list-resource-record-sets.json", `{"ResourceRecordSets":[{"Name":"a.example.org","Type":"A"}]}`,
			"ResourceRecordSets[0] (a.example.org.): outside of example.com."},
		{"route53/Z1/list-resource-record-sets.json", `{"ResourceRecordSets":[{"Name":"a.example.com"}]}`, "has no Type"},
		{"route53/Z1/list-resource-record-sets.json",
			`{"ResourceRecordSets":[` + simple("a.example.com") + "," + simple("A.example.com.") + `]}`,
			`a.example.com. A "": listed twice`},
		{"route53/Z1/list-resource-record-sets.json", `{"ResourceRecordSets":[],"NextToken":"x"}`,
			"one page of a longer listing"},
		{"route53/Z1/get-hosted-zone.json", `{"HostedZone":{"Id":"/hostedzone/Z2","Name":"a."}}`, "is of /hostedzone/Z2"},
		{"route53/Z1/records.json", `{}`, "no such file"},
		{"route53/h9/get-health-check-status.json", `{}`, "h9 is not in list-health-checks.json"},
		{"route53/c9/list-cidr-blocks.json", `{}`, "c9 is not in list-cidr-collections.json"},
		{"eu-west-1/describe-vpcs.json", `{"Vpcs":[{"VpcId":"vpc-1","Colour":"red"}]}`,
			"$.Vpcs[0].Colour: no such member in the API"},
		{"eu-west-1/describe-vpcs.json", `{"Vpcs":[{"VpcId":1}]}`, "$.Vpcs[0].VpcId: is a number, want a string"},
		{"eu-west-1/describe-vpcs.json", `{"Vpcs":{}}`, "$.Vpcs: is an object, want a list"},
		{"eu-west-1/describe-vpcs.json", `{"Vpcs":[[]]}`, "$.Vpcs[0]: is a list, want an object"},
		{"eu-west-1/describe-vpcs.json", `{"Vpcs":[null]}`, "$.Vpcs[0]: is null"},
		{"eu-west-1/describe-vpcs.json", `{"Subnets":[]}`, `has "Subnets" beside "Vpcs"`},
		{"eu-west-1/describe-vpcs.json", `{"Vpcs":[],"NextToken":"x"}`, "an export cut short"},
		{"eu-west-1/describe-vpcs.json", `[]`, "cannot unmarshal array"},
		{"eu-west-1/describe-vpc.json", `{}`, "no such file in a region"},
		{"eu-west-1/describe-load-balancers.json", `{"LoadBalancers":[{"CreatedTime":"yesterday"}]}`,
			`$.LoadBalancers[0].CreatedTime: is "yesterday", want an RFC 3339 time`},
		{"ireland/describe-vpcs.json", `{}`, "no such place"},
		{"dns.zone", "www.example.org. IN A nowhere", "dns: "},
		{"accounts/12/route53/list-hosted-zones.json", `{}`, "12-digit"},
		{"accounts/222222222222/route53/list-hosted-zones.json", `{"x":1}`, `unknown field "x"`},
	} {
		files := zoneFiles()
		files[c.file] = &fstest.MapFile{Data: []byte(c.text)}
		_, err := New(Options{Data: files})
		place := c.file
		if strings.HasPrefix(place, "accounts/") {
			place = strings.Split(place, "/")[1]
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), place) {
			t.Errorf("%s %s: got %v, want %q", c.file, c.text, err, c.want)
		}
	}
}

// Every fault of every file stands in one error.
func TestLoadJoinsFaults(t *testing.T) {
	_, err := New(Options{Data: fstest.MapFS{
		"eu-west-1/describe-vpcs.json":    {Data: []byte(`{"Vpcs":[{"A":1,"B":2}]}`)},
		"eu-west-1/describe-subnets.json": {Data: []byte(`{`)},
	}})
	if err == nil || !strings.Contains(err.Error(), "$.Vpcs[0].A") || !strings.Contains(err.Error(), "$.Vpcs[0].B") ||
		!strings.Contains(err.Error(), "describe-subnets.json") {
		t.Errorf("got %v", err)
	}
}

// What is no data is left alone.
func TestLoadIgnores(t *testing.T) {
	files := zoneFiles()
	files["README.md"] = &fstest.MapFile{Data: []byte("notes")}
	files["eu-west-1/describe-vpcs.json~"] = &fstest.MapFile{Data: []byte("{")}
	_, err := New(Options{Data: files})
	if err != nil {
		t.Error(err)
	}
}

func TestReplace(t *testing.T) {
	s := newSim(t, Options{Data: zoneFiles(simple("a.example.com."))})
	const list = `{"HostedZones":[{"Id":"/hostedzone/Z2","Name":"example.net.","CallerReference":"r"},{"Id":"/` +
		`hostedzone/Z1","Name":"example.com.","CallerReference":"r"}]}`
	for _, step := range []struct {
		file, text string
		ok         bool
		zone       string
		records    int
	}{
		{"route53/Z2/list-resource-record-sets.json", `{"ResourceRecordSets":[]}`, false, "Z1", 3},
		{"route53/list-hosted-zones.json",
			`{"HostedZones":[{"Id":"/hostedzone/Z2","Name":"example.net.","CallerReference":"r"}],"IsTruncated":true}`, false,
			"Z1", 3},
		{"route53/list-hosted-zones.json", list, true, "Z1", 3},
		{"route53/Z2/list-resource-record-sets.json", `{"ResourceRecordSets":[` + simple("a.example.net.") + `]}`, true, "Z2",
			1},
		{"route53/Z2/list-resource-record-sets.json", `{"ResourceRecordSets":[` + simple("a.example.org.") + `]}`, false,
			"Z2", 1},
		{"accounts/222222222222/route53/list-hosted-zones.json", strings.ReplaceAll(list, "/Z", "/ZB"), true, "ZB1", 0},
		{"accounts/222222222222/route53/ZB1/list-resource-record-sets.json",
			`{"ResourceRecordSets":[` + simple("b.example.com.") + `]}`, true, "ZB1", 1},
		{"accounts/2/route53/list-hosted-zones.json", list, false, "ZB1", 1},
		{"eu-west-1/describe-vpcs.json", `{"Vpcs":[{"VpcId":"vpc-1"}]}`, true, "Z1", 3},
		{"route53/list-hosted-zones.json", `{"HostedZones":[]}`, true, "Z1", 0},
	} {
		err := s.Replace(step.file, []byte(step.text))
		if (err == nil) != step.ok {
			t.Errorf("%s: %v, want ok %t", step.file, err, step.ok)
		}
		if got := len(s.Records(step.zone)); got != step.records {
			t.Errorf("after %s: %d records in %s, want %d", step.file, got, step.zone, step.records)
		}
	}
}

// The demo directory has nothing that is not loaded, and every file a data directory can have of a region.
func TestDemoIsWhole(t *testing.T) {
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		for file := range inventory {
			_, err := fs.Stat(examples.Demo(), region+"/"+file)
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// The simulator shares no code with what is tested against it.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d source files, %v", len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(path, "inside53/") {
				t.Errorf("%s imports %s: a codec shared with the sources would hide their faults", name, path)
			}
			if strings.HasPrefix(path, "github.com/aws/") {
				t.Errorf("%s imports %s: the simulator must not speak with the voice of the client", name, path)
			}
		}
	}
}
