package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"inside53/zonesource/awssim"
	"inside53/zonesource/changes"
)

// readmeRun is a command of the README and what it does. In its lines example.com is a
// zone of that name alone, Z123 is its id.
type readmeRun struct {
	command string   // as the README has it
	before  []string // command lines of inside53
	code    int
	out     string // is in what it prints
	then    string // a command line of inside53 that shows what was done; "" is that of showZone
	want    string // is in what that prints, blanks squeezed
	gone    string // is not
}

const showZone = "zone get example.com"

// zoneFile is a file as cli53 writes them.
const zoneFile = `$ORIGIN example.com.
@ 900 IN SOA ns-1.awsdns-01.org. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400
@ 172800 IN NS ns-1.awsdns-01.org.
mail 60 IN MX 10 mx.example.net.
www 60 IN A 192.0.2.9
blue 60 IN A 192.0.2.8 ; AWS routing="WEIGHTED" weight=10 identifier="blue"
also 86400 AWS ALIAS A www $self false
`

// readmeRuns are the commands of the section From the shell, and those for who comes from other tools.
var readmeRuns = []readmeRun{
	{command: "inside53 record ls example.com", before: []string{"record add example.com www A 192.0.2.1"},
		out: "www.example.com. 300 A 192.0.2.1"},
	{command: "inside53 zone ls", out: "example.com.", want: "visibility public"},
	{command: "inside53 record add example.com www A 192.0.2.1 --private --dry-run",
		before: []string{"zone delete example.com --yes",
			"zone create example.com --private --vpc vpc-1 --vpc-region eu-west-1"},
		out: `"Value": "192.0.2.1"`, want: "visibility private", gone: "192.0.2.1"},
	{command: "inside53 record import example.com example.zone --private",
		before: []string{"zone delete example.com --yes",
			"zone create example.com --private --vpc vpc-1 --vpc-region eu-west-1"},
		code: exitUsage, out: "+ create www.example.com. 60 A 192.0.2.9", gone: "192.0.2.9"},
	{command: "inside53 export hosts --config inside53.yaml --region eu-west-1 --output /etc/hosts",
		out: "wrote etc-hosts"},

	{command: "inside53 export hosts --config inside53.yaml --region eu-west-1 --upload s3://bucket/hosts",
		out: "uploaded s3://bucket/hosts/eu-west-1/hosts"},
	{command: "inside53 export hosts --config inside53.yaml --region eu-west-1 --format sh --upload " +
		"s3://bucket/etc_hosts/etc_hosts.{region}.sh", out: "uploaded s3://bucket/etc_hosts/etc_hosts.public.sh"},
	{command: "inside53 export hosts --config inside53.yaml --region public", out: "# Made for public;"},

	{command: "inside53 record promote example.com db two.example.net --slaves slave-db",
		before: []string{"record add example.com db CNAME one.example.net",
			"record add example.com slave-db CNAME two.example.net --set-id 1 --weight 1"},
		want: "db.example.com. 300 CNAME two.example.net."},
	{command: "inside53 record promote example.com www standby",
		before: []string{"record add example.com www A 192.0.2.1 --set-id live --failover PRIMARY " +
			"--health-check 0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20",
			"record add example.com www A 192.0.2.2 --set-id standby --failover SECONDARY"},
		want: `192.0.2.2 routing="FAILOVER" failover="PRIMARY"`},

	{command: "inside53 zone ls --json", out: `"name": "example.com."`},
	{command: "inside53 zone create example.com --comment x", before: []string{"zone delete example.com --yes"},
		out: "created public zone example.com.", want: "comment x"},
	{command: "inside53 zone create corp.example --private --vpc vpc-1 --vpc-region eu-west-1",
		then: "zone get corp.example", want: "vpc vpc-1 (eu-west-1)"},
	{command: "inside53 zone delete example.com --purge", before: []string{"record add example.com www A 192.0.2.1"},
		code: exitUsage, out: "--yes says yes", want: "www.example.com. 300 A 192.0.2.1"},
	{command: "inside53 export bind --config inside53.yaml --dir zones", out: "5 zones: 6 files written"},
	{command: "inside53 zone get example.com", before: []string{"record add example.com www A 192.0.2.1"},
		out: "www.example.com. 300 A 192.0.2.1"},
	{command: "inside53 record import example.com zone.txt", code: exitUsage, out: "4 to create", gone: "192.0.2.9"},
	{command: "inside53 record import example.com zone.txt --delete --yes",
		before: []string{"record add example.com old A 192.0.2.1", "record add example.com www A 192.0.2.1"}, out: "INSYNC",
		want: "blue.example.com. 60 A 192.0.2.8 routing=\"WEIGHTED\" weight=10 identifier=\"blue\"\nmail.example.com. 60 " +
			"MX 10 mx.example.net.\nwww.example.com. 60 A 192.0.2.9", gone: "old.example.com."},
	{command: "inside53 record import example.com zone.txt --dry-run", out: "4 to create", gone: "192.0.2.9"},
	{command: "inside53 record add example.com www A 192.0.2.1 --ttl 3600", out: "INSYNC",
		want: "www.example.com. 3600 A 192.0.2.1"},
	{command: "inside53 record change example.com www A 192.0.2.2",
		before: []string{"record add example.com www A 192.0.2.1 --ttl 60"}, out: "INSYNC",
		want: "www.example.com. 60 A 192.0.2.2"},
	{command: `inside53 record add example.com @ MX "10 mail1.example.com" "20 mail2.example.com"`,
		want: "example.com. 300 MX 10 mail1.example.com., 20 mail2.example.com."},
	{command: "inside53 record add example.com www A 192.0.2.1 --set-id blue --weight 10",
		want: `300 A 192.0.2.1 routing="WEIGHTED" weight=10 identifier="blue"`},
	{command: "inside53 record add example.com www A 192.0.2.1 --set-id one --failover PRIMARY --health-check ID",
		want: `192.0.2.1 routing="FAILOVER" failover="PRIMARY" healthCheckId="0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20" ` +
			`identifier="one"`},
	{command: "inside53 record add example.com www A 192.0.2.1 --set-id eu --geo continent:EU",
		want: `192.0.2.1 routing="GEOLOCATION" continentCode="EU" identifier="eu"`},
	{command: "inside53 record add example.com www A 192.0.2.1 --set-id wa --geo US-WA",
		want: `192.0.2.1 routing="GEOLOCATION" countryCode="US" subdivisionCode="WA" identifier="wa"`},
	{
		command: "inside53 record add example.com www A --alias lb.elb.amazonaws.com --alias-zone ZLB " +
			"--evaluate-target-health", want: "www.example.com. - A alias lb.elb.amazonaws.com. (ZLB) with its health"},
	{command: "inside53 record delete example.com www A", before: []string{"record add example.com www A 192.0.2.1"},
		out: "INSYNC", gone: "192.0.2.1"},
	{command: "echo > empty.zone; inside53 record import example.com empty.zone --delete",
		before: []string{"record add example.com www A 192.0.2.1"}, code: exitUsage,
		out: "- delete www.example.com. 300 A 192.0.2.1\n1 to delete", want: "192.0.2.1"},
	{command: "AWS_PROFILE=p AWS_ENDPOINT_URL=U inside53 ...", out: "example.com."},

	{command: "inside53 export bind --config inside53.yaml --dir /etc/bind/inside53 && rndc reload",
		out: "files written, 0 unchanged in etc-bind\nrndc reload"},

	{command: "inside53 zone get Z123", out: "name example.com."},
	{command: "inside53 zone create example.com --reference REF --comment comment",
		before: []string{"zone delete example.com --yes"}, want: "comment comment"},
	{command: "inside53 zone delete Z123", code: exitUsage, out: "--yes says yes", want: "name example.com."},
	{command: "inside53 record ls Z123 www A", before: []string{"record add example.com www A 192.0.2.1"},
		out: "www.example.com. 300 A 192.0.2.1"},
	{command: "inside53 record add Z123 www A 192.0.2.1 --ttl 600 --comment comment",
		want: "www.example.com. 600 A 192.0.2.1"},
	{command: "inside53 record change Z123 www A 192.0.2.1 192.0.2.2 --ttl 600",
		before: []string{"record add example.com www A 192.0.2.7"}, want: "www.example.com. 600 A 192.0.2.1, 192.0.2.2"},
	{command: "inside53 record delete Z123 www A 192.0.2.1",
		before: []string{"record add example.com www A 192.0.2.1 192.0.2.2"}, want: "www.example.com. 300 A 192.0.2.2"},
	{command: "inside53 record add Z123 www A --alias lb.elb.amazonaws.com --alias-zone ZLB",
		want: "www.example.com. - A alias lb.elb.amazonaws.com. (ZLB)"},
}

