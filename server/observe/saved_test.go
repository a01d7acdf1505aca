package observe

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"inside53/resolver"
	"inside53/resolver/zone"
)

// use shows that clients have asked for a record set of Z1, each once.
func (s *source) use(name string, clients ...string) {
	for _, client := range clients {
		one := answer(client, name, 0, 0)
		one.Purpose, one.Zone, one.Owner, one.UsedType = resolver.ForCount, "Z1", one.Name, 1
		s.shown = append(s.shown, one)
	}
}

// clients is what is known of a record set: how often it was asked for, and by whom.
func clients(o *Observer, name string) string {
	use, known := o.Use(RecordSet{"Z1", string(zone.MustName(name)), 1})
	if !known {
		return "nothing"
	}
	var by []string
	for _, u := range use.Users {
		by = append(by, fmt.Sprint(u.Addr, " ", u.Count))
	}
	return fmt.Sprintf("%d: %s", use.Count, strings.Join(by, ", "))
}

func saved(t *testing.T, o *Observer) []byte {
	t.Helper()
	var file bytes.Buffer
	_, err := o.Save(&file)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestSaved: the next process knows who asked, beside those who have asked it meanwhile.
func TestSaved(t *testing.T) {
	before, s := newObserver(t)
	s.uses = "when"
	s.use("a.example", "10.0.0.1", "10.0.0.1", "2001:db8::1")
	s.use("b.example", "10.0.0.2")
	before.read()
	was, _ := before.Use(RecordSet{"Z1", string(zone.MustName("a.example")), 1})

	after, s := newObserver(t)
	s.use("b.example", "10.0.0.2", "10.0.0.3")
	s.use("c.example", "10.0.0.4")
	after.read()
	n, err := after.Restore(bytes.NewReader(saved(t, before)))
	if err != nil || n != 2 || s.uses != "when" {
		t.Fatalf("%d record sets, times %q, %v", n, s.uses, err)
	}
	for name, want := range map[string]string{
		"a.example": "3: 10.0.0.1 2, 2001:db8::1 1", "b.example": "3: 10.0.0.2 2, 10.0.0.3 1", "c.example": "1: 10.0.0.4 1",
	} {
		if got := clients(after, name); got != want {
			t.Errorf("%s was asked for %s; want %s", name, got, want)
		}
	}
	is, _ := after.Use(RecordSet{"Z1", string(zone.MustName("a.example")), 1})
	if !is.Since.Equal(was.Since) || !is.Last.Equal(was.Last) {
		t.Errorf("since %v, last %v; it was %v, %v", is.Since, is.Last, was.Since, was.Last)
	}
	// What was asked for longest ago makes room first.
	oldest, _, _ := after.users.sets.GetOldest()
	if got := zone.String([]byte(oldest.Owner)); got != "a.example." {
		t.Errorf("%s would be forgotten first", got)
	}
}

// TestSavedBounded: however much is asked for, the file is no larger than what is known may be.
func TestSavedBounded(t *testing.T) {
	o, s := newObserver(t)
	for i := range usedSets + 500 {
		s.use(fmt.Sprintf("host-%d.example", i), "10.0.0.1")
	}
	o.read()
	file := saved(t, o)
	if len(file) > usedSets*80 {
		t.Errorf("%d octets", len(file))
	}
	after, _ := newObserver(t)
	n, err := after.Restore(bytes.NewReader(file))
	if err != nil || n != usedSets || clients(after, "host-0.example") != "nothing" ||
		clients(after, fmt.Sprintf("host-%d.example", usedSets+499)) != "1: 10.0.0.1 1" {
		t.Errorf("%d record sets, %v", n, err)
	}
}

// TestSavedDamaged: of a file that isn't whole, or is of another version, nothing is known.
func TestSavedDamaged(t *testing.T) {
	before, s := newObserver(t)
	s.uses = "when"
	s.use("a.example", "10.0.0.1", "10.0.0.2")
	before.read()
	file := saved(t, before)
	after, s := newObserver(t)
	refused := func(what string, b []byte, want error) {
		t.Helper()
		_, err := after.Restore(bytes.NewReader(b))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		if got := clients(after, "a.example"); got != "nothing" || s.uses != "" {
			t.Errorf("%s: known are %s, times %q", what, got, s.uses)
		}
	}
	for i := range file {
		flipped := bytes.Clone(file)
		flipped[i] ^= 1
		want := errSavedDamaged
		if i >= len(savedForm) && i < len(savedMagic) {
			want = errSavedOther // another number, or none
		}
		refused(fmt.Sprintf("cut at %d", i), file[:i], want)
		refused(fmt.Sprintf("octet %d", i), flipped, want)
	}
	refused("a later version", []byte("inside53 usage 2\nwhatever it has"), errSavedOther)
	refused("something else", []byte(strings.Repeat("something else\n", 9)), errSavedDamaged)
	s.refuses = errors.New("of another form")
	refused("times of another form", file, s.refuses)
}

// FuzzSaved reads anything, with a sum that is right.
func FuzzSaved(f *testing.F) {
	s := &source{uses: "when"}
	o := New(Options{Answers: s})
	s.use("a.example", "10.0.0.1", "2001:db8::1")
	o.read()
	b, _ := o.users.appendTo(nil)
	f.Add(b)
	f.Add([]byte{1, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := savedReader{left: b, now: 1 << 60}
		sets := r.sets()
		if r.failed {
			return
		}
		var u users
		u.init()
		u.addBefore(sets)
		again, n := u.appendTo(nil)
		if n > len(sets) || len(again) > 2*len(b)+64 {
			t.Errorf("%d octets of %d", len(again), len(b))
		}
	})
}
