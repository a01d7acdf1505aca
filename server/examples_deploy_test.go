package server

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"inside53/server/config"

	"github.com/goccy/go-yaml"
)

// cloudTemplate is what the tests look at in a template of CloudFormation.
type cloudTemplate struct {
	Resources map[string]struct {
		Properties struct {
			Policies []struct {
				PolicyDocument struct {
					Statement []struct {
						Sid    string `yaml:"Sid"`
						Effect string `yaml:"Effect"`
						Action any    `yaml:"Action"`
					} `yaml:"Statement"`
				} `yaml:"PolicyDocument"`
			} `yaml:"Policies"`
			VersioningConfiguration any             `yaml:"VersioningConfiguration"`
			Public                  map[string]bool `yaml:"PublicAccessBlockConfiguration"`
			Lifecycle               struct {
				Rules []map[string]any `yaml:"Rules"`
			} `yaml:"LifecycleConfiguration"`
			EventPattern struct {
				Detail struct {
					EventName []string `yaml:"eventName"`
				} `yaml:"detail"`
			} `yaml:"EventPattern"`
			SubnetMappings  []any  `yaml:"SubnetMappings"`
			Protocol        string `yaml:"Protocol"`
			HealthCheckPort string `yaml:"HealthCheckPort"`
		} `yaml:"Properties"`
	} `yaml:"Resources"`
}

