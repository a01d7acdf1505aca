package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"inside53/server/admin"

	"github.com/miekg/dns"
)

// demoMember is a line of what a demo of a fleet prints.
type demoMember struct {
	name, dns, admin string
	pid              int
}

// memberOf reads such a line.
func memberOf(line string) (m demoMember, ok bool) {
	words := regexp.MustCompile(`^(dns-\d) dns=(\S+) admin=(\S+) process=(\d+)$`).FindStringSubmatch(line)
	if words == nil {
		return demoMember{}, false
	}
	pid, err := strconv.Atoi(words[4])
	return demoMember{words[1], words[2], words[3], pid}, err == nil
}

// fleetTour reads what a demo of a fleet prints: its servers, and the commands with their answers.
func fleetTour(t *testing.T, r *running) (servers []demoMember, commands []string, answers map[string][]string) {
	t.Helper()
	answers = map[string][]string{}
	for {
		line := r.line(t)
		m, isMember := memberOf(line)
		answer, indented := strings.CutPrefix(line, "  ")
		switch {
		case isMember:
			servers = append(servers, m)
		case indented:
			last := commands[len(commands)-1]
			answers[last] = append(answers[last], answer)
		case strings.HasPrefix(line, "The configurations are "):
			return servers, commands, answers
		case line != "" && !strings.HasPrefix(line, "#"):
			commands = append(commands, line)
		}
	}
}

// inAMinute waits until ok: processes start on a busy machine.
func inAMinute(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// leads returns which server leads, as the server at an admin address has it, and how many there are.
func leads(t *testing.T, at string) (leader string, members int) {
	t.Helper()
	code, stdout, _ := command(t, "fleet", "--json", "--admin", at)
	var state admin.FleetState
	if code != exitDone || json.Unmarshal([]byte(stdout), &state) != nil {
		return "", 0
	}
	return state.Leader, len(state.Members)
}

// TestDemoFleet does what the demo of a fleet says can be done: it changes a record and sees it on all servers, ends
// who leads, and updates at one that doesn't.
func TestDemoFleet(t *testing.T) {
	poison(t)
	t.Setenv(asProgram, "1") // its servers are this binary
	t.Setenv("TMPDIR", t.TempDir())
	r := begin(t, "demo", "--fleet", "3", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	servers, commands, answers := fleetTour(t, r)
	if len(servers) != 3 || len(answers) != 6 {
		t.Fatalf("%d servers, %d commands with answers: %q", len(servers), len(answers), commands)
	}
	i := slices.IndexFunc(commands, func(c string) bool { return strings.Contains(c, " record add ") })
	_, words, _ := strings.Cut(commands[i], " record add ")
	ok(t, append([]string{"record", "add"}, strings.Fields(words)...)...)
	seen := func(name string) {
		t.Helper()
		for text, want := range answers {
			if strings.Contains(text, name) {
				inAMinute(t, text, func() bool { return addressOf(t, text) == want[0] })
			}
		}
	}
	seen("fleet.example.net")
	var leader string
	inAMinute(t, "all know each other", func() bool {
		var n int
		leader, n = leads(t, servers[0].admin)
		return leader != "" && n == 3
	})

	i = slices.IndexFunc(servers, func(s demoMember) bool { return s.name == leader })
	others := slices.Delete(slices.Clone(servers), i, i+1)
	err := syscall.Kill(servers[i].pid, syscall.SIGTERM)
	if err != nil {
		t.Fatal(err)
	}
	for line := r.line(t); !strings.HasPrefix(line, leader+" has ended"); {
		line = r.line(t)
	}
	second := ""
	inAMinute(t, "another one leads", func() bool {
		second, _ = leads(t, others[0].admin)
		return second != "" && second != leader
	})
	if second == others[0].name {
		slices.Reverse(others)
	}
	update := new(dns.Msg).SetUpdate("example.net.")
	rr, err := dns.NewRR("host.try.example.net. 5 IN A 192.0.2.54")
	if err != nil {
		t.Fatal(err)
	}
	update.Insert([]dns.RR{rr})
	update.SetTsig("demo.", dns.HmacSHA256, 300, time.Now().Unix())
	client := &dns.Client{Net: "tcp", TsigSecret: map[string]string{"demo.": demoKey}, Timeout: time.Minute}
	reply, _, err := client.ExchangeContext(context.WithoutCancel(t.Context()), update, others[0].dns)
	if err != nil || reply.Rcode != dns.RcodeSuccess {
		t.Fatalf("the update: %v, %v", reply, err)
	}
	// The one that was ended comes back, perhaps at another port, and has it, too.
	again, isMember := memberOf(r.line(t))
	if !isMember || again.name != leader {
		t.Errorf("after %s has ended %+v comes", leader, again)
	}
	for text, want := range answers {
		if strings.Contains(text, "host.try.example.net") {
			text = strings.Replace(text, portOf(servers[i].dns), portOf(again.dns), 1)
			inAMinute(t, text, func() bool { return addressOf(t, text) == want[0] })
		}
	}
	history := ok(t, "history", "host.try.example.net", "--admin", others[0].admin)
	if !strings.Contains(history, "192.0.2.54") {
		t.Errorf("the history is\n%s", history)
	}
	if code := r.end(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, r.errs)
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// portOf is the port in an address, as dig's option has it.
func portOf(addr string) string { return "-p " + addr[strings.LastIndexByte(addr, ':')+1:] + " " }

// addressOf is what a printed dig command prints, "" where there is no such name yet.
func addressOf(t *testing.T, command string) string {
	t.Helper()
	words := strings.Fields(command)
	return ask(t, strings.TrimPrefix(words[1], "@")+":"+words[3], dns.Fqdn(words[len(words)-1]))
}

// TestDemoData serves the data of a directory.
func TestDemoData(t *testing.T) {
	poison(t)
	dir := filepath.Join("..", "..", "examples", "demo")
	r := begin(t, "demo", "--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	ready := fields(t, r.line(t))
	for line := r.line(t); !strings.HasPrefix(line, "The configuration is "); {
		line = r.line(t)
	}
	for name, want := range map[string]string{"bastion.example.com.": "10.0.1.10", "web.internal.": "10.0.1.21"} {
		inAMinute(t, name, func() bool { return strings.HasPrefix(ask(t, ready["dns"], name), want) })
	}
	if code := r.end(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, r.errs)
	}
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"demo", "--data", t.TempDir()}, exitFailed, "inside53 export json --dir"},
		{[]string{"demo", "--fleet", "10"}, exitUsage, "--fleet 10: from 1 to 9 servers"},
		{[]string{"demo", "--fleet", "2", "--data", dir}, exitUsage, "fleet data"},
	} {
		code, _, stderr := command(t, tt.args...)
		if code != tt.code || !strings.Contains(stderr, tt.says) {
			t.Errorf("%v ends with %d: %s", tt.args, code, stderr)
		}
	}
}
