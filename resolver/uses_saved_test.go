package resolver

import (
	"errors"
	"testing"
	"time"

	"inside53/resolver/zone"
)

// TestUsesSaved: the next process knows when a record set was used and since when that is noted, also where it
// has answered meanwhile.
func TestUsesSaved(t *testing.T) {
	before := watchedResolver(t, Watch{Count: true})
	now := time.Now().Unix()
	old, both := zone.MustName("old.example"), zone.MustName("both.example")
	place := func(owner []byte) uint32 { return usePlace(zone.HashName(owner), 1, zone.Private) }
	began := now - 10*86400
	before.watcher.used.since.Store(began)
	before.watcher.used.touch(place(old), now-5*86400)
	before.watcher.used.touch(place(both), now-5*86400)
	before.watcher.used.places[1<<usesBits-1].Store(uint32(now/useUnit) + 9) // the clock has gone back

	after := watchedResolver(t, Watch{Count: true})
	after.watcher.used.touch(place(both), now)
	err := after.AddUses(before.AppendUses(nil, false))
	if _, since, _ := after.LastUse(old, 1, zone.Private); err != nil || since.Unix() < now {
		t.Errorf("of an earlier process that was killed: since %v, %v", since, err)
	}
	saved := before.AppendUses([]byte("x"), true)[1:]
	err = after.AddUses(saved)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		owner []byte
		last  int64 // 0: never
	}{
		{old, (now - 5*86400) / useUnit * useUnit}, {both, now / useUnit * useUnit}, {zone.MustName("no.example"), 0},
	} {
		last, since, known := after.LastUse(tt.owner, 1, zone.Private)
		is := int64(0)
		if !last.IsZero() {
			is = last.Unix()
		}
		if is != tt.last || since.Unix() != began || !known {
			t.Errorf("%s: last %d, since %d, %v; want %d since %d", zone.String(tt.owner), is, since.Unix(), known,
				tt.last, began)
		}
	}
	if got := after.watcher.used.places[1<<usesBits-1].Load(); int64(got) > time.Now().Unix()/useUnit {
		t.Errorf("a use in the future, at %d", got)
	}
	if len(saved) > 64 {
		t.Errorf("%d octets of three uses", len(saved))
	}
}

// TestUsesSavedMalformed: what isn't whole, or of another form, adds nothing.
func TestUsesSavedMalformed(t *testing.T) {
	before := watchedResolver(t, Watch{Count: true})
	for i := range uint32(4) {
		before.watcher.used.touch(i*1000, time.Now().Unix())
	}
	saved := before.AppendUses(nil, true)
	after := watchedResolver(t, Watch{Count: true})
	began := after.watcher.used.since.Load()
	bad := map[string][]byte{"more": append(saved[:len(saved):len(saved)], 1)}
	for i := range saved {
		bad["cut at "+string(rune('0'+i))] = saved[:i]
	}
	far := before.AppendUses(nil, true)
	far = append(far[:len(far)-1], 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0) // a place behind all
	bad["far"] = far
	for name, b := range bad {
		err := after.AddUses(b)
		if !errors.Is(err, errUsesDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := after.AddUses(append([]byte{1}, saved...))
	if !errors.Is(err, errUsesForm) {
		t.Errorf("another form: %v", err)
	}
	for i := range after.watcher.used.places {
		if after.watcher.used.places[i].Load() != 0 {
			t.Fatalf("place %d is used", i)
		}
	}
	if got := after.watcher.used.since.Load(); got != began {
		t.Errorf("since %d, not %d", got, began)
	}
}