// readmeServices run until they are ended; tests of their own run them.
var readmeServices = []string{
	"inside53 export hosts --config inside53.yaml --region eu-west-1 --output /etc/hosts --watch",
	"inside53 export json --config inside53.yaml --dir data",
	"inside53 awssim --data data --listen 127.0.0.1:4566",
	"AWS_ENDPOINT_URL=http://127.0.0.1:4566 inside53 zone ls",
	"inside53 follow corp.example --config inside53.yaml --dry-run",
	"inside53 record ramp example.com www --to green --start 10 --step 5 --every 5m --stop-below 80%",
}

// TestReadmeRunsAll: each command of the section From the shell, and of those for who comes from other tools, is run
// by a test.
func TestReadmeRunsAll(t *testing.T) {
	text, err := os.ReadFile("../../zonesource/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n## From the shell\n"))
	text, _, _ = bytes.Cut(text, []byte("\n### Permissions of the command line\n"))
	coming, err := os.ReadFile("../../examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	text = slices.Concat(text, coming)
	var shown []string
	for _, m := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		shown = slices.AppendSeq(shown, strings.Lines(m[1]))
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 2 {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			if strings.Contains(m[1], "inside53 ") && !strings.HasPrefix(m[1], "include ") {
				shown = append(shown, m[1])
			}
		}
	}
	var run []string
	for _, r := range readmeRuns {
		run = append(run, r.command)
	}
	run = append(run, readmeServices...)
	for i := range shown {
		shown[i] = strings.TrimSpace(shown[i])
		if !slices.Contains(run, shown[i]) {
			t.Errorf("no test runs %s", shown[i])
		}
	}
	for _, command := range run {
		if !slices.Contains(shown, command) {
			t.Errorf("the README does not show %s", command)
		}
	}
}

