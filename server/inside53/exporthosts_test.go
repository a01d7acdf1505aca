package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// exportsHosts runs export hosts, and returns its standard output. Each line of standard error
// has to be one of what is left out.
func exportsHosts(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := command(t, append([]string{"export", "hosts"}, args...)...)
	if code != exitDone {
		t.Fatalf("%q: code %d, errors %q", args, code, stderr)
	}
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "! ") {
			t.Errorf("%q: standard error has %q", args, line)
		}
	}
	return stdout
}

func TestExportHosts(t *testing.T) {
	sim := simulate(t)
	config := write(t, "ec2: { regions: [eu-west-1, us-east-1] }\n")
	got := exportsHosts(t, "--config", config, "--region", "us-east-1")
	for _, want := range []string{"127.0.0.1\tlocalhost\n", "# BEGIN inside53\n",
		"203.0.113.10\tbastion.internal bastion jump.internal jump\n", "# END inside53\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("output lacks %q:\n%s", want, got)
		}
	}
	path := filepath.Join(t.TempDir(), "hosts")
	err := os.WriteFile(path, []byte("127.0.0.1 localhost mine\n"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	got = exportsHosts(t, "--config", config, "--region", "eu-west-1", "--output", path)
	if got != "kept what there was as "+path+".bak\nwrote "+path+"\n" {
		t.Errorf("output %q", got)
	}
	same(t, "again", exportsHosts(t, "--config", config, "--region", "eu-west-1", "--output", path), "")
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "127.0.0.1 localhost mine\n# BEGIN inside53\n") ||
		!strings.Contains(string(text), "10.0.1.10\tbastion.internal") {
		t.Errorf("%s, %v", text, err)
	}
	fails(t, exitFailed, "NoSuchBucket", "export", "hosts", "--config", config, "--region", "eu-west-1", "--upload",
		"s3://b/p")
	fails(t, exitUsage, `"b/p" is not of the form s3://BUCKET/PREFIX`, "export", "hosts", "--config", config,
		"--region",
		"eu-west-1", "--upload", "b/p")
	fails(t, exitUsage, `--region "eu-west-2" is not read; ec2.regions has`, "export", "hosts", "--config", config,
		"--region", "eu-west-2")
	fails(t, exitFailed, "no section ec2", "export", "hosts", "--config", write(t, "route53:\n"), "--region",
		"eu-west-1")
	err = sim.CreateBucket("b")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "uploads", exportsHosts(t, "--config", config, "--region", "eu-west-1", "--upload", "s3://b/p"),
		"uploaded s3://b/p/eu-west-1/hosts\nuploaded s3://b/p/us-east-1/hosts\nuploaded s3://b/p/public/hosts\n")
	if got := string(sim.Object("b", "p/us-east-1/hosts")); !strings.Contains(got, "203.0.113.10\tbastion.internal") {
		t.Errorf("uploaded %s", got)
	}
}

