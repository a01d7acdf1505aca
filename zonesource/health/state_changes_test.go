package health

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/resolver/zone"
)

// manyChecks is a monitor of n health checks that are up, and its saver, which has saved all.
func manyChecks(t *testing.T, n int) (*Monitor, *saver) {
	t.Helper()
	w := &world{t: t, log: &journal{}, state: t.TempDir()}
	o := w.options()
	o.Mode, o.Publish = AWS, func(*zone.Live) {}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	m.define("", definitions(n), time.Now())
	for i := range n {
		flipCheck(m, i, true)
	}
	s := &saver{m: m}
	s.save(false)
	return m, s
}

func definitions(n int) map[string]definition {
	found := map[string]definition{}
	for i := range n {
		d := definition{ID: checkID(i), Type: "HTTP", Interval: defaultInterval, Threshold: defaultThreshold,
			endpoint: endpoint{Host: "www.example.com", Port: 80, Path: "/", HTTP: true}}
		found[d.ID] = d
	}
	return found
}

func checkID(i int) string { return fmt.Sprintf("check-%05d", i) }

// flipCheck has AWS say of a check how it is.
func flipCheck(m *Monitor, i int, healthy bool) {
	now := time.Now()
	m.observe([]string{checkID(i)}, []point{{at: now, healthy: healthy, complete: true}}, now)
}

// octets is the size of a file of a directory; -1: there is none.
func octets(t *testing.T, dir, name string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		return -1
	}
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// reloaded is the state that a directory has, laid over.
func reloaded(t *testing.T, m *Monitor) (*state, error) {
	t.Helper()
	st, sum, err := m.store.read()
	if err != nil || st == nil {
		t.Fatal(st, err)
	}
	return st, m.store.readChanges(st, sum)
}

// healthIn is what a state says of a check.
func healthIn(st *state, id string) (healthy, known bool) {
	for _, c := range st.Checks {
		if c.Definition.ID == id {
			return c.AWS.Healthy, c.AWS.Known
		}
	}
	return false, false
}

// TestChangeCost: what is written of a flip, and allocated for it, doesn't grow with what there is.
func TestChangeCost(t *testing.T) {
	written, allocated := map[int]int64{}, map[int]float64{}
	for _, n := range []int{10, 2000} {
		m, s := manyChecks(t, n)
		whole := octets(t, m.store.dir, stateFile)
		flipCheck(m, 3, false)
		s.save(false)
		if octets(t, m.store.dir, stateFile) != whole {
			t.Errorf("%d checks: all was written for one", n)
		}
		written[n] = octets(t, m.store.dir, changesFile)
		up := false
		allocated[n] = testing.AllocsPerRun(5, func() {
			up = !up
			flipCheck(m, 3, up)
			s.save(false)
		})
		s.save(false)
		before := octets(t, m.store.dir, changesFile)
		s.save(false)
		if octets(t, m.store.dir, changesFile) != before {
			t.Errorf("%d checks: nothing has changed, and it was written", n)
		}
	}
	if written[10] <= 0 || written[2000] > written[10]+100 || allocated[2000] > allocated[10]+10 {
		t.Errorf("octets %v, allocations %v", written, allocated)
	}
}

