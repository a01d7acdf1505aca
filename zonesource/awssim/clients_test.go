//go:build clients

package awssim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/examples"
)

// awsCLI runs the real AWS CLI against a simulator.
type awsCLI struct {
	t        *testing.T
	endpoint string // as a flag: older versions don't read AWS_ENDPOINT_URL
	env      []string
}

func newCLI(t *testing.T, s *Sim) awsCLI {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := filepath.Join(t.TempDir(), "config")
	// Version 1 of the CLI prints times as they came unless told; version 2 always prints ISO 8601.
	err := os.WriteFile(config, []byte("[default]\ncli_timestamp_format = iso8601\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return awsCLI{t, server.URL, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_CONFIG_FILE=" + config, "AWS_PAGER=",
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_DEFAULT_OUTPUT=json", "PYENV_ROOT=" + os.Getenv("PYENV_ROOT"), "AWS_MAX_ATTEMPTS=1",
	}}
}

func (c awsCLI) run(region string, args ...string) (stdout []byte, err error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "aws", append([]string{"--region", region, "--endpoint-url", c.endpoint}, args...)...)
	cmd.Env = c.env
	var errText bytes.Buffer
	cmd.Stderr = &errText
	stdout, err = cmd.Output()
	if err != nil {
		return stdout, fmt.Errorf("aws %s: %w: %s", strings.Join(args, " "), err, errText.String())
	}
	return stdout, nil
}

// isOld reports whether the CLI is of before the data: it has members in another order, and doesn't know all.
func (c awsCLI) isOld() bool {
	c.t.Helper()
	version, err := c.run("eu-west-1", "--version")
	if err != nil {
		c.t.Fatal(err)
	}
	var major, minor int
	_, err = fmt.Sscanf(string(version), "aws-cli/%d.%d", &major, &minor)
	if err != nil {
		c.t.Fatalf("%s: %v", version, err)
	}
	return major == 1 && minor < 40 || major == 2 && minor < 24
}

// sayTheSame compares two JSON texts, of which the first may lack members of objects.
func sayTheSame(t *testing.T, got, want []byte) bool {
	t.Helper()
	var a, b any
	err := errors.Join(json.Unmarshal(got, &a), json.Unmarshal(want, &b))
	if err != nil {
		t.Fatal(err)
	}
	var same func(at string, a, b any) bool
	same = func(at string, a, b any) bool {
		switch a := a.(type) {
		case map[string]any:
			b, ok := b.(map[string]any)
			for name, v := range a {
				ok = ok && same(at+"."+name, v, b[name])
			}
			return ok && (len(a) > 0 || len(b) == 0)
		case []any:
			b, ok := b.([]any)
			return ok && slices.EqualFunc(a, b, func(a, b any) bool { return same(at, a, b) })
		}
		if a != b {
			t.Logf("%s is %v, want %v", at, a, b)
		}
		return a == b
	}
	return same("", a, b)
}

// The CLI prints the demo data byte for byte as its files have it: they are its own output. An old one prints what it
// knows of.
func TestClientPrintsTheDemoData(t *testing.T) {
	c := newCLI(t, newSim(t, Options{Data: examples.Demo()}))
	files := 0
	err := fs.WalkDir(examples.Demo(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, ".json") {
			return err
		}
		files++
		parts := strings.Split(name, "/")
		region, command := parts[0], strings.TrimSuffix(parts[len(parts)-1], ".json")
		args := []string{"ec2", command}
		switch {
		case command == "describe-load-balancers", command == "describe-target-groups":
			args[0] = "elbv2"
		case command == "describe-classic-load-balancers":
			args = []string{"elb", "describe-load-balancers"}
		case command == "describe-auto-scaling-instances":
			args[0] = "autoscaling"
		case command == "describe-target-health":
			args = []string{"elbv2", command, "--target-group-arn", targetGroupARN(t, region, parts[1])}
		case region == "route53":
			region, args[0] = "us-east-1", "route53"
		}
		switch id := parts[len(parts)-2]; command {
		case "get-hosted-zone":
			args = append(args, "--id", id)
		case "list-resource-record-sets":
			args = append(args, "--hosted-zone-id", id)
		case "list-tags-for-resource":
			args = append(args, "--resource-type", "hostedzone", "--resource-id", id)
		case "list-cidr-blocks":
			args = append(args, "--collection-id", id)
		}
		want, err := fs.ReadFile(examples.Demo(), name)
		if err != nil {
			return err
		}
		got, err := c.run(region, args...)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) && !(c.isOld() && sayTheSame(t, got, want)) {
			t.Errorf("aws %s prints\n%s\nwant %s", strings.Join(args, " "), got, name)
		}
		return nil
	})
	if err != nil || files < 30 {
		t.Errorf("compared %d files, %v", files, err)
	}
}

