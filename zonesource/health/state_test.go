package health

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"inside53/zonesource/awssim"
)

// TestRestart keeps a known-bad primary bad, with AWS away, and probes it all the same.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1"), web("b", "10.0.0.2"), checkJSON("alarm", `"Type":"CLOUDWATCH_METRIC"`)))
		w.set("200", "10.0.0.1", "10.0.0.2")
		_, stop := w.start(w.options())
		time.Sleep(time.Minute)
		w.set("503", "10.0.0.1")
		w.setHealth("alarm", false)
		time.Sleep(2 * time.Minute)
		w.want("a- b+ alarm-")
		since := w.live().Checks["a"].Local.Since
		stop()

		w.faults(awssim.Fault{Fault: "500"})
		w.forget()
		time.Sleep(time.Hour)
		_, stop = w.start(w.options())
		if len(w.all()) == 0 {
			t.Fatal("nothing was published at once")
		}
		first := w.all()[0]
		if c := first.Checks["a"]; c.Healthy || !c.Local.Since.Equal(since) || time.Since(c.Local.Seen) < time.Hour ||
			first.Checks["alarm"].Healthy || !first.Checks["b"].Healthy {
			t.Errorf("%+v", first.Checks)
		}
		time.Sleep(5 * time.Minute)
		w.want("a- b+ alarm-")
		w.set("200", "10.0.0.1")
		w.between("a has to succeed as often as ever", w.until("a", true), 20*time.Second, 31*time.Second)
		w.set("503", "10.0.0.2")
		w.until("b", false)
		stop()

		// AWS's word of endpoints counts no longer where it isn't asked any more.
		w.sim.ClearFaults()
		w.setHealth("b", false)
		o := w.options()
		o.Mode = AWS
		_, stop = w.start(o)
		time.Sleep(2 * time.Minute)
		w.want("a+ b- alarm-")
		stop()
		w.faults(awssim.Fault{Fault: "500"})
		o.Mode = Local
		w.forget()
		_, stop = w.start(o)
		if c := w.all()[0].Checks["b"]; !c.Healthy || c.AWS.Known {
			t.Errorf("%+v", c)
		}
		w.want("alarm-")
		stop()

		time.Sleep(25 * time.Hour)
		w.forget()
		_, stop = w.start(o)
		if len(w.all()[0].Checks) != 0 || !strings.Contains(w.log.String(), "too old to count") {
			t.Errorf("a day later: %+v", w.all()[0])
		}
		stop()
	})
}

// TestDamagedState puts a state aside that isn't whole.
func TestDamagedState(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)-1] },
		"changed": func(b []byte) []byte { b[len(b)-10] ^= 1; return b },
		"empty":   func([]byte) []byte { return nil },
		"another": func([]byte) []byte { return []byte("inside53 health 2 x\n{}") },
		"no JSON": func([]byte) []byte {
			return []byte("inside53 health 1 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, listed(web("a", "10.0.0.1")))
			w.setHealth("a", false)
			_, stop := w.start(w.options())
			stop()
			path := filepath.Join(w.state, stateFile)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			err = os.WriteFile(path, damage(text), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			w.forget()
			w.faults(awssim.Fault{Fault: "500"})
			m, err := New(w.options())
			if err != nil {
				t.Fatal(err)
			}
			m.Load()
			m.Load()
			aside, err := filepath.Glob(path + ".unusable-*")
			if len(w.all()) != 1 || len(w.all()[0].Checks) != 0 || err != nil || len(aside) != 1 ||
				!strings.Contains(w.log.String(), "unusable and put aside") {
				t.Errorf("%s: %+v, %v, %s", name, w.all(), aside, w.log)
			}
		})
	}
}

// TestStateNotWritable goes on without.
func TestStateNotWritable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, listed(web("a", "10.0.0.1")))
		path := filepath.Join(w.state, "file")
		err := os.WriteFile(path, nil, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		o := w.options()
		o.StateDir = path
		_, stop := w.start(o)
		time.Sleep(time.Minute)
		w.want("a+")
		stop()
		if !strings.Contains(w.log.String(), "health not saved") {
			t.Errorf("log: %s", w.log)
		}
	})
}