// TestExportHostsWatch ends with its context, and writes what changes meanwhile.
func TestExportHostsWatch(t *testing.T) {
	sim := simulate(t)
	config := write(t, "ec2: { regions: [us-east-1], refresh: 100ms }\n")
	path := filepath.Join(t.TempDir(), "hosts")
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	ended := make(chan int, 1)
	go func() {
		var out, errs bytes.Buffer
		ended <- run(ctx, []string{"export", "hosts", "--config", config, "--region", "us-east-1", "--output", path,
			"--watch"}, &out, &errs)
	}()
	await := func(want string) {
		t.Helper()
		for {
			text, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(text), want) {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("no %q in %s, %v", want, text, err)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	await("web-us.internal")
	replaceInVirginia(t, sim, "web-us", "shop-us")
	await("shop-us.internal")
	stop()
	if code := <-ended; code != exitDone {
		t.Errorf("code %d", code)
	}
}

// TestExportHostsLeftOut: what is left out is told on standard error, wherever the file goes.
func TestExportHostsLeftOut(t *testing.T) {
	sim := simulate(t)
	err := sim.CreateBucket("b")
	if err != nil {
		t.Fatal(err)
	}
	config := write(t, "ec2: { regions: [eu-west-1, us-east-1] }\n")
	for _, where := range [][]string{nil, {"--output", filepath.Join(t.TempDir(), "hosts")}, {"--upload", "s3://b/x"}} {
		code, _, stderr := command(t, append([]string{"export", "hosts", "--config", config, "--region", "us-east-1"},
			where...)...)
		if want := "! eu-west-1 i-094999c85a244c6b1: Name tag \"app server (old)\": has the character"; code != exitDone ||
			strings.Count(stderr, want) != 1 {
			t.Errorf("%q: code %d, standard error %q", where, code, stderr)
		}
	}
}

// TestExportHostsFence: a file has private addresses of what its hosts reach alone, and no name
// outside of ours, whoever may tag instances.
func TestExportHostsFence(t *testing.T) {
	sim := simulate(t)
	config := write(t, "ec2: { regions: [eu-west-1, us-east-1] }\n")
	addresses := func(args ...string) (private, all []string) {
		t.Helper()
		for line := range strings.Lines(exportsHosts(t, append([]string{"--config", config}, args...)...)) {
			f := strings.Fields(line)
			if len(f) < 2 || !strings.Contains(line, ".internal") {
				continue
			}
			all = append(all, f[0])
			if strings.HasPrefix(f[0], "10.") || strings.HasPrefix(f[0], "172.") {
				private = append(private, f[0])
			}
		}
		return private, all
	}
	private, all := addresses("--region", "public")
	if len(private) > 0 || len(all) < 5 {
		t.Errorf("the public file has %v of %v", private, all)
	}
	private, _ = addresses("--region", "us-east-1")
	for _, a := range private {
		if !strings.HasPrefix(a, "10.1.") && !strings.HasPrefix(a, "172.31.") {
			t.Errorf("the file of us-east-1 has %s", a)
		}
	}
	// The VPC of the trial in us-east-1 has 172.31.0.0/16 and no peering.
	private, all = addresses("--region", "us-east-1", "--vpc", "vpc-05f1e2d3c4b5a6978")
	if strings.Join(private, " ") != "172.31.9.14" || len(all) < 5 || all[0] != "172.31.9.14" {
		t.Errorf("the file of a VPC alone has %v of %v", private, all)
	}
	// Dublin's is peered with Virginia's.
	private, _ = addresses("--region", "eu-west-1", "--vpc", "vpc-0a1b2c3d4e5f60718")
	joined := strings.Join(private, " ")
	if !strings.Contains(joined, "10.0.1.10") || !strings.Contains(joined, "10.1.1.21") || strings.Contains(joined,
		"172.31") {
		t.Errorf("the file of a peered VPC has %v", private)
	}
	replaceInVirginia(t, sim, `"web-us"`, `"www.google.com"`)
	code, stdout, stderr := command(t, "export", "hosts", "--config", config, "--region", "us-east-1")
	if code != exitDone || strings.Contains(stdout, "google") || !strings.Contains(stderr,
		`"www.google.com": ends in com., which nobody means`) {
		t.Errorf("code %d, output %s, errors %s", code, stdout, stderr)
	}
}

// TestExportHostsAdopt: lines of an older script stand above the block and win; they are told,
// and give their names up. The file before is kept.
func TestExportHostsAdopt(t *testing.T) {
	simulate(t)
	config := write(t, "ec2: { regions: [eu-west-1, us-east-1] }\n")
	const older = "127.0.0.1 localhost mine\n10.0.0.99 bastion\n" +
		"10.0.1.10\tJump  mine2 # by hand\n10.0.0.98\tvpn other # both\n"
	path := filepath.Join(t.TempDir(), "hosts")
	err := os.WriteFile(path, []byte(older), 0o640)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"export", "hosts", "--config", config, "--region", "eu-west-1", "--output", path}
	code, stdout, stderr := command(t, args...)
	if code != exitDone || stdout != "kept what there was as "+path+".bak\nwrote "+path+"\n" ||
		!strings.Contains(stderr,
			"! "+path+":2: 10.0.0.99 bastion stands above our lines, and wins; --adopt takes it out\n! "+
				path+":4: 10.0.0.98 vpn stands") || strings.Contains(stderr, "Jump") {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
	kept, err := os.ReadFile(path + ".bak")
	if err != nil || string(kept) != older {
		t.Errorf("kept %q, %v", kept, err)
	}
	code, _, stderr = command(t, append(args, "--adopt")...)
	text, err := os.ReadFile(path)
	if code != exitDone || err != nil || strings.Contains(stderr, "stands above") ||
		!strings.HasPrefix(string(text),
			"127.0.0.1 localhost mine\n10.0.1.10  mine2 # by hand\n10.0.0.98 other # both\n# BEGIN") ||
		!strings.Contains(stderr, "! "+path+":4: other keeps 10.0.0.98, which is no address of vpn now\n") ||
		strings.Contains(stderr, "mine2") {
		t.Errorf("code %d, %v, errors %q, file\n%s", code, err, stderr, text)
	}
	same(t, "again", exportsHosts(t, append(args[2:], "--adopt")...), "")
	kept, err = os.ReadFile(path + ".bak")
	if err != nil || string(kept) != older {
		t.Errorf("after --adopt is kept %q, %v", kept, err)
	}
	same(t, "the script", exportsHosts(t, append(args[2:6:6], "--adopt", "--format", "sh", "--output", path+".sh")...),
		"wrote "+path+".sh\n")
	err = os.WriteFile(path, append([]byte("10.0.0.97 mail theirs\n"), text...), 0o640)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "sh", path+".sh", path).CombinedOutput()
	kept, keptErr := os.ReadFile(path + ".bak")
	if err != nil || keptErr != nil || string(kept) != older {
		t.Errorf("the script: %v, %s; it keeps %q, %v", err, out, kept, keptErr)
	}
}

// TestExportHostsScript: the script does where it is run what the command does.
func TestExportHostsScript(t *testing.T) {
	sim := simulate(t)
	err := sim.CreateBucket("b")
	if err != nil {
		t.Fatal(err)
	}
	config := write(t, "ec2: { regions: [eu-west-1, us-east-1] }\n")
	const template = "s3://b/etc_hosts/etc_hosts.{region}.sh"
	got := exportsHosts(t, "--config", config, "--region", "eu-west-1", "--format", "sh", "--adopt", "--upload",
		template)
	same(t, "uploads", got,
		"uploaded s3://b/etc_hosts/etc_hosts.eu-west-1.sh\nuploaded s3://b/etc_hosts/etc_hosts.us-east-1.sh\n"+
			"uploaded s3://b/etc_hosts/etc_hosts.public.sh\n")
	for _, old := range []string{"", "127.0.0.1 localhost\n",
		"127.0.0.1 localhost mine\n10.0.0.99 bastion\n10.0.0.98 vpn other\n",
		"127.0.0.1 localhost mine\r\n10.0.0.99 bastion\r\n10.0.0.98 vpn other # both\r\n",
		"::1 localhost\n# BEGIN inside53\n1.2.3.4 gone\n# END inside53\n9.9.9.9 below\n", "# END inside53\n"} {
		byHand, byScript := filepath.Join(t.TempDir(), "hosts"), filepath.Join(t.TempDir(), "hosts")
		for _, path := range []string{byHand, byScript} {
			err := os.WriteFile(path, []byte(old), 0o640)
			if old == "" {
				err = os.Remove(path)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		code, _, errs := command(t, "export", "hosts", "--config", config, "--region", "eu-west-1", "--output", byHand,
			"--adopt")
		for first := range 2 {
			c := exec.CommandContext(t.Context(), "sh", "-s", byScript)
			c.Stdin = bytes.NewReader(sim.Object("b", "etc_hosts/etc_hosts.eu-west-1.sh"))
			out, err := c.CombinedOutput()
			if (err == nil) != (code == exitDone) {
				t.Errorf("%q: code %d, the script: %v, %s", old, code, err, out)
			}
			const keeps = "other keeps 10.0.0.98, which is no address of vpn now"
			told := first == 0 && strings.Contains(old, " other")
			if strings.Contains(string(out), keeps) != told || strings.Contains(errs, keeps) != strings.Contains(old, " other") {
				t.Errorf("%q: the command tells %q, the script %q", old, errs, out)
			}
		}
		want, wantErr := os.ReadFile(byHand)
		text, err := os.ReadFile(byScript)
		if err != nil || wantErr != nil || strings.Join(strings.Fields(string(text)), " ") !=
			strings.Join(strings.Fields(string(want)), " ") {
			t.Errorf("%q: the script writes\n%s\nthe command\n%s", old, text, want)
		}
		_, keptErr := os.Stat(byScript + ".bak")
		_, wantErr = os.Stat(byHand + ".bak")
		if (keptErr == nil) != (wantErr == nil) {
			t.Errorf("%q: kept %v, the command %v", old, keptErr, wantErr)
		}
		left, _ := filepath.Glob(byScript + ".inside53*")
		if len(left) > 0 {
			t.Errorf("%q: left %v", old, left)
		}
	}
}

// TestExportHostsWatchSurvives: a bucket that isn't there yet, and a file that can't be written,
// end no watch.
func TestExportHostsWatchSurvives(t *testing.T) {
	sim := simulate(t)
	config := write(t, "ec2: { regions: [us-east-1], refresh: 100ms }\n")
	path := filepath.Join(t.TempDir(), "hosts")
	err := os.WriteFile(path, []byte("# END inside53\n"), 0o640)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, errs lines
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"export", "hosts", "--config", config, "--region", "us-east-1", "--output", path,
			"--upload", "s3://later", "--watch"}, &out, &errs)
	}()
	eventually(t, "both faults are told", func() bool {
		return strings.Contains(errs.String(), "its markers are damaged") && strings.Contains(errs.String(),
			"NoSuchBucket")
	})
	err = os.WriteFile(path, []byte("127.0.0.1 localhost\n"), 0o640)
	if err == nil {
		err = sim.CreateBucket("later")
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are written", func() bool {
		text, _ := os.ReadFile(path)
		return strings.Contains(string(text), "web-us.internal") && len(sim.Object("later", "us-east-1/hosts")) > 0
	})
	stop()
	if code := <-ended; code != exitDone {
		t.Errorf("code %d", code)
	}
}

func TestExportHostsRefused(t *testing.T) {
	simulate(t)
	config := write(t, "ec2: { regions: [eu-west-1] }\n")
	for args, want := range map[string]string{
		"--region eu-west-1 --format csv":        "--format csv is neither hosts nor sh",
		"--region public --vpc vpc-1":            "--vpc and --region public exclude each other",
		"--region eu-west-1 --adopt":             "--adopt needs the file that it is about",
		"--region eu-west-1 --vpc v --upload s3": "--vpc and --upload exclude each other",
	} {
		fails(t, exitUsage, want, append([]string{"export", "hosts", "--config", config}, strings.Fields(args)...)...)
	}
}