// targetGroupARN is the ARN of a target group of the demo data.
func targetGroupARN(t *testing.T, region, name string) string {
	t.Helper()
	text, err := fs.ReadFile(examples.Demo(), region+"/describe-target-groups.json")
	if err != nil {
		t.Fatal(err)
	}
	var content struct {
		TargetGroups []struct{ TargetGroupArn, TargetGroupName string }
	}
	err = json.Unmarshal(text, &content)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range content.TargetGroups {
		if g.TargetGroupName == name {
			return g.TargetGroupArn
		}
	}
	t.Fatalf("%s has no target group %s", region, name)
	return ""
}

// A change, its errors and a role, as people do them from the shell.
func TestClientChanges(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := newCLI(t, s)
	const zone = "Z0731658FW9JB6C8QTRG"
	change := func(action string) error {
		_, err := c.run("us-east-1", "route53", "change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch",
			`{"Changes":[{"Action":"`+action+`","ResourceRecordSet":{"Name":"*.new.example.net","Type":"A","TTL":60,`+
				`"ResourceRecords":[{"Value":"203.0.113.9"}]}}]}`)
		return err
	}
	err := change("CREATE")
	if err != nil {
		t.Error(err)
	}
	err = change("CREATE")
	if err == nil || !strings.Contains(err.Error(), `(InvalidChangeBatch)`) ||
		!strings.Contains(err.Error(),
			`Tried to create resource record set [name='\052.new.example.net.', type='A'] but it already exists`) {
		t.Errorf("the same again: %v", err)
	}
	err = change("DELETE")
	if err != nil {
		t.Error(err)
	}
	err = s.AddFaults(Fault{Operation: "ListHostedZones", Fault: "throttle"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.run("us-east-1", "route53", "list-hosted-zones")
	if err == nil || !strings.Contains(err.Error(), "(Throttling)") || !strings.Contains(err.Error(), "Rate exceeded") {
		t.Errorf("throttled: %v", err)
	}
	_, err = c.run("eu-west-1", "ec2", "describe-instances", "--dry-run")
	if err == nil || !strings.Contains(err.Error(), "(DryRunOperation)") {
		t.Errorf("dry run: %v", err)
	}
	out, err := c.run("us-east-1", "sts", "assume-role", "--role-arn", "arn:aws:iam::222222222222:role/reader",
		"--role-session-name", "cli")
	if err != nil {
		t.Fatal(err)
	}
	var role struct{ Credentials struct{ AccessKeyId string } }
	err = json.Unmarshal(out, &role)
	if err != nil || s.accountOf(role.Credentials.AccessKeyId) != "222222222222" {
		t.Errorf("assume-role: %s, %v", out, err)
	}
}

// The CLI speaks to CloudWatch in JSON, an old one by the query protocol.
func TestClientReadsHealth(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	c := newCLI(t, s)
	const check = "0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20"
	query := `[{"Id":"a","MetricStat":{"Metric":{"Namespace":"AWS/Route53","MetricName":"HealthCheckStatus",` +
		`"Dimensions":[{"Name":"HealthCheckId","Value":"` +
		check + `"}]},"Period":60,"Stat":"Minimum"}}]`
	now := time.Now().UTC()
	ask := func() string {
		out, err := c.run("us-east-1", "cloudwatch", "get-metric-data", "--metric-data-queries", query, "--query",
			"MetricDataResults[0].Values[0]",
			"--start-time", now.Add(-3*time.Minute).Format(time.RFC3339), "--end-time",
			now.Add(time.Minute).Format(time.RFC3339))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(strings.TrimSpace(string(out)), ".0") // as an old one prints it
	}
	if got := ask(); got != "1" {
		t.Errorf("healthy: %s", got)
	}
	err := s.SetHealth(check, false)
	if got := ask(); err != nil || got != "0" {
		t.Errorf("unhealthy: %s, %v", got, err)
	}
	err = s.AddFaults(Fault{Operation: "GetMetricData", Fault: "access-denied"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.run("us-east-1", "cloudwatch", "get-metric-data", "--metric-data-queries", query, "--start-time",
		"2026-01-01T00:00:00Z", "--end-time", "2026-01-01T00:05:00Z")
	if err == nil || !strings.Contains(err.Error(), "(AccessDenied)") {
		t.Errorf("denied: %v", err)
	}
}
