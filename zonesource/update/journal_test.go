package update

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"inside53/zonesource/changes"
)

// planned is the plan and the batch of one message against nothing.
func planned(t *testing.T, m *Message) (*plan, changes.Batch) {
	t.Helper()
	p := newPlan(apex, owners(nil))
	p.accept(&entry{message: m})
	return p, p.batch()
}

func reopened(t *testing.T, dir string) *journal {
	t.Helper()
	j := openJournal(dir, nil, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		err := j.close()
		if err != nil {
			t.Error(err)
		}
	})
	return j
}

// TestJournalKeeps what isn't over, through a crash and a rewriting.
func TestJournalKeeps(t *testing.T) {
	dir := t.TempDir()
	j := reopened(t, dir)
	var ids []uint64
	for _, line := range []string{"a.example. 60 IN A 192.0.2.1", "b.example. 60 IN TXT \"x\\010\"",
		"c.example. 60 IN A 192.0.2.1", "d.example. 60 IN A 192.0.2.1"} {
		p, b := planned(t, message(t, line))
		id, err := j.intend(t.Context(), "Z1", "data", b, p)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	at := time.Now().UTC()
	j.accepted(ids[1], "C1", at)
	j.dropped(ids[2])
	j.accepted(ids[3], "C2", at)
	j.settled(ids[3])
	file, err := os.OpenFile(filepath.Join(dir, journalName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(`{"intent":5,"sta`) // the process is killed while it writes
	if err != nil {
		t.Fatal(err)
	}
	err = file.Close()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // each reading writes it anew
		again := reopened(t, dir)
		left := again.unfinished()
		if len(left) != 2 || left[0].Intent != ids[0] || left[0].State != stateIntent || left[1].Intent != ids[1] ||
			left[1].State != stateAccepted ||
			left[1].Change != "C1" || !left[1].At.Equal(at) || left[0].Account != "data" ||
			left[0].Made[0].What != "add a.example. 60 A 192.0.2.1" {
			t.Fatalf("left is %+v", left)
		}
		sets := amendedBy(left[1].batch())
		if len(sets) != 1 || string(sets[0].Set.First()) != "\x02x\x0a" || sets[0].Set.TTL() != 60 {
			t.Errorf("amended is %+v", sets)
		}
		if again.next <= ids[3] && again.next <= ids[1] {
			t.Errorf("the next intent is %d", again.next)
		}
	}
}

// TestJournalBroken leaves out of a journal what can't be read, says so, and keeps all of
// it beside.
func TestJournalBroken(t *testing.T) {
	dir := t.TempDir()
	j := reopened(t, dir)
	p, b := planned(t, message(t, "a.example. 60 IN A 192.0.2.1"))
	for range 2 {
		_, err := j.intend(t.Context(), "Z1", "data", b, p)
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, journalName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	one, two, _ := strings.Cut(string(text), "\n")
	broken := one + "\nnonsense\n" + two + "\x00\x00\x00\n" + `{"intent":1,"state":"dro`
	err = os.WriteFile(path, []byte(broken), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for range 2 { // what was put aside stays, and isn't again
		again := openJournal(dir, nil, slog.New(slog.NewTextHandler(&log, nil)))
		defer again.close()
		left := again.unfinished()
		if len(left) != 2 || left[0].Intent != 1 || left[1].Intent != 2 {
			t.Errorf("left is %+v", left)
		}
	}
	aside, err := filepath.Glob(path + ".unusable-*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("put aside are %q, %v", aside, err)
	}
	kept, err := os.ReadFile(aside[0])
	if err != nil || string(kept) != broken {
		t.Errorf("put aside is %q, %v", kept, err)
	}
	for _, want := range []string{"line 2: ", "line 4: ", aside[0]} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, &log)
		}
	}
}

// TestJournalShrinks writes the file anew when it is large.
func TestJournalShrinks(t *testing.T) {
	dir := t.TempDir()
	j := reopened(t, dir)
	text := strings.Repeat("x", 250)
	m := &Message{}
	for range 40 {
		m.Updates = append(m.Updates, record(t, "t.example. 60 IN TXT \""+text+"\""))
		m.Updates[len(m.Updates)-1].Data = append([]byte{byte(len(m.Updates))},
			m.Updates[len(m.Updates)-1].Data[:len(m.Updates)]...)
	}
	p, b := planned(t, m)
	for range rewriteAt / 1000 {
		id, err := j.intend(t.Context(), "Z1", "", b, p)
		if err != nil {
			t.Fatal(err)
		}
		j.accepted(id, "C", time.Now())
		j.settled(id)
	}
	info, err := os.Stat(filepath.Join(dir, journalName))
	if err != nil || info.Size() > rewriteAt || len(j.unfinished()) > 0 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}

// TestRecall reads what has become of intents after a crash. What was made is served
// and in the log, what wasn't is dropped, and nothing is sent.
func TestRecall(t *testing.T) {
	w := newWorld(t, nil)
	w.stop()
	dir := t.TempDir()
	j := openJournal(dir, nil, slog.New(slog.DiscardHandler))
	intend := func(lines ...string) uint64 {
		p, b := planned(t, message(t, lines...))
		id, err := j.intend(t.Context(), netZone, "", b, p)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	intend("pages.example.net. 300 IN A 203.0.113.202")   // is there so
	intend("shop-us.example.net. 300 IN A 198.51.100.99") // is there otherwise
	intend("no.example.net. 300 IN A 198.51.100.99")      // isn't there
	lately := intend("mx2.example.net. 300 IN A 10.0.0.1")
	j.accepted(lately, "C1", time.Now().Add(-time.Minute))
	long := intend("ns2.example.net. 300 IN A 10.0.0.1")
	j.accepted(long, "C2", time.Now().Add(-time.Hour))
	err := j.close()
	if err != nil {
		t.Fatal(err)
	}
	w.begin(dir)
	w.await("all is resolved", func() bool {
		left := w.updater.journal.(*journal).unfinished()
		return len(left) == 2 && left[0].State == stateAccepted
	})
	for name, want := range map[string]int{"pages.example.net.": 1, "shop-us.example.net.": 0, "no.example.net.": 0,
		"mx2.example.net.": 1, "ns2.example.net.": 0} {
		if got := w.serves(name, dns.TypeA); got != want {
			t.Errorf("%s: %d records are served, want %d", name, got, want)
		}
	}
	_, changes := w.calls()
	if changes != 0 {
		t.Errorf("%d batches were sent", changes)
	}
	w.await("what was made is in the log",
		func() bool { return strings.Count(w.log.String(), "update was made before the end") == 1 })
	w.await("and what wasn't",
		func() bool { return strings.Count(w.log.String(), "update was not made before the end") == 2 })
}

// TestUnknown has AWS away after a batch was sent. Its sender is told that it failed,
// and what has become of it is read when AWS is back.
func TestUnknown(t *testing.T) {
	w := newWorld(t, nil)
	ctx := w.client(&lostClient{client: w.updater.client("")})
	got := w.send(message(t, "x.example.net. 60 IN A 10.0.0.1"))
	if len(got) != 1 || !strings.HasPrefix(got[0], "SERVFAIL") {
		t.Errorf("%q", got)
	}
	ctx.back.Store(true)
	w.await("it is found", func() bool { return strings.Contains(w.log.String(), "update was made before the end") })
	if w.serves("x.example.net.", dns.TypeA) != 1 {
		t.Error("it isn't served")
	}
}

// TestJournalFull has the disk full in the middle of a line: what comes when there is
// room again stands in a line of its own.
func TestJournalFull(t *testing.T) {
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var room unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_FSIZE, &room)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	j := reopened(t, dir)
	p, b := planned(t, message(t, "a.example. 60 IN A 192.0.2.1"))
	intend := func() (uint64, error) { return j.intend(t.Context(), "Z1", "data", b, p) }
	// The limit holds for all files of this process, that in which go test notes what was opened among them: the
	// journal has to be the longest.
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("host-%04d.%s.example. 60 IN A 192.0.2.1", i, strings.Repeat("x", 60)))
	}
	longPlan, longBatch := planned(t, message(t, many...))
	before := 0
	for ; j.size < 1<<20; before++ {
		_, err := j.intend(t.Context(), "Z1", "data", longBatch, longPlan)
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := intend()
	if err != nil {
		t.Fatal(err)
	}
	err = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(j.size) + 10, Max: room.Max})
	if err != nil {
		t.Fatal(err)
	}
	_, full := intend()
	j.accepted(first, "C1", time.Now()) // half of that can't be written either
	err = unix.Setrlimit(unix.RLIMIT_FSIZE, &room)
	if err != nil {
		t.Fatal(err)
	}
	if full == nil {
		t.Error("an intent without room on the disk")
	}
	second, err := intend()
	if err != nil {
		t.Fatal(err)
	}
	again := openJournal(dir, nil, slog.New(slog.DiscardHandler))
	defer again.close()
	left := again.unfinished()
	if len(left) != before+2 || left[before].Intent != first || left[before+1].Intent != second {
		t.Errorf("left is %+v", left)
	}
}
