package fleet

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/ledger"
	"inside53/zonesource/recorder"
	"inside53/zonesource/statedir"
)

// TestCrashAmongMany has a process be killed while it adopts hundreds of parts, and the next one while it adopts some
// of them: a start isn't one of hundreds of compilations, nothing stays left out, and nothing stays noted, also of what
// is no more.
func TestCrashAmongMany(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		const zones = 3 * suspectGroups
		w.every.Store(int64(24 * time.Hour))
		clear(w.aws)
		for i := range zones {
			w.aws[fmt.Sprintf("z%d.example.", i)] = map[string]string{"www": "10.0.0.1"}
		}
		m1 := w.join("m1")
		w.await(time.Minute, "all are served", func() bool { return len(m1.keeper.Hosted()) == zones })
		adopting := map[string]string{"route53/zone/ZGONE": "a list"}
		for text, ref := range followed(t, w).Parts {
			if recorder.IsKept(text) && ref.List != "" {
				adopting[text] = ref.List
			}
		}
		path := filepath.Join(t.TempDir(), "state")
		file := filepath.Join(path, adoptingName)
		note, err := json.Marshal(noted{Adopting: adopting})
		if err != nil {
			t.Fatal(err)
		}
		start := func() (n *node, groups *[]int) {
			state := statedir.Open(path, slog.New(slog.DiscardHandler))
			t.Cleanup(func() { _ = state.Close() })
			err := state.Hold()
			if err != nil {
				t.Fatal(err)
			}
			err = os.WriteFile(file, note, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			n, groups = w.make("m2"), new([]int)
			n.member.crashes.state = state
			n.watch(func(parts []zonesource.Adopted) []zonesource.Adopted {
				if len(*groups) == suspectGroups/2 {
					note, _ = os.ReadFile(file) // here it is killed
				}
				*groups = append(*groups, len(parts))
				return parts
			})
			n.start()
			return n, groups
		}
		n, groups := start()
		w.await(time.Minute, "all are served", func() bool { return len(n.keeper.Hosted()) == zones })
		if len(*groups) > suspectGroups+1 || slices.Max(*groups) > (zones+suspectGroups)/suspectGroups+1 {
			t.Errorf("after one crash adopted in groups of %v", *groups)
		}
		_ = n.end()
		_ = n.member.crashes.state.Close()
		n, _ = start()
		w.await(time.Minute, "some are left out", func() bool { return len(n.member.Standing().Failed) > 0 })
		out := slices.Sorted(maps.Keys(n.member.Standing().Failed))
		if len(out) > 4 || len(n.keeper.Hosted()) < zones-len(out) {
			t.Errorf("left out after two crashes: %v; served: %d", out, len(n.keeper.Hosted()))
		}
		w.await(3*time.Minute, "they are written anew", func() bool { return len(n.member.Standing().Failed) == 0 })
		_, err = os.Stat(file)
		if err == nil || len(n.keeper.Hosted()) != zones {
			t.Errorf("%d are served; noted: %v", len(n.keeper.Hosted()), err)
		}
	})
}

// followed is the newest version of the store.
func followed(t *testing.T, w *world) *ledger.Version {
	t.Helper()
	l, err := ledger.New(ledger.Options{Store: &side{memory: w.store}, Fleet: "s3://b/p", Secrets: w.keys})
	if err != nil {
		t.Fatal(err)
	}
	v, err := l.Follow(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestLeftOutAlone has a server without others leave a part out after two crashes: it leads, lists the part anew, and
// serves it.
func TestLeftOutAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		first := w.join("m1")
		w.all(20*time.Second, "b.example.", "www", "10.0.0.2")
		_ = first.end()
		path := filepath.Join(t.TempDir(), "state")
		state := statedir.Open(path, slog.New(slog.DiscardHandler))
		t.Cleanup(func() { _ = state.Close() })
		err := state.Hold()
		if err != nil {
			t.Fatal(err)
		}
		list := followed(t, w).Parts["route53/zone/ZB"].List
		note, err := json.Marshal(noted{Suspects: map[string]suspect{"route53/zone/ZB": {list, maxCrashes}}})
		if err == nil {
			err = os.WriteFile(filepath.Join(path, adoptingName), note, 0o600)
		}
		if err != nil || list == "" {
			t.Fatalf("list %q: %v", list, err)
		}
		n := w.make("m1")
		n.member.crashes.state = state
		n.start()
		w.await(time.Minute, "it is left out", func() bool { return len(n.member.Standing().Failed) == 1 })
		w.all(3*time.Minute, "b.example.", "www", "10.0.0.2")
		w.await(time.Minute, "nothing fails", func() bool { return len(n.member.Standing().Failed) == 0 })
	})
}
