package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"inside53/examples"
	"inside53/zonesource/awssim"

	"github.com/miekg/dns"
)

// stateConfig serves a hosted zone that takes updates.
const stateConfig = `
listen: {dns: ["127.0.0.1:0"]}
admin: 127.0.0.1:0
state_dir: STATE
drain: 0s
route53: {refresh: 500ms, requests_per_second: 1000, zones: [example.net.]}
views: [{name: all, clients: [127.0.0.0/8]}]
keys: [{name: ops, secret: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=}]
updates: [{zone: example.net., visibility: public, keys: [ops]}]
`

// known is a name of the zone, and its address.
const known, knownAddress = "mx2.example.net.", "198.51.100.25"

// stateHost is a host on which something is wrong with the state directory.
type stateHost struct {
	sim    *awssim.Sim
	url    string // of AWS
	config string
	dir    string // of the state
}

func newStateHost(t *testing.T) *stateHost {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Data: examples.Demo(), Reads: awssim.Unlimited(), Changes: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(sim)
	t.Cleanup(web.Close)
	h := &stateHost{sim: sim, url: web.URL, dir: filepath.Join(t.TempDir(), "state")}
	h.config = write(t, strings.ReplaceAll(stateConfig, "STATE", h.dir))
	return h
}

// script writes a program that does what the lines say and then becomes ours.
func (h *stateHost) script(t *testing.T, endpoint, lines string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "script")
	text := fmt.Sprintf("#!/bin/sh\nset -e\nSTATE='%s'\n%s\nAWS_ENDPOINT_URL=%s exec '%s' \"$@\"\n", h.dir, lines,
		endpoint, self)
	err = os.WriteFile(path, []byte(text), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// stateServer is the program on such a host.
type stateServer struct {
	*process
	dns, admin string
	faults     int // seen
}

// start runs the program, with AWS at an address.
func (h *stateHost) start(t *testing.T, endpoint string) *stateServer {
	t.Helper()
	return begun(t, spawnOf(t, h.script(t, endpoint, ""), "serve", "--config", h.config))
}

func begun(t *testing.T, p *process) *stateServer {
	t.Helper()
	ready := p.ready(t)
	return &stateServer{process: p, dns: ready["dns"], admin: ready["admin"]}
}

// saved makes a state directory as a server leaves it that had its data.
func (h *stateHost) saved(t *testing.T) {
	t.Helper()
	s := h.start(t, h.url)
	eventually(t, "it is ready", func() bool { return s.readiness(t).Ready })
	s.stop(t)
	if parts, _ := filepath.Glob(h.dir + "/parts/*.part"); len(parts) < 2 {
		t.Fatalf("saved is %v", parts)
	}
}

func (s *stateServer) stop(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	if code := s.wait(t); code != exitDone {
		t.Errorf("it ended with %d: %s", code, s.stderr)
	}
}

func (s *stateServer) get(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type stateReadiness struct {
	Ready    bool
	Degraded []string
}

func (s *stateServer) readiness(t *testing.T) (r stateReadiness) {
	t.Helper()
	err := json.Unmarshal([]byte(s.get(t, "/readyz")), &r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// update adds a record and returns the code of the answer and its extended error.
func (s *stateServer) update(t *testing.T, name string) (string, string) {
	t.Helper()
	record, err := dns.NewRR(name + " 60 IN A 192.0.2.99")
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetUpdate("example.net.")
	m.Insert([]dns.RR{record})
	m.SetEdns0(1232, false)
	m.SetTsig("ops.", dns.HmacSHA256, 300, time.Now().Unix())
	client := dns.Client{Timeout: 10 * time.Second, Net: "tcp",
		TsigSecret: map[string]string{"ops.": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}
	reply, _, err := client.ExchangeContext(t.Context(), m, s.dns)
	if err != nil {
		t.Fatal(err)
	}
	var why []string
	if opt := reply.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				why = append(why, e.ExtraText)
			}
		}
	}
	return dns.RcodeToString[reply.Rcode], strings.Join(why, " ")
}

// checkFault holds a server to all that it says while its state directory can't be written:
// words are those of degraded, text is the reason.
func (s *stateServer) checkFault(t *testing.T, text string, words ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("/readyz is ready and says %v", words), func() bool {
		r := s.readiness(t)
		return r.Ready && slices.Equal(r.Degraded, words)
	})
	if got := ask(t, s.dns, known); got != knownAddress {
		t.Errorf("%s has the address %q", known, got)
	}
	if report := s.get(t, "/report"); !strings.Contains(report, "state directory") || !strings.Contains(report, text) {
		t.Errorf("/report says no %q: %s", text, report)
	}
	if !strings.Contains(s.get(t, "/metrics"), "\ninside53_state_writable 0\n") {
		t.Error("the metric says that it can be written")
	}
	tries := 0
	eventually(t, "an update is refused", func() bool {
		tries++
		code, why := s.update(t, fmt.Sprintf("refused-%d-%d.example.net.", s.faults, tries))
		return code == "SERVFAIL" && strings.Contains(why, "journal")
	})
	s.faults++
}

// checkHealed waits until all works that has to do with the state directory.
func (s *stateServer) checkHealed(t *testing.T) {
	t.Helper()
	eventually(t, "it heals", func() bool {
		r := s.readiness(t)
		return r.Ready && len(r.Degraded) == 0
	})
	if !strings.Contains(s.get(t, "/metrics"), "\ninside53_state_writable 1\n") {
		t.Error("the metric says that it can't be written")
	}
	if report := s.get(t, "/report"); strings.Contains(report, "state directory") {
		t.Errorf("/report is %s", report)
	}
	eventually(t, "an update is made", func() bool {
		code, _ := s.update(t, "made.example.net.")
		return code == "NOERROR"
	})
	if got := ask(t, s.dns, "made.example.net."); got != "192.0.2.99" {
		t.Errorf("what was made has the address %q", got)
	}
	if !strings.Contains(s.get(t, "/metrics"), "\ninside53_state_saved_seconds ") {
		t.Error("no metric says when something was saved")
	}
}

// checkState starts the program with what is saved, and AWS away.
func (h *stateHost) checkState(t *testing.T) {
	t.Helper()
	s := h.start(t, "http://127.0.0.1:1")
	eventually(t, "what was saved is served", func() bool { return ask(t, s.dns, known) == knownAddress })
	s.stop(t)
}

// unfinished is the line of an update that was on its way when an earlier process ended.
const unfinished = `{"intent":1,"state":"intent","at":"2026-01-01T00:00:00Z","zone":"Z0731658FW9JB6C8QTRG",` +
	`"changes":[{"action":"CREATE","name":"mx2.example.net.","type":"A","ttl":3600,"values":["198.51.100.25"]}],` +
	`"made":[{"key":"ops.","client":"127.0.0.1","what":"add mx2"}]}` + "\n"

// fill leaves no room on a small file system.
const fill = `for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero > "$STATE/filler$i" 2>/dev/null || :; done`

// TestStateFull starts with a full disk and an update in the journal that isn't finished.
func TestStateFull(t *testing.T) {
	h := newStateHost(t)
	h.saved(t)
	journal := filepath.Join(h.dir, "updates.journal")
	replace(t, journal, unfinished)
	s := h.mounted(t, h.url, `cp -a "$STATE" "$STATE.copy"
mount -t tmpfs -o size=512k none "$STATE"
cp -a "$STATE.copy/." "$STATE"
`+fill)
	s.checkFault(t, "no space left on device", "state_dir", "disk")
	h.within(t, s, `rm "$STATE"/filler*`)
	s.checkHealed(t)
	h.within(t, s, fill)
	s.checkFault(t, "no space left on device", "state_dir", "disk")
	h.within(t, s, `rm "$STATE"/filler*`)
	s.checkHealed(t)
	s.stop(t)
	if n := strings.Count(s.stderr.String(), "update was made before the end of an earlier process"); n != 1 {
		t.Errorf("the update of before was found %d times: %s", n, s.stderr)
	}
}

// TestStateReadOnly starts with a file system that can only be read.
func TestStateReadOnly(t *testing.T) {
	h := newStateHost(t)
	h.saved(t)
	s := h.mounted(t, h.url, `mount --bind "$STATE" "$STATE"
mount -o remount,bind,ro "$STATE"`)
	s.checkFault(t, "read-only file system", "state_dir")
	h.within(t, s, `mount -o remount,bind,rw "$STATE"`)
	s.checkHealed(t)
	// Over what is open, and as soon as nobody is in the middle of a write.
	h.within(t, s, `mount --bind "$STATE" "$STATE"
for try in 1 2 3 4 5 6 7 8 9; do mount -o remount,bind,ro "$STATE" 2>/dev/null && exit; sleep 0.1; done
mount -o remount,bind,ro "$STATE"`)
	eventually(t, "it is noticed", func() bool { return slices.Equal(s.readiness(t).Degraded, []string{"state_dir"}) })
	h.within(t, s, `umount "$STATE"`)
	s.checkHealed(t)
	s.stop(t)
}

// TestStateReadOnlyAway starts so with AWS away, too: what can be read is served.
func TestStateReadOnlyAway(t *testing.T) {
	h := newStateHost(t)
	h.saved(t)
	s := h.mounted(t, "http://127.0.0.1:1", `mount --bind "$STATE" "$STATE"
mount -o remount,bind,ro "$STATE"`)
	s.checkFault(t, "read-only file system", "state_dir")
	s.stop(t)
}

// TestStateLocked starts beside a server that has the state directory, and goes on with it
// after that one's end, however it ends.
func TestStateLocked(t *testing.T) {
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		h := newStateHost(t)
		first := h.start(t, h.url)
		eventually(t, "it is ready", func() bool { return first.readiness(t).Ready })
		second := h.start(t, h.url)
		second.checkFault(t, "another process uses it", "state_dir")
		if got := first.readiness(t).Degraded; len(got) != 0 {
			t.Errorf("the first one is degraded: %v", got)
		}
		first.signal(t, end)
		first.wait(t)
		second.checkHealed(t)
		second.stop(t)
		h.checkState(t)
	}
}

