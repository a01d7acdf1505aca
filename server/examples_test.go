package server

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"inside53/server/config"
	"inside53/server/listen"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/ec2"
	"inside53/zonesource/events"
	"inside53/zonesource/health"
	"inside53/zonesource/ledger"
	"inside53/zonesource/route53"
	"inside53/zonesource/update"

	"github.com/miekg/dns"
)

// examples is where the example files are, seen from here.
const examples = "../examples"

func readExample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExampleMinimal(t *testing.T) {
	c, err := config.Load(filepath.Join(examples, "minimal.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Route53 == nil || c.EC2 == nil || len(c.Forward) != 1 || !c.Allow.VPCs ||
		c.Listen.DNS[0].String() != "0.0.0.0:53" {
		t.Errorf("the example is %+v", c)
	}
}

// TestExampleZones parses the master files beside the configurations, and finds the
// one that inside53.yaml names.
func TestExampleZones(t *testing.T) {
	c, err := config.Load(filepath.Join(examples, "inside53.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range c.ZoneFiles {
		text := readExample(t, filepath.Base(z.File))
		parser := dns.NewZoneParser(strings.NewReader(text), string(z.Origin), z.File)
		records := 0
		for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
			records++
			if !dns.IsSubDomain(string(z.Origin), rr.Header().Name) {
				t.Errorf("%s: %s is not in %s", z.File, rr.Header().Name, z.Origin)
			}
		}
		if parser.Err() != nil || records == 0 {
			t.Errorf("%s: %d records, %v", z.File, records, parser.Err())
		}
	}
}

// unitFile reads a systemd unit into section -> key -> values.
func unitFile(t *testing.T, text string) map[string]map[string][]string {
	t.Helper()
	unit := make(map[string]map[string][]string)
	var section string
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		key, value, pair := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			unit[section] = make(map[string][]string)
		case pair && section != "":
			unit[section][key] = append(unit[section][key], value)
		default:
			t.Fatalf("no line of a unit: %q", line)
		}
	}
	return unit
}

