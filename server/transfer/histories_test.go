package transfer

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// again returns the stage of the next process, which has the state directory and the data.
func (s *stage) again(log *bytes.Buffer) *stage {
	s.Helper()
	var views []string
	for _, v := range s.snap.Views {
		views = append(views, v.Name)
	}
	next := newStage(s.TB, views...)
	next.p.dir, next.p.log = s.p.dir, slog.New(slog.NewTextHandler(log, nil))
	next.p.histories = newHistories(s.p.dir, next.p.log)
	next.p.clean()
	next.show(s.snap)
	return next
}

// state says of each zone of a view its serial and how many differences there are.
func (s *stage) state() string {
	var lines []string
	for _, v := range s.snap.Views {
		for i := range v.Apexes {
			z := s.p.zones[viewApex{v.Name, string(v.Apexes[i].Name)}]
			serial, _ := z.history.Serial()
			deltas, octets := z.history.Journal()
			lines = append(lines, fmt.Sprint(z.id(), " ", serial, " ", deltas, " ", octets))
		}
	}
	return strings.Join(lines, "\n")
}

func sizeOf(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestHistoriesGrowWithChanges: one file has all of them, a change writes what it changed,
// and the next process goes on from there.
func TestHistoriesGrowWithChanges(t *testing.T) {
	snap, called := crowd(t, 4, 50, 3)
	s := newStage(t, called...)
	s.show(snap)
	s.p.save()
	files, err := os.ReadDir(s.p.dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	path := s.p.histories.path
	before := sizeOf(t, path)
	if each := before / (4 * 50); each > 400 {
		t.Errorf("%d octets for each zone of a view", each)
	}
	for i := range 3 {
		s.change(3, edited(t, s.snap.Zones[3].Tree, "h1.z3.example.", byte(i)))
		s.p.save()
	}
	if grown := sizeOf(t, path) - before; grown > 3*4*700 {
		t.Errorf("three changes of a zone of four views are %d octets", grown)
	}
	var log bytes.Buffer
	next := s.again(&log)
	if next.state() != s.state() || log.Len() > 0 {
		t.Errorf("after a restart\n%s\nbefore\n%s\nlog\n%s", next.state(), s.state(), &log)
	}
	size := sizeOf(t, path)
	next.p.save()
	if sizeOf(t, path) != size {
		t.Error("nothing has changed, and something was written")
	}
}

// TestDamagedHistories: what stands before the damage counts, and the file is whole again
// after the next saving.
func TestDamagedHistories(t *testing.T) {
	snap, called := crowd(t, 1, 5, 3)
	s := newStage(t, called...)
	s.show(snap)
	s.p.save()
	whole := sizeOf(t, s.p.histories.path)
	s.change(3, edited(t, s.snap.Zones[3].Tree, "h1.z3.example.", 1))
	s.p.save()
	err := os.Truncate(s.p.histories.path, sizeOf(t, s.p.histories.path)-1)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	next := s.again(&log)
	if !strings.Contains(log.String(), fmt.Sprint("at=", whole)) {
		t.Errorf("the log is\n%s", &log)
	}
	next.p.save()
	log.Reset()
	last := next.again(&log)
	if last.state() != next.state() || log.Len() > 0 {
		t.Errorf("after another restart\n%s\nbefore\n%s\nlog\n%s", last.state(), next.state(), &log)
	}
}

// TestHistoriesAreRewritten: what is of no use goes.
func TestHistoriesAreRewritten(t *testing.T) {
	snap, called := crowd(t, 1, 2, 3)
	s := newStage(t, called...)
	s.policy.Entries[0].Journal = 4096
	s.p.histories.least = 32 << 10
	s.show(snap)
	for i := range 600 {
		s.change(0, edited(t, s.snap.Zones[0].Tree, "h1.z0.example.", byte(i)))
		s.p.save()
		if i%100 == 0 && sizeOf(t, s.p.histories.path) > 32<<10+1024 {
			t.Fatalf("after %d changes of 4 KiB of differences the file has %d octets", i, sizeOf(t, s.p.histories.path))
		}
		if i > 50 && sizeOf(t, s.p.histories.path) < 10_000 {
			return
		}
	}
	t.Error("it was never written anew")
}

// TestOldHistories: what an earlier version has saved, a file a zone, is taken over.
func TestOldHistories(t *testing.T) {
	snap, called := crowd(t, 1, 3, 3)
	s := newStage(t, called...)
	s.show(snap)
	s.change(1, edited(t, s.snap.Zones[1].Tree, "h1.z1.example.", 1))
	err := os.MkdirAll(s.p.dir, 0o700)
	for _, z := range s.p.zones {
		data, marshalErr := z.history.MarshalBinary()
		if err == nil && marshalErr == nil {
			err = os.WriteFile(s.p.file(z), data, 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	next := s.again(&log)
	if next.state() != s.state() {
		t.Errorf("after a restart\n%s\nbefore\n%s", next.state(), s.state())
	}
	next.p.save()
	left, err := filepath.Glob(filepath.Join(s.p.dir, "*"+historySuffix))
	if err != nil || len(left) > 0 {
		t.Errorf("%q are left, %v", left, err)
	}
	last := next.again(&log)
	if last.state() != s.state() || log.Len() > 0 {
		t.Errorf("after another restart\n%s\nbefore\n%s\nlog\n%s", last.state(), s.state(), &log)
	}
}

// TestHistoriesOfGoneZones: one that comes back goes on, one that is gone for long is
// forgotten.
func TestHistoriesOfGoneZones(t *testing.T) {
	snap, called := crowd(t, 1, 3, 3)
	s := newStage(t, called...)
	s.show(snap)
	s.change(1, edited(t, s.snap.Zones[1].Tree, "h1.z1.example.", 1))
	s.p.save()
	all := s.snap
	was := s.state()
	fewer, _ := crowd(t, 1, 1, 3)
	s.show(fewer)
	if len(s.p.zones) != 1 {
		t.Fatalf("%d zones", len(s.p.zones))
	}
	s.p.histories.broken = true // whatever makes it written anew
	s.p.save()
	s.show(all)
	if s.state() != was {
		t.Errorf("back again\n%s\nbefore\n%s", s.state(), was)
	}
	s.show(fewer)
	s.p.sweep(time.Now().Add(keepUnused + time.Hour))
	s.p.save()
	var log bytes.Buffer
	next := s.again(&log)
	if n := len(next.p.histories.unclaimed); n != 0 {
		t.Errorf("%d histories of zones that are gone for long", n)
	}
}