func readTemplate(t *testing.T) cloudTemplate {
	t.Helper()
	text := readExample(t, "deploy/cloudformation.yaml")
	// The functions of CloudFormation are tags, which mean nothing here.
	text = regexp.MustCompile(`!(Ref|Sub|GetAtt|If|Not|Equals|Join) `).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m): \[?[A-Za-z]+, \[.*\]\]?$`).ReplaceAllString(text, ": conditional")
	var template cloudTemplate
	err := yaml.Unmarshal([]byte(text), &template)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// startScript is the script that servers of the template start with, as it stands there.
func startScript(t *testing.T) string {
	t.Helper()
	_, rest, found := strings.Cut(readExample(t, "deploy/cloudformation.yaml"), "Fn::Base64: !Sub |\n")
	if !found {
		t.Fatal("the template starts nothing")
	}
	var script strings.Builder
	for line := range strings.Lines(rest) {
		text, inside := strings.CutPrefix(line, "            ")
		if !inside && strings.TrimSpace(line) != "" {
			break
		}
		if !inside {
			text = "\n"
		}
		script.WriteString(text)
	}
	return strings.TrimRight(script.String(), "\n") + "\n"
}

// TestExampleTemplatePolicies: what the role of the templates may do are the policies beside them, and what the script
// calls.
func TestExampleTemplatePolicies(t *testing.T) {
	var server, start []string
	for _, policy := range readTemplate(t).Resources["Role"].Properties.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			var actions []string
			switch a := s.Action.(type) {
			case string:
				actions = []string{a}
			case []any:
				for _, item := range a {
					actions = append(actions, item.(string))
				}
			}
			if s.Effect != "Allow" || len(actions) == 0 {
				t.Errorf("statement %+v", s)
			}
			if strings.HasPrefix(s.Sid, "Start") {
				start = append(start, actions...)
			} else {
				server = append(server, actions...)
			}
		}
	}
	slices.Sort(server)
	want := slices.Concat(allowedBy(t, "iam-policy.json"), allowedBy(t, "iam-policy-fleet.json"),
		allowedBy(t, "iam-policy-events.json"))
	slices.Sort(want)
	if !slices.Equal(server, want) {
		t.Errorf("the server may\n%v\nthe policies beside are\n%v", server, want)
	}

	commands := map[string]string{"s3 cp": "s3:GetObject", "ssm get-parameter": "ssm:GetParameter",
		"cloudformation signal-resource": "cloudformation:SignalResource"}
	var called []string
	for _, m := range regexp.MustCompile(`(?m)^ *aws (\S+ \S+) `).FindAllStringSubmatch(startScript(t), -1) {
		called = append(called, commands[m[1]])
	}
	slices.Sort(start)
	slices.Sort(called)
	if !slices.Equal(start, called) {
		t.Errorf("the start may %v, and calls %v", start, called)
	}

	role := readExample(t, "deploy/terraform/role.tf")
	_, role, _ = strings.Cut(role, `resource "aws_iam_role_policy"`)
	var module []string
	for _, m := range regexp.MustCompile(`"([a-z0-9]+:[A-Z][A-Za-z0-9]+)"`).FindAllStringSubmatch(role, -1) {
		module = append(module, m[1])
	}
	slices.Sort(module)
	want = slices.DeleteFunc(slices.Concat(server, start), func(a string) bool {
		return a == "cloudformation:SignalResource" // there is no stack
	})
	slices.Sort(want)
	if !slices.Equal(module, want) {
		t.Errorf("the module's role may\n%v\nthe template's\n%v", module, want)
	}
}

// TestExampleTemplate holds what both templates say to what the server needs.
func TestExampleTemplate(t *testing.T) {
	all := readTemplate(t).Resources
	bucket := all["Bucket"].Properties
	if bucket.VersioningConfiguration != nil {
		t.Error("the ledger is versioned: each lease would stay")
	}
	for _, rule := range bucket.Lifecycle.Rules {
		if rule["AbortIncompleteMultipartUpload"] == nil || rule["ExpirationInDays"] != nil ||
			rule["NoncurrentVersionExpiration"] != nil || rule["Transitions"] != nil {
			t.Errorf("a rule removes objects: %v", rule)
		}
	}
	for _, key := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if !bucket.Public[key] {
			t.Errorf("the bucket may be public: no %s", key)
		}
	}
	if len(bucket.Lifecycle.Rules) != 1 || len(all["Balancer"].Properties.SubnetMappings) != 3 ||
		all["Listener"].Properties.Protocol != "TCP_UDP" || all["Targets"].Properties.HealthCheckPort != "8054" {
		t.Errorf("the template is %+v", all)
	}

	// The events are those that are understood.
	code, err := os.ReadFile("../zonesource/events/event.go")
	if err != nil {
		t.Fatal(err)
	}
	_, inventory, _ := strings.Cut(string(code), `case "CreateTags"`)
	inventory = `case "CreateTags"` + inventory
	var understood []string
	for _, m := range regexp.MustCompile(`"([A-Z][A-Za-z0-9]+)"`).FindAllStringSubmatch(inventory, -1) {
		understood = append(understood, m[1])
	}
	slices.Sort(understood)
	understood = slices.Compact(understood)
	names := all["CallsRule"].Properties.EventPattern.Detail.EventName
	if !slices.Equal(names, understood) {
		t.Errorf("the rule lets through\n%v\nunderstood are\n%v", names, understood)
	}
	module := readExample(t, "deploy/terraform/events.tf")
	for _, name := range names {
		if !strings.Contains(module, `          "`+name+`",`+"\n") {
			t.Errorf("the module lets no %s through", name)
		}
	}
}

// TestExampleStart reads the configuration that servers start with, and compares the script of the template with that
// of the module.
func TestExampleStart(t *testing.T) {
	script := startScript(t)
	_, rest, found := strings.Cut(script, "cat >/etc/inside53/inside53.yaml <<'END'\n")
	text, _, ends := strings.Cut(rest, "\nEND\n")
	if !found || !ends {
		t.Fatalf("no configuration in\n%s", script)
	}
	text = strings.NewReplacer("${AWS::Region}", "eu-west-1", "${Bucket}", "bucket",
		"${Queue}", "https://sqs.eu-west-1.amazonaws.com/123456789012/queue").Replace(text)
	path := filepath.Join(t.TempDir(), "inside53.yaml")
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(path), "fleet.key"), []byte(transferSecret+"\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Fleet == nil || c.Fleet.Store.String() != "s3://bucket/inside53" || c.Health.Port() != 8054 {
		t.Errorf("the configuration is %+v", c)
	}

	module := readExample(t, "deploy/terraform/start.sh.tftpl")
	for from, to := range map[string]string{"AWS::Region": "region", "AWS::StackName": "name", "Package": "package",
		"PackageSha256": "package_sha256", "FleetKey": "fleet_key", "Bucket": "bucket", "Queue": "queue"} {
		script = strings.ReplaceAll(script, "${"+from+"}", "${"+to+"}")
	}
	// What tells the stack, which the module has none of.
	before, rest, _ := strings.Cut(script, "says() {\n")
	_, after, _ := strings.Cut(rest, "trap 'says FAILURE' ERR\n\n")
	script = strings.NewReplacer("    says SUCCESS\n", "", ", and in the stack's events.", ".").Replace(before + after)
	if script != module {
		t.Errorf("the template starts\n%s\nthe module\n%s", script, module)
	}
}