// TestStateOfTheDead starts at once after a server was killed.
func TestStateOfTheDead(t *testing.T) {
	h := newStateHost(t)
	first := h.start(t, h.url)
	eventually(t, "it is ready", func() bool { return first.readiness(t).Ready })
	first.signal(t, syscall.SIGKILL)
	first.wait(t)
	second := h.start(t, h.url)
	second.checkHealed(t)
	second.stop(t)
	if strings.Contains(second.stderr.String(), "another process") {
		t.Errorf("it waited for the dead: %s", second.stderr)
	}
}

// TestStateIsNoDirectory starts with a file where the directory should be, and with a place
// where nobody may make one.
func TestStateIsNoDirectory(t *testing.T) {
	h := newStateHost(t)
	replace(t, h.dir, "a file")
	s := h.start(t, h.url)
	s.checkFault(t, "not a directory", "state_dir")
	err := os.Remove(h.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.checkHealed(t)
	s.stop(t)
	h.checkState(t)

	h = newStateHost(t)
	h.config = write(t, strings.ReplaceAll(stateConfig, "STATE", "/proc/self/state"))
	s = h.start(t, h.url)
	s.checkFault(t, "/proc/self/state", "state_dir")
	s.stop(t)
}

// TestStateDeleted deletes the state directory of a running server, and what is in it.
func TestStateDeleted(t *testing.T) {
	h := newStateHost(t)
	s := h.start(t, h.url)
	s.checkHealed(t)
	removeBusy(t, h.dir)
	if code, why := s.update(t, "later.example.net."); code != "NOERROR" {
		t.Errorf("an update gets %s, %q", code, why)
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "updates.journal"))
	if err != nil || !strings.Contains(string(text), "later.example.net.") {
		t.Errorf("the journal has %q, %v", text, err)
	}
	written := func() bool {
		parts, _ := filepath.Glob(h.dir + "/parts/*.part")
		return len(parts) >= 2
	}
	eventually(t, "all is written again", written)
	removeBusy(t, filepath.Join(h.dir, "parts"))
	eventually(t, "the parts are written again", written)
	s.checkHealed(t)
	s.signal(t, syscall.SIGKILL)
	s.wait(t)
	h.checkState(t)
}