// TestChangesRead: what a crash leaves says what was the case, up to the change that it has cut.
func TestChangesRead(t *testing.T) {
	m, s := manyChecks(t, 100)
	flipCheck(m, 3, false)
	s.save(false)
	m.mu.Lock()
	m.targets["place"] = map[string]zone.Target{"\x03web\x00": {Why: "it is down"}}
	m.mu.Unlock()
	found := definitions(101)
	m.define("", found, time.Now())
	s.save(false)
	flipCheck(m, 4, false)
	s.save(false)
	st, err := reloaded(t, m)
	if err != nil || len(st.Checks) != 101 || st.Targets["place"]["web."].Why != "it is down" {
		t.Errorf("%d checks, %v, %v", len(st.Checks), st.Targets, err)
	}
	for id, want := range map[string]bool{checkID(2): true, checkID(3): false, checkID(4): false} {
		if healthy, known := healthIn(st, id); !known || healthy != want {
			t.Errorf("%s is %t", id, healthy)
		}
	}

	path := filepath.Join(m.store.dir, changesFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for name, damaged := range map[string]string{
		"cut":     string(text[:len(text)-1]),
		"changed": string(text[:len(text)-9]) + "x" + string(text[len(text)-8:]),
		"without": strings.Join([]string{lines[0], lines[1], lines[3]}, ""),
	} {
		err = os.WriteFile(path, []byte(damaged), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		st, err = reloaded(t, m)
		last, _ := healthIn(st, checkID(4))
		first, _ := healthIn(st, checkID(3))
		if err == nil || !last || first {
			t.Errorf("%s: %t %t, %v", name, last, first, err)
		}
	}
	err = os.WriteFile(path, text[:20], 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = reloaded(t, m)
	if err == nil {
		t.Error("one that was cut in its first line is nothing to tell")
	}
	// One that has been cut isn't written on.
	err = os.WriteFile(path, text[:len(text)-1], 0o600)
	if err != nil {
		t.Fatal(err)
	}
	flipCheck(m, 5, false)
	s.save(false)
	st, err = reloaded(t, m)
	if healthy, _ := healthIn(st, checkID(5)); healthy || err != nil || octets(t, m.store.dir, changesFile) != -1 {
		t.Errorf("%t, %v", healthy, err)
	}
}

// TestWholeState: all is written where something is gone, where much has changed, and where the files are others.
func TestWholeState(t *testing.T) {
	for name, change := range map[string]func(m *Monitor){
		"a check is gone": func(m *Monitor) { m.define("", definitions(99), time.Now()) },
		"a place is gone": func(m *Monitor) { m.targets = map[string]map[string]zone.Target{} },
		"a load balancer is gone": func(m *Monitor) {
			m.targets = map[string]map[string]zone.Target{"place": {}}
		},
		"most have changed": func(m *Monitor) {
			for i := range 100 {
				flipCheck(m, i, false)
			}
		},
		"the state file is another": func(m *Monitor) {
			_, err := m.store.write(&state{})
			if err != nil {
				t.Fatal(err)
			}
			flipCheck(m, 4, false)
		},
		"the directory is gone": func(m *Monitor) {
			err := os.RemoveAll(m.store.dir)
			if err != nil {
				t.Fatal(err)
			}
			flipCheck(m, 4, false)
		},
	} {
		m, s := manyChecks(t, 100)
		m.targets["place"] = map[string]zone.Target{"\x03web\x00": {}}
		flipCheck(m, 3, false)
		s.save(false)
		if octets(t, m.store.dir, changesFile) < 0 {
			t.Fatalf("%s: no change was written", name)
		}
		change(m)
		s.save(false)
		st, err := reloaded(t, m)
		if err != nil || octets(t, m.store.dir, changesFile) != -1 || len(st.Checks) != len(m.checks) {
			t.Errorf("%s: %d checks, %v", name, len(st.Checks), err)
		}
	}
}

// TestCrash keeps a known-bad primary bad by a change alone.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("b", "10.0.0.2")))
		o := w.options()
		o.Mode, o.Refresh = AWS, 10*time.Second
		_, stop := w.start(o)
		time.Sleep(90 * time.Second)
		w.setHealth("b", false)
		w.until("b", false)
		time.Sleep(2 * savePause)
		left := t.TempDir() // what there would be after a crash
		err := os.CopyFS(left, os.DirFS(w.state))
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if octets(t, left, changesFile) < 0 || octets(t, w.state, changesFile) >= 0 {
			t.Error("the change was not written alone, or is there after a stop")
		}
		o.StateDir = left
		w.forget()
		m, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		m.Load()
		w.want("a+ b-")
	})
}

// TestSameListing: a listing that says what is known is nothing to publish at once.
func TestSameListing(t *testing.T) {
	m, _ := manyChecks(t, 10)
	urgent := func(found map[string]definition) bool {
		select {
		case <-m.wake:
		default:
		}
		m.define("", found, time.Now())
		return len(m.wake) > 0
	}
	other := definitions(10)
	d := other[checkID(1)]
	d.Children = []string{checkID(2)}
	other[checkID(1)] = d
	if urgent(definitions(10)) || !m.isDirty() || !urgent(other) || urgent(other) || !urgent(definitions(9)) {
		t.Error("what is urgent isn't what is another")
	}
}
