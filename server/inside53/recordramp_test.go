package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/awssim"
)

const apiCheck = "0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20" // of api.example.com

// group makes the weighted group ramp.example.net, A and AAAA, of members like "blue 90".
func group(t *testing.T, members ...string) {
	t.Helper()
	for i, m := range members {
		id, weight, _ := strings.Cut(m, " ")
		weight, check, _ := strings.Cut(weight, " ")
		for kind, value := range map[string]string{"A": fmt.Sprint("192.0.2.", i), "AAAA": fmt.Sprint("2001:db8::",
			i)} {
			args := []string{"record", "add", "example.net", "ramp", kind, value, "--set-id", id, "--weight", weight}
			if check != "" {
				args = append(args, "--health-check", check)
			}
			ok(t, args...)
		}
	}
}

// weights are those of ramp.example.net as record ls has them: "A blue 90".
func weights(t *testing.T) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(ok(t, "record", "ls", "example.net", "ramp")) {
		f := strings.Fields(line)
		if f[0] == "NAME" {
			continue
		}
		weight, id := "", ""
		for _, word := range f {
			value, found := strings.CutPrefix(word, "weight=")
			if found {
				weight = value
			}
			value, found = strings.CutPrefix(word, "identifier=")
			if found {
				id = strings.Trim(value, `"`)
			}
		}
		all = append(all, f[2]+" "+id+" "+weight)
	}
	return strings.Join(all, ", ")
}

func TestRamp(t *testing.T) {
	simulate(t)
	group(t, "blue 90", "green 0")
	got := ok(t, "record", "ramp", "example.net", "ramp", "--to", "green", "--start", "40", "--step", "30", "--dry-run")
	same(t, "the plan", got, "green at 40%: weights blue 60, green 40\ngreen at 70%: weights blue 30, green 70\n"+
		"green at 100%: weights blue 0, green 100\ndry run\n")
	same(t, "after a dry run", weights(t), "A blue 90, A green 0, AAAA blue 90, AAAA green 0")
	got = ok(t, "record", "ramp", "example.net", "ramp", "--to", "green", "--start", "40", "--step", "30", "--every",
		"100ms",
		"--comment", "v2 goes live")
	same(t, "the ramp", got, "green at 40%; the next step is in 100ms\ngreen at 70%; the next step is in 100ms\n"+
		"green at 100%\n")
	same(t, "after it", weights(t), "A blue 0, A green 100, AAAA blue 0, AAAA green 100")
	same(t, "once more", ok(t, "record", "ramp", "example.net", "ramp", "--to", "green"), "green at 100%\n")
}

func TestRampKeepsShares(t *testing.T) {
	simulate(t)
	group(t, "a 10", "b 20", "c 0", "new 0")
	got := ok(t, "record", "ramp", "example.net", "ramp", "--to", "new", "--start", "1", "--step", "98", "--dry-run")
	same(t, "the plan", got, "new at 1%: weights a 83, b 165, c 0, new 3\nnew at 99%: weights a 1, b 2, c 0, new 248\n"+
		"new at 100%: weights a 0, b 0, c 0, new 250\ndry run\n")
}

// TestRampOfMany: among many others, of which each keeps some weight, a share is less than what was aimed at; it ends
// all the same.
func TestRampOfMany(t *testing.T) {
	simulate(t)
	members := []string{"new 0"}
	for i := range 20 {
		members = append(members, fmt.Sprintf("old-%d 10", i))
	}
	group(t, members...)
	args := []string{"record", "ramp", "example.net", "ramp", "--to", "new", "--start", "90", "--step", "5", "--every",
		"100ms"}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var out, errs lines
	code := run(ctx, args, &out, &errs)
	if code != exitDone || !strings.HasSuffix(out.String(), "new at 100%\n") ||
		strings.Count(out.String(), "new at") != 3 {
		t.Errorf("code %d, output %q, errors %q", code, out.String(), errs.String())
	}
	if got := weights(t); strings.Count(got, " 250") != 2 || strings.Count(got, " 0") != 40 {
		t.Errorf("weights %s", got)
	}
}