// TestStatePartDeleted deletes the file of one part, while the program runs and before it starts.
func TestStatePartDeleted(t *testing.T) {
	h := newStateHost(t)
	h.saved(t)
	parts, err := filepath.Glob(h.dir + "/parts/*zone*.part")
	if err != nil || len(parts) == 0 {
		t.Fatalf("saved is %v, %v", parts, err)
	}
	remove := func() {
		err := os.Remove(parts[0])
		if err != nil {
			t.Fatal(err)
		}
	}
	isBack := func() bool {
		_, err := os.Stat(parts[0])
		return err == nil
	}
	remove()
	s := h.start(t, h.url)
	s.checkHealed(t)
	eventually(t, "what was deleted before is written again", isBack)
	for range 2 { // also when there are no changes any more that have to be written
		remove()
		eventually(t, "what was deleted meanwhile is written again", isBack)
	}
	s.signal(t, syscall.SIGKILL)
	s.wait(t)
	h.checkState(t)
}

// removeBusy removes a directory into which somebody may write a file meanwhile.
func removeBusy(t *testing.T, dir string) {
	t.Helper()
	err := os.RemoveAll(dir)
	for range 20 {
		if err == nil {
			return
		}
		err = os.RemoveAll(dir)
	}
	t.Fatal(err)
}