// TestExampleUnit compares the systemd unit with the defaults it has to fit.
func TestExampleUnit(t *testing.T) {
	unit := unitFile(t, readExample(t, "inside53.service"))
	service := unit["Service"]
	one := func(key string) string {
		if len(service[key]) != 1 {
			t.Fatalf("%s is there %d times", key, len(service[key]))
		}
		return service[key][0]
	}
	defaults := config.Default()
	stop, err := time.ParseDuration(one("TimeoutStopSec"))
	if err != nil || stop < defaults.Drain+2*listen.DefaultGrace {
		t.Errorf("TimeoutStopSec=%s leaves no room after a drain of %s, %v", one("TimeoutStopSec"), defaults.Drain, err)
	}
	files, err := strconv.Atoi(one("LimitNOFILE"))
	if err != nil || files < 2*defaults.TCP.Connections {
		t.Errorf("LimitNOFILE=%d is little for %d connections, %v", files, defaults.TCP.Connections, err)
	}
	if dir := "/var/lib/" + one("StateDirectory"); dir != defaults.StateDir {
		t.Errorf("the state directory is %s, the default %s", dir, defaults.StateDir)
	}
	for key, want := range map[string]string{
		"Type": "notify", "Restart": "always", "DynamicUser": "yes", "KillSignal": "SIGTERM",
		"WatchdogSec": "30s", "MemoryMax": "80%", "OOMScoreAdjust": "-900",
		"CapabilityBoundingSet": "", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
	} {
		if got := one(key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	if !strings.HasPrefix(one("ExecStart"), "/usr/local/bin/inside53 serve --config /etc/inside53/") {
		t.Errorf("ExecStart=%s", one("ExecStart"))
	}
	if !slices.Contains(service["ExecReload"], "/bin/kill -HUP $MAINPID") {
		t.Errorf("ExecReload=%v", service["ExecReload"])
	}
	if len(unit["Install"]["WantedBy"]) != 1 || len(unit["Unit"]["Description"]) != 1 {
		t.Errorf("the unit is %v", unit)
	}
}

func TestExampleSysctl(t *testing.T) {
	values := make(map[string]int)
	for line := range strings.Lines(readExample(t, "sysctl.conf")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, " = ")
		n, err := strconv.Atoi(value)
		if !ok || err != nil {
			t.Fatalf("no line of sysctl: %q", line)
		}
		values[key] = n
	}
	if got := values["net.core.rmem_max"]; got != listen.DefaultReceiveBuffer {
		t.Errorf("net.core.rmem_max is %d, the server asks for %d", got, listen.DefaultReceiveBuffer)
	}
}

// TestExampleDHClient reads dhclient.conf, commented-out statements too.
func TestExampleDHClient(t *testing.T) {
	statement := regexp.MustCompile(`^(?:# )?(supersede|prepend) (domain-name-servers|domain-search) (.*);$`)
	active := make(map[string]string)
	for line := range strings.Lines(readExample(t, "dhclient.conf")) {
		line = strings.TrimSpace(line)
		m := statement.FindStringSubmatch(line)
		switch {
		case m == nil && line != "" && line[0] != '#':
			t.Errorf("no statement of dhclient: %q", line)
		case m != nil && line[0] != '#':
			active[m[2]] = m[3]
		}
	}
	defaults, err := config.Parse([]byte("ec2:\n"), "inside53.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"domain-name-servers": "127.0.0.1",
		"domain-search": strconv.Quote(strings.TrimSuffix(string(defaults.EC2.Zone), ".")) +
			`, "example.com", "ec2.internal", "compute-1.internal"`}
	if !reflect.DeepEqual(active, want) {
		t.Errorf("active are %v, want %v", active, want)
	}
}

// allowedBy returns the actions of an IAM policy.
func allowedBy(t *testing.T, name string) []string {
	t.Helper()
	var policy struct {
		Version   string
		Statement []struct {
			Sid, Effect string
			Action      any
			Resource    any
			Condition   any
		}
	}
	decoder := json.NewDecoder(strings.NewReader(readExample(t, name)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&policy)
	if err != nil {
		t.Fatal(err)
	}
	if policy.Version != "2012-10-17" {
		t.Errorf("version %s", policy.Version)
	}
	var allowed []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || s.Sid == "" {
			t.Errorf("statement %+v", s)
		}
		switch a := s.Action.(type) {
		case string:
			allowed = append(allowed, a)
		case []any:
			for _, item := range a {
				allowed = append(allowed, item.(string))
			}
		}
	}
	slices.Sort(allowed)
	return allowed
}

// TestExamplePolicy compares the IAM policies with what is said to be called.
func TestExamplePolicy(t *testing.T) {
	inventory, err := ec2.New(ec2.Options{Accounts: []ec2.Account{{}}, Regions: []string{"eu-west-1"},
		LoadBalancers: true, Affinity: true, Health: []string{ec2.StatusHealth, ec2.TargetHealth, ec2.LifecycleHealth}})
	if err != nil {
		t.Fatal(err)
	}
	called := slices.Concat(route53.Actions(), inventory.Actions(), awsclient.Actions(), health.Actions(true))
	slices.Sort(called)
	called = slices.Compact(called) // ec2 and health both list load balancers
	allowed := allowedBy(t, "iam-policy.json")
	if !slices.Equal(allowed, called) {
		t.Errorf("the policy allows\n%v\ncalled are\n%v", allowed, called)
	}
	allowed = allowedBy(t, "iam-policy-updates.json")
	if !slices.Equal(allowed, update.Actions()) {
		t.Errorf("the policy of updates allows\n%v\ncalled are\n%v", allowed, update.Actions())
	}
	allowed = allowedBy(t, "iam-policy-events.json")
	if !slices.Equal(allowed, events.Actions()) {
		t.Errorf("the policy of events allows\n%v\ncalled are\n%v", allowed, events.Actions())
	}
	allowed = allowedBy(t, "iam-policy-fleet.json")
	if !slices.Equal(allowed, ledger.Actions()) {
		t.Errorf("the policy of the ledger allows\n%v\ncalled are\n%v", allowed, ledger.Actions())
	}
}

// TestExampleRules has the rules of the template let each event through that is read.
func TestExampleRules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(examples, "deploy", "cloudformation.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range events.Calls() {
		if !strings.Contains(string(text), "- "+name+"\n") {
			t.Errorf("no rule of the template lets %s through", name)
		}
	}
}

// TestExamplesAreTested fails when an example comes that no test knows.
func TestExamplesAreTested(t *testing.T) {
	known := []string{
		"README.md", "demo", "examples.go", "doc.go", "fleet.svg", "fleet_test.go", "inside53.yaml", "minimal.yaml",
		"lab.zone", "ops.key", "inside53.service", "inside53-hosts.service", "inside53.socket",
		"own-port.conf", "dnsdist.conf", "sysctl.conf",
		"dhclient.conf", "iam-policy.json", "iam-policy-updates.json", "iam-policy-events.json",
		"iam-policy-fleet.json",
		"alerts.yaml", "grafana", "deploy",
	}
	entries, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			t.Errorf("%s is loaded by no test", e.Name())
		}
	}
}