// TestRampGoesBack: the target's health falls between two steps.
func TestRampGoesBack(t *testing.T) {
	sim := simulate(t)
	group(t, "blue 90", "green 0 "+apiCheck)
	down := time.AfterFunc(300*time.Millisecond, func() { _ = sim.SetHealth(apiCheck, false) })
	defer down.Stop()
	code, out, errs := command(t, "record", "ramp", "example.net", "ramp", "--to", "green", "--start", "50",
		"--every", "1m")
	want := "inside53: green went back from 50% to 0%: health check " + apiCheck +
		": 0 of 3 checkers find it healthy (0%)\n"
	if code != exitFailed || errs != want || out != "green at 50%; the next step is in 1m0s\n" {
		t.Errorf("code %d, output %q, errors %q; want %q", code, out, errs, want)
	}
	same(t, "after it", weights(t), "A blue 90, A green 0, AAAA blue 90, AAAA green 0")
	fails(t, exitFailed, "green is not let in: health check "+apiCheck, "record", "ramp", "example.net", "ramp",
		"--to", "green")
	same(t, "after that", weights(t), "A blue 90, A green 0, AAAA blue 90, AAAA green 0")
	err := sim.SetHealth(apiCheck, true)
	if err != nil {
		t.Fatal(err)
	}
	ok(t, "record", "ramp", "example.net", "ramp", "--to", "green", "--start", "100", "--stop-below", "80%")
	same(t, "in the end", weights(t), "A blue 0, A green 100, AAAA blue 0, AAAA green 100")
}

// await waits until the output has a text.
func await(t *testing.T, l *lines, text string) {
	t.Helper()
	eventually(t, text, func() bool { return strings.Contains(l.String(), text) })
}