// TestStateJournalDamaged starts with a journal of which lines are damaged.
func TestStateJournalDamaged(t *testing.T) {
	h := newStateHost(t)
	h.saved(t)
	replace(t, filepath.Join(h.dir, "updates.journal"), "\x00\xff nonsense\n"+unfinished+`{"intent":2,"sta`)
	s := h.start(t, h.url)
	s.checkHealed(t)
	eventually(t, "the whole line is found out about", func() bool {
		text, err := os.ReadFile(filepath.Join(h.dir, "updates.journal"))
		return err == nil && strings.Contains(string(text), `"accepted"`)
	})
	s.stop(t)
	aside, err := filepath.Glob(h.dir + "/updates.journal.unusable-*")
	if err != nil || len(aside) != 1 {
		t.Errorf("put aside are %v, %v", aside, err)
	}
}

// TestStateBadZoneFile starts with a zone file that can't be read beside one that can.
func TestStateBadZoneFile(t *testing.T) {
	config := write(t, strings.ReplaceAll(fileConfig, "DRAIN", "0s"))
	replace(t, config, strings.ReplaceAll(strings.ReplaceAll(fileConfig, "DRAIN", "0s"), "file: lab.zone }",
		"file: lab.zone }, { origin: bad.example, file: bad.zone }, { origin: none.example, file: none.zone }"))
	file := func(name string) string { return filepath.Join(filepath.Dir(config), name) }
	replace(t, file("lab.zone"), labFile("10.0.0.1"))
	replace(t, file("bad.zone"), labFile("10.0.0"))
	s := begun(t, spawn(t, "serve", "--config", config))
	eventually(t, "it is ready without them", func() bool {
		r := s.readiness(t)
		return r.Ready && slices.Equal(r.Degraded, []string{"zones"})
	})
	if got := ask(t, s.dns, "ns.lab.example."); got != "10.0.0.1" {
		t.Errorf("the good one has the address %q", got)
	}
	for _, name := range []string{"ns.bad.example.", "ns.none.example."} {
		reply, _, err := new(dns.Client).ExchangeContext(t.Context(), new(dns.Msg).SetQuestion(name, dns.TypeA), s.dns)
		if err != nil || reply.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: %v, %v", name, reply, err)
		}
	}
	if report := s.get(t, "/report"); !strings.Contains(report, "bad.example.") || !strings.Contains(report, "SERVFAIL") {
		t.Errorf("/report is %s", report)
	}
	replace(t, file("bad.zone"), labFile("10.0.0.2"))
	replace(t, file("none.zone"), labFile("10.0.0.3"))
	eventually(t, "they are mended", func() bool {
		r := s.readiness(t)
		return r.Ready && len(r.Degraded) == 0 && ask(t, s.dns, "ns.bad.example.") == "10.0.0.2" &&
			ask(t, s.dns, "ns.none.example.") == "10.0.0.3"
	})
	s.stop(t)
}