// readmeShell is a shell in an empty directory in which commands of the README work on
// a simulator.
type readmeShell struct {
	dir string
	sim *awssim.Sim
	in  *strings.Replacer // makes a command one that does nothing outside
}

const readmeYAML = "route53:\nec2: { regions: [eu-west-1, us-east-1] }\n"

func newReadmeShell(t *testing.T) *readmeShell {
	t.Helper()
	s := &readmeShell{dir: t.TempDir(), sim: simulate(t)}
	for _, z := range []string{"Z0484276PQ3RN1T5XWVB", "Z1009382KD7YH2M4ZSLC"} { // another example.com each
		ok(t, "zone", "delete", z, "--purge", "--yes", "--no-wait")
	}
	var made changes.Zone
	err := json.Unmarshal([]byte(ok(t, "zone", "create", "example.com", "--json")), &made)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // five zones in all
		ok(t, "zone", "create", "other.example", "--yes")
	}
	err = s.sim.CreateBucket("bucket")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(s.dir, "inside53"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"inside53.yaml": readmeYAML, "zone.txt": zoneFile, "example.zone": zoneFile,
		"aws":  "[profile p]\nregion = eu-west-1\n",
		"rndc": "#!/bin/sh\necho rndc $*\n", "etc-hosts": "127.0.0.1 localhost mine\n",
	} {
		err = os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	s.in = strings.NewReplacer("Z123", made.ID, "/etc/hosts", "etc-hosts", "/etc/bind/inside53", "etc-bind",
		"--health-check ID", "--health-check 0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20",
		"AWS_ENDPOINT_URL=U inside53 ...",
		"AWS_CONFIG_FILE=aws AWS_ENDPOINT_URL="+os.Getenv("AWS_ENDPOINT_URL")+" inside53 zone ls", "127.0.0.1:4566",
		"127.0.0.1:0")
	return s
}

// command makes a command of the README, ready to run.
func (s *readmeShell) command(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "sh", "-c", s.in.Replace(line))
	c.Dir = s.dir
	c.Env = append(os.Environ(), asProgram+"=1", "PATH="+s.dir+":"+os.Getenv("PATH"))
	return c
}

