package ledger

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inside53/zonesource/awssim"
)

// TestRetainFailpoints ends the packing of the past and its removal at each call of the store, before it and when it
// is made: what is kept is whole at once, and the next time leaves nothing that nothing names.
func TestRetainFailpoints(t *testing.T) {
	for _, made := range []bool{false, true} {
		for at := 1; ; at++ {
			m := newMemory()
			l := mustLedger(t, m)
			w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
			v, now := years(t, l, w, 12, 12*time.Hour)
			calls := 0
			m.fault = func(string, string) (bool, error) {
				calls++
				if calls < at {
					return true, nil
				}
				return made && calls == at, errInjected // and nothing more: the process is dead
			}
			keep := Retention{Keep: 48 * time.Hour, Now: now}
			house := func() error {
				err := l.Pack(t.Context(), v, now)
				if err != nil {
					return err
				}
				_, err = l.Retain(t.Context(), v, keep)
				return err
			}
			err := house()
			m.fault = nil
			what := fmt.Sprintf("ended at call %d, made %t", at, made)
			if err != nil && !errors.Is(err, errInjected) {
				t.Fatalf("%s: %v", what, err)
			}
			for _, fault := range l.Check(t.Context(), v) {
				t.Errorf("%s: %v", what, fault)
			}
			again := house()
			if again != nil {
				t.Fatalf("%s: then %v", what, again)
			}
			if n := len(history(t, l, v)); n < 4 {
				t.Errorf("%s: then the past has %d versions", what, n)
			}
			if commits, lists := countOf(m, commitPath), countOf(m, listPath); commits != 4 || lists != 4 {
				t.Errorf("%s: then %d commits and %d lists are left", what, commits, lists)
			}
			if err == nil {
				if at < 20 {
					t.Errorf("it has %d calls alone", at)
				}
				break
			}
		}
	}
}

// TestS3Clock has the clock of the store be ahead of ours: an object is as old as the store says.
func TestS3Clock(t *testing.T) {
	sim, _ := newBucket(t)
	ahead := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(3*time.Hour).UTC().Format(http.TimeFormat))
		sim.ServeHTTP(w, r)
	}
	server := httptest.NewServer(http.HandlerFunc(ahead))
	t.Cleanup(server.Close)
	s := NewS3(newClient(server.URL, "AKIA", "secret"), "bucket", "")
	_, err := s.Put(t.Context(), "page/x", []byte("x"), "")
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range s.List(t.Context(), "page/", "") {
		if err != nil || e.Age < 179*time.Minute || e.Age > 181*time.Minute {
			t.Errorf("by the store's clock it is %v old, %v", e.Age, err)
		}
	}
}

// TestS3Once asks once for what may be replaced, and again for what may not.
func TestS3Once(t *testing.T) {
	sim, client := newBucket(t)
	for name, want := range map[string]int{"head": 1, "lease": 1, "member/m1": 1, nameOf(pagePath, []byte("x")): 3} {
		for _, call := range []string{"PutObject", "GetObject"} {
			sim.ClearFaults()
			err := sim.AddFaults(awssim.Fault{Operation: call, Fault: "500", Count: 10})
			if err != nil {
				t.Fatal(err)
			}
			before := sim.Calls()[call]
			s := NewS3(client, "bucket", "")
			if strings.HasPrefix(call, "Put") {
				_, err = s.Put(t.Context(), name, []byte("x"), "")
			} else {
				_, _, err = s.Get(t.Context(), name, "", 10)
			}
			if n := sim.Calls()[call] - before; err == nil || int(n) != want {
				t.Errorf("%s of %s is asked for %d times, not %d: %v", call, name, n, want, err)
			}
		}
	}
}

// TestRemovedNameComesBack commits what a list and a page held before while their removal is on its way: they have
// other names.
func TestRemovedNameComesBack(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	value := func(value string) Draft {
		d := draft("p", "a", value)
		at = at.Add(time.Hour)
		d.At = at
		return d
	}
	mustCommit(t, w, value("first"))
	mustCommit(t, w, value("second"))
	v := mustCommit(t, w, value("third"))
	var late []string
	m.fault = func(call, name string) (bool, error) {
		if call == "delete" {
			late = append(late, name)
		}
		return call != "delete", nil
	}
	_, err := l.Retain(t.Context(), v, Retention{Keep: time.Nanosecond, Now: at.Add(time.Hour)})
	m.fault = nil
	if err != nil || len(late) < 4 {
		t.Fatalf("%q are removed, %v", late, err)
	}
	v = mustCommit(t, w, value("first"))
	for _, name := range late {
		err = m.Delete(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
	}
	if faults := l.Check(t.Context(), v); len(faults) > 0 {
		t.Error(faults)
	}
}

// TestSwapped gives a list the octets of another list of the part.
func TestSwapped(t *testing.T) {
	m := newMemory()
	l := mustLedger(t, m)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	old := mustCommit(t, w, draft("p", "a", "1"))
	v := mustCommit(t, w, draft("p", "a", "2"))
	m.objects[v.Parts["p"].List] = m.objects[old.Parts["p"].List]
	if len(l.Check(t.Context(), v)) == 0 {
		t.Error("what has another hash than its name says is read")
	}
}
