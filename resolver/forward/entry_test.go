package forward

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestEntryHoldsNoPointers: the memory of an entry is made as one that holds none, which the collector doesn't read.
// What a pointer in it led to would be freed.
func TestEntryHoldsNoPointers(t *testing.T) {
	var look func(path string, of reflect.Type)
	look = func(path string, of reflect.Type) {
		switch of.Kind() {
		case reflect.Struct:
			for i := range of.NumField() {
				look(path+"."+of.Field(i).Name, of.Field(i).Type)
			}
		case reflect.Array:
			look(path+"[]", of.Elem())
		case reflect.Pointer, reflect.UnsafePointer, reflect.Slice, reflect.String, reflect.Map, reflect.Chan, reflect.Func,
			reflect.Interface:
			t.Errorf("%s is a %s", path, of.Kind())
		}
	}
	for _, v := range []any{entry{}, RR{}, Try{}} {
		look(reflect.TypeOf(v).Name(), reflect.TypeOf(v))
	}
	if headSize%8 != 0 || reflect.TypeFor[Try]().Align() > 8 || trySize%4 != 0 || reflect.TypeFor[RR]().Align() > 4 {
		t.Error("what lies behind an entry isn't aligned")
	}
}

// TestEntry makes entries of all sizes of contents, with more tries than there is room for, and reads them again.
func TestEntry(t *testing.T) {
	rr := func(n int) (all []RR) {
		for i := range n {
			all = append(all, RR{Off: uint32(i), TTLOff: uint32(i + 7), Type: uint16(i + 1)})
		}
		return all
	}
	for _, c := range []contents{
		{},
		{name: []byte{0}},
		{name: make([]byte, 255), body: make([]byte, 3), answers: rr(1), tries: 1},
		{name: []byte("\x03www\x00"), body: []byte("body"), answers: rr(3), authority: rr(2), reason: "reason", tries: 8},
		{body: make([]byte, 1<<16), answers: rr(4000), authority: rr(1000), reason: strings.Repeat("x", 1000)},
	} {
		for _, tries := range []int{0, 1, maxTries} {
			e := newEntry(&c)
			e.key, e.fails = key{7, 28, true, false}, 3
			e.Rcode, e.AD, e.Flags, e.EDE, e.TTL, e.Stored, e.Turn, e.Turns = 3, true, HasA, 22, 60, 1<<40, 1, 2
			before := e.Message
			var took []Try
			for i := range tries {
				took = append(took, Try{Upstream: uint8(i), Rcode: 2, At: time.Duration(i), Took: 1 << 40})
			}
			e = e.withTries(took)
			if !slices.Equal(e.Tries(), took) || !slices.Equal(e.RRs(), slices.Concat(c.answers, c.authority)) ||
				string(e.name()) != string(c.name) || string(e.Body()) != string(c.body) || e.Reason() != c.reason {
				t.Errorf("of %d octets and %d RRs with %d tries something is lost", len(c.body), len(c.answers), tries)
			}
			copied := e.clone()
			if !sameEntry(copied, e) || copied == e || copied.fails != e.fails || copied.words() != e.words() {
				t.Errorf("of %d octets with %d tries a copy is another", len(c.body), tries)
			}
			if diff := cmp.Diff(before, e.Message, cmpopts.IgnoreUnexported(Message{})); diff != "" || e.fails != 3 ||
				e.key != (key{7, 28, true, false}) || e.Message.entry() != e {
				t.Errorf("its numbers are others: %s", diff)
			}
		}
	}
}