// run runs a command of the README to its end.
func (s *readmeShell) run(t *testing.T, line string) (code int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := s.command(ctx, line).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%s: %v", line, err)
	}
	if ended != nil {
		code = ended.ExitCode()
	}
	return code, string(out)
}

// squeezed is a text with its columns one blank apart.
func squeezed(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// TestReadmeRuns runs the commands as they stand in the README, against the simulator:
// each ends with its code and does what it says.
func TestReadmeRuns(t *testing.T) {
	for _, r := range readmeRuns {
		t.Run(r.command, func(t *testing.T) {
			s := newReadmeShell(t)
			for _, line := range r.before {
				ok(t, strings.Fields(line)...)
			}
			code, output := s.run(t, r.command)
			if code != r.code || !strings.Contains(squeezed(output), r.out) {
				t.Errorf("it ends with %d, want %d with %q; it prints\n%s", code, r.code, r.out, output)
			}
			then := r.then
			if then == "" {
				then = showZone
			}
			shown := squeezed(ok(t, strings.Fields(then)...))
			if !strings.Contains(shown, r.want) || r.gone != "" && strings.Contains(shown, r.gone) {
				t.Errorf("%s lacks %q, or has %q:\n%s", then, r.want, r.gone, shown)
			}
		})
	}
}

// TestReadmeFiles: what the commands write besides is there.
func TestReadmeFiles(t *testing.T) {
	s := newReadmeShell(t)
	for _, line := range []string{
		"inside53 export hosts --config inside53.yaml --region eu-west-1 --output /etc/hosts",
		"inside53 export hosts --config inside53.yaml --region eu-west-1 --upload s3://bucket/hosts",
		"inside53 export bind --config inside53.yaml --dir /etc/bind/inside53 && rndc reload",
	} {
		code, output := s.run(t, line)
		if code != exitDone {
			t.Errorf("%s: ends with %d:\n%s", line, code, output)
		}
	}
	hosts, err := os.ReadFile(filepath.Join(s.dir, "etc-hosts"))
	if err != nil || !strings.HasPrefix(string(hosts), "127.0.0.1 localhost mine\n# BEGIN inside53\n") {
		t.Errorf("hosts file %q, %v", hosts, err)
	}
	if got := string(s.sim.Object("bucket", "hosts/us-east-1/hosts")); !strings.Contains(got, "bastion.internal") {
		t.Errorf("uploaded %q", got)
	}
	named, err := os.ReadFile(filepath.Join(s.dir, "etc-bind", "named.conf"))
	if err != nil || !strings.Contains(string(named), `zone "example.com"`) {
		t.Errorf("named.conf %q, %v", named, err)
	}
}

// TestReadmeWatch runs the hosts export as a service.
func TestReadmeWatch(t *testing.T) {
	s := newReadmeShell(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := s.command(ctx, "exec "+readmeServices[0])
	err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	for written := false; !written && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(s.dir, "etc-hosts"))
		written = err == nil && strings.HasPrefix(string(text), "127.0.0.1 localhost mine\n# BEGIN inside53\n")
	}
	err = errors.Join(ctx.Err(), c.Process.Signal(syscall.SIGTERM), c.Wait())
	if err != nil {
		t.Error(err)
	}
}

// TestReadmeData exports all data, simulates them, and looks at that.
func TestReadmeData(t *testing.T) {
	s := newReadmeShell(t)
	code, output := s.run(t, readmeServices[1])
	if code != exitDone || !strings.HasSuffix(output, " files in data\n") {
		t.Fatalf("it ends with %d: %s", code, output)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, out := s.command(ctx, "exec "+readmeServices[2]), &opening{line: make(chan string, 1)}
	c.Stdout = out
	err := c.Start()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case line := <-out.line:
		s.in = strings.NewReplacer("http://127.0.0.1:4566", strings.TrimPrefix(line, "ready endpoint="))
	case <-ctx.Done():
		t.Fatal("the simulator does not get ready")
	}
	code, output = s.run(t, readmeServices[3])
	if code != exitDone || !strings.Contains(output, " example.com. ") || output != ok(t, "zone", "ls") {
		t.Errorf("it ends with %d: %s", code, output)
	}
	err = errors.Join(c.Process.Signal(syscall.SIGTERM), c.Wait())
	if err != nil {
		t.Error(err)
	}
}