// TestRampResumes: an interrupted ramp leaves its share, and the same command goes on from it. A
// health that can't be asked for stops it where it is.
func TestRampResumes(t *testing.T) {
	sim := simulate(t)
	group(t, "blue 90", "green 0 "+apiCheck)
	args := []string{"record", "ramp", "example.net", "ramp", "--to", "green", "--start", "10", "--step", "45",
		"--every", "1m"}
	var out, errs lines
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() { ended <- run(ctx, args, &out, &errs) }()
	await(t, &out, "green at 10%; the next step")
	stop()
	if code := <-ended; code != exitFailed {
		t.Errorf("interrupted with code %d", code)
	}
	await(t, &errs, "interrupted with green at 10%; the same command goes on from there")
	same(t, "interrupted", weights(t), "A blue 90, A green 10, AAAA blue 90, AAAA green 10")
	err := sim.AddFaults(awssim.Fault{Operation: "GetHealthCheckStatus", Fault: "access-denied", Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	args[len(args)-1] = "100ms"
	code, stdout, stderr := command(t, args...)
	if code != exitDone || strings.Count(stderr, "waiting at this step") != 1 ||
		stdout != "green at 10%; the next step is in 100ms\ngreen at 55%; the next step is in 100ms\ngreen at 100%\n" {
		t.Errorf("code %d, output %q, errors %q", code, stdout, stderr)
	}
}

// TestRampMeetsOthers: whoever else changes the group is not overwritten.
func TestRampMeetsOthers(t *testing.T) {
	simulate(t)
	group(t, "blue 90", "green 0")
	var out, errs lines
	ended := make(chan int)
	go func() {
		ended <- run(t.Context(), strings.Fields("record ramp example.net ramp --to green --every 2s"), &out, &errs)
	}()
	await(t, &out, "green at 10%")
	ok(t, "record", "change", "example.net", "ramp", "A", "192.0.2.9", "--set-id", "blue")
	if code := <-ended; code != exitFailed {
		t.Errorf("code %d", code)
	}
	await(t, &errs, "somebody else has changed ramp.example.net. meanwhile")
	same(t, "after it", weights(t), "A blue 90, A green 10, AAAA blue 90, AAAA green 10")
}

func TestRampRefused(t *testing.T) {
	simulate(t)
	group(t, "blue 90", "green 0")
	tests := []struct {
		code int
		args string
		want string
	}{
		{exitUsage, "example.net ramp", "--to is missing"},
		{exitUsage, "example.net ramp --to green --start 0", "--start 0 is not from 1 to 100"},
		{exitUsage, "example.net ramp --to green --step 101", "--step 101 is not from 1 to 100"},
		{exitUsage, "example.net ramp --to green --every 1ms", "--every 1ms is less than 100ms"},
		{exitUsage, "example.net ramp --to green --stop-below 120%",
			"write a share from 0 to 1, like 80% or 0.8, or healthy"},
		{exitUsage, "example.net ramp --to green --stop-below healthy", "--stop-below: green has no health check"},
		{exitFailed, "example.net ramp --to red", `ramp.example.net. has no member "red"; there are`},
		{exitFailed, "example.net nothing --to red", "nothing.example.net. has no weighted group"},
		{exitFailed, "example.com app --to primary --public", "app.example.com. A (primary) is failover"},
	}
	for _, test := range tests {
		fails(t, test.code, test.want, strings.Fields("record ramp "+test.args)...)
	}
}

func TestPromote(t *testing.T) {
	simulate(t)
	group(t, "blue 90", "green 10")
	steps := []struct{ args, want string }{
		{"example.net ramp green", "A blue 10, A green 90, AAAA blue 10, AAAA green 90"},
		{"example.net ramp green", "A blue 10, A green 90, AAAA blue 10, AAAA green 90"},
		{"example.net ramp blue --dry-run", "A blue 10, A green 90, AAAA blue 10, AAAA green 90"},
		{"example.net ramp blue", "A blue 90, A green 10, AAAA blue 90, AAAA green 10"},
	}
	for _, s := range steps {
		ok(t, strings.Fields("record promote "+s.args)...)
		same(t, s.args, weights(t), s.want)
	}
	promote := "record promote example.com app secondary --public --comment failover"
	code, _, warned := command(t, strings.Fields(promote)...)
	if code != exitDone || !strings.HasPrefix(warned, "warning: app.example.com. A (secondary) becomes primary and has") {
		t.Errorf("code %d, errors %q", code, warned)
	}
	got := ok(t, strings.Fields("record ls example.com app --public")...)
	same(t, "app", got, `NAME              TTL  TYPE  VALUES         ROUTING
app.example.com.  60   A     203.0.113.30   routing="FAILOVER" failover="SECONDARY" healthCheckId="3c9d2e7b-61f4-4b8a-8e0d-9f1a2b3c4d5e" identifier="primary"
app.example.com.  60   A     198.51.100.30  routing="FAILOVER" failover="PRIMARY" identifier="secondary"
`)
	ok(t, strings.Fields("record add example.net db CNAME one.example.org")...)
	for i, host := range []string{"two", "three"} {
		ok(t,
			strings.Fields(fmt.Sprintf("record add example.net slave-db CNAME %s.example.org --set-id %d --weight 1",
				host, i))...)
	}
	ok(t, strings.Fields("record promote example.net db three.example.org --slaves slave-db")...)
	same(t, "db", records(t, "db.example.net."), "300 CNAME three.example.org.")
	same(t, "slave-db", records(t, "slave-db.example.net."),
		`300 CNAME two.example.org. routing="WEIGHTED" weight=1 identifier="0"
300 CNAME one.example.org. routing="WEIGHTED" weight=1 identifier="1"`)
	same(t, "once more", ok(t, strings.Fields("record promote example.net db three.example.org")...), "nothing to do\n")
	ok(t, strings.Fields("record promote example.net db four.example.org")...)
	same(t, "db", records(t, "db.example.net."), "300 CNAME four.example.org.")
	// A group that the old master is in already has it once.
	ok(t, strings.Fields("record add example.net pg A 192.0.2.1")...)
	ok(t, strings.Fields("record add example.net slave-pg A 192.0.2.1 192.0.2.2 192.0.2.3")...)
	ok(t, strings.Fields("record promote example.net pg 192.0.2.2 --slaves slave-pg")...)
	same(t, "slave-pg", records(t, "slave-pg.example.net."), "300 A 192.0.2.1, 192.0.2.3")
}

func TestPromoteRefused(t *testing.T) {
	sim := simulate(t)
	group(t, "blue 90", "green 10")
	ok(t, strings.Fields("record add example.net db CNAME one.example.org")...)
	ok(t, strings.Fields("record add example.net two A 192.0.2.1 192.0.2.2")...)
	tests := []struct {
		code int
		args string
		want string
	}{
		{exitFailed, "example.net nothing x", "no such record set: nothing.example.net."},
		{exitFailed, "example.net ramp red", `ramp.example.net. has no member "red"; there are blue, green`},
		{exitUsage, "example.net ramp blue --slaves db", "--slaves is for a name with one simple value"},
		{exitUsage, "example.net db a..b", "empty label"},
		{exitFailed, "example.net db two.example.org --slaves ramp", "has no slave with the value two.example.org."},
		{exitFailed, "example.net two 192.0.2.3", "two.example.net. A has 2 values; which is the master is not clear"},
	}
	for _, test := range tests {
		fails(t, test.code, test.want, strings.Fields("record promote "+test.args)...)
	}
	err := sim.AddFaults(awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: "access-denied", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	fails(t, exitFailed, "AccessDenied", strings.Fields("record promote example.net ramp green")...)
	same(t, "after it", weights(t), "A blue 90, A green 10, AAAA blue 90, AAAA green 10")
}

func TestRecordLs(t *testing.T) {
	simulate(t)
	same(t, "one type", ok(t, strings.Fields("record ls example.com @ MX --public")...),
		"NAME          TTL   TYPE  VALUES  ROUTING\n"+
			"example.com.  3600  MX    10 mail.example.com., 20 mx2.example.net.\n")
	if got := ok(t, strings.Fields("record ls example.com --public --json")...); !strings.Contains(got,
		`"Name": "api.example.com."`) {
		t.Errorf("all of the zone: %s", got)
	}
	fails(t, exitFailed, "no such record set: nothing.example.net. A",
		strings.Fields("record ls example.net nothing a")...)
	fails(t, exitUsage, `records of type "B" are not known`, strings.Fields("record ls example.net nothing b")...)
}

// TestComments: each change has its comment where CloudTrail and GetChange show it.
func TestComments(t *testing.T) {
	sim := simulate(t)
	for _, comment := range []string{"", "ticket 4711"} {
		out := ok(t, "record", "add", "example.net", "c"+fmt.Sprint(len(comment)), "A", "192.0.2.1", "--no-wait",
			"--dry-run",
			"--comment", comment)
		if comment != "" && !strings.Contains(out, `"Comment": "ticket 4711"`) {
			t.Errorf("%q: %s", comment, out)
		}
		_, out, _ = command(t, "record", "add", "example.net", "c"+fmt.Sprint(len(comment)), "A", "192.0.2.1",
			"--no-wait",
			"--comment", comment)
		id := changeIDs.FindString(out)
		want := comment
		if comment == "" {
			want = "inside53"
		}
		if got := sim.Comment(id); got != want {
			t.Errorf("change %s has the comment %q, want %q", id, got, want)
		}
	}
	fails(t, exitUsage, "AWS allows 256", "record", "add", "example.net", "c", "A", "192.0.2.1", "--comment",
		strings.Repeat("x", 257))
	fails(t, exitUsage, "a comment is one line", "record", "add", "example.net", "c", "A", "192.0.2.1", "--comment",
		"a\nb")
}
