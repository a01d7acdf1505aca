package zone

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// slowLabels splits a name in wire form by the letter of RFC 1035 section 3.1: the
// labels from the left; ok says whether it is one whole name.
func slowLabels(name []byte) (labels [][]byte, ok bool) {
	if len(name) > 255 {
		return nil, false
	}
	for {
		if len(name) == 0 {
			return nil, false
		}
		size := int(name[0])
		name = name[1:]
		if size == 0 {
			return labels, len(name) == 0
		}
		if size > 63 || size > len(name) {
			return nil, false
		}
		labels = append(labels, name[:size])
		name = name[size:]
	}
}

// slowHash is HashLabel octet by octet, in lower case, without the machine's multiplication.
func slowHash(parent uint64, label []byte) uint64 {
	h := parent ^ uint64(len(label))*ofSize
	for {
		word, n := uint64(0), min(8, len(label))
		for i := range n {
			c := label[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			word |= uint64(c) << (8 * i)
		}
		h = slowMix(h^word, seed.factor)
		label = label[n:]
		if len(label) == 0 {
			return h
		}
	}
}

// slowMix folds the 128-bit product of a and b, by long multiplication of halves.
func slowMix(a, b uint64) uint64 {
	const low = 1<<32 - 1
	al, ah, bl, bh := a&low, a>>32, b&low, b>>32
	mid := ah*bl + al*bl>>32
	mid2 := al*bh + mid&low
	return ah*bh + mid>>32 + mid2>>32 ^ (mid2<<32 | al*bl&low)
}

func checkLabels(t *testing.T, name []byte) {
	t.Helper()
	want, ok := slowLabels(name)
	var l Labels
	n := l.Parse(name)
	if !ok {
		if n != -1 || HashName(name) != 0 {
			t.Fatalf("%q: %d labels, hash %x; want -1 and 0", name, n, HashName(name))
		}
		return
	}
	if n != len(want) || l.Count != n || CountLabels(name) != n {
		t.Fatalf("%q: %d labels, Count %d, CountLabels %d; want %d", name, n, l.Count, CountLabels(name), len(want))
	}
	h, at := seed.root, len(name)-1
	if l.Hash[0] != h || int(l.Off[0]) != at {
		t.Fatalf("%q: the root is at %d with hash %x", name, l.Off[0], l.Hash[0])
	}
	for i, label := range slices.Backward(want) {
		count := n - i
		h, at = slowHash(h, label), at-len(label)-1
		if l.Hash[count] != h || int(l.Off[count]) != at {
			t.Fatalf("%q: suffix of %d labels at %d with hash %x, want %d and %x", name, count, l.Off[count], l.Hash[count], at,
				h)
		}
		if HashName(name[at:]) != h {
			t.Fatalf("%q: suffix of %d labels hashes differently alone", name, count)
		}
	}
}

func TestLabels(t *testing.T) {
	long := bytes.Repeat([]byte("\x01a"), 127)
	for _, name := range [][]byte{
		nil, {0}, {0, 0}, {1}, {1, 'a'}, {1, 'a', 0}, {1, 'a', 0, 0}, {2, 'a', 0}, {63}, {64}, {0xc0, 0x0c}, {0x40, 0},
		MustName("www.example.com."), MustName("12345678.123456789.1234567890123456.12345678901234567."),
		append(long, 0), append(append([]byte(nil), long...), 1, 'a', 0), long,
		append([]byte("\x02ab"), append(bytes.Repeat([]byte("\x01a"), 126), 0)...),
		append(append([]byte{63}, bytes.Repeat([]byte{'x'}, 63)...), 0),
		append(append([]byte{64}, bytes.Repeat([]byte{'x'}, 64)...), 0),
		append(append([]byte{63}, bytes.Repeat([]byte{0}, 63)...), 0),
	} {
		checkLabels(t, name)
	}
	r := rand.New(rand.NewPCG(1, 53))
	for range 20000 {
		var name []byte
		for range r.IntN(6) {
			size := r.IntN(20)
			if r.IntN(20) == 0 {
				size = r.IntN(70)
			}
			name = append(name, byte(size))
			for range size {
				name = append(name, byte(r.Uint32()))
			}
		}
		if r.IntN(4) > 0 {
			name = append(name, 0)
		}
		checkLabels(t, name)
	}
}

func FuzzLabels(f *testing.F) {
	f.Add([]byte("\x03www\x07example\x03com\x00"))
	f.Add([]byte{0})
	f.Add([]byte("\x3f\x00"))
	f.Add([]byte("\x00\x00")) // more than a name
	f.Fuzz(func(t *testing.T, name []byte) {
		checkLabels(t, name)
		// Text and back, for all names that plain text can express.
		text := String(name)
		_, ok := slowLabels(name)
		if ok == (text == "<bad name>") && len(name) <= MaxName {
			t.Fatalf("%q is shown as %s", name, text)
		}
		parsed, err := ParseName(text)
		if ok && err != nil {
			t.Fatalf("%q is shown as %s, which is no name", name, text)
		}
		if ok {
			lower := append([]byte(nil), name...)
			Lower(lower)
			if string(parsed) != string(lower) {
				t.Fatalf("%q is shown as %s, which is %q", name, text, parsed)
			}
		}
	})
}

// TestHashSpreads: names that differ little differ in the bits that the trie and
// the index of a page use. Sixteen thousand names into 1024 places of ten bits would
// give sixteen each; no place may have three times that.
func TestHashSpreads(t *testing.T) {
	for shift := uint(0); shift <= 54; shift += 6 {
		var places [1024]int
		for i := range 16384 {
			name := MustName("host-" + string(
				[]byte{'a' + byte(i&15), 'a' + byte(i>>4&15), 'a' + byte(i>>8&15), 'a' + byte(i>>12)}) + ".eu-west-1.example.com.")
			places[HashName(name)>>shift&1023]++
		}
		if fullest := slices.Max(places[:]); fullest > 48 {
			t.Errorf("bits %d to %d: %d names in one place", shift, shift+9, fullest)
		}
	}
}

func TestIsSubdomain(t *testing.T) {
	for _, test := range []struct {
		name, ancestor string
		want           bool
	}{
		{".", ".", true},
		{"a.", ".", true},
		{".", "a.", false},
		{"example.com.", "example.com.", true},
		{"www.example.com.", "example.com.", true},
		{"a.b.c.example.com.", "com.", true},
		{"wwwexample.com.", "example.com.", false},
		{"example.com.", "www.example.com.", false},
		{"example.org.", "example.com.", false},
	} {
		if got := IsSubdomain(MustName(test.name), MustName(test.ancestor)); got != test.want {
			t.Errorf("%s below %s: %t", test.name, test.ancestor, got)
		}
	}
	// A label that holds the wire form of the ancestor's.
	if IsSubdomain([]byte("\x05x\x03com\x00"), MustName("com.")) {
		t.Error("octets within a label were taken for labels")
	}
}

func TestNameText(t *testing.T) {
	for _, test := range []struct {
		text string
		wire string
	}{
		{".", "\x00"},
		{"com.", "\x03com\x00"},
		{"com", "\x03com\x00"},
		{"WWW.Example.COM.", "\x03www\x07example\x03com\x00"},
		{"*.a_b.-", "\x01*\x03a_b\x01-\x00"},
		{strings.Repeat("x", 63) + ".", "\x3f" + strings.Repeat("x", 63) + "\x00"},
		{strings.Repeat("a.", 127), strings.Repeat("\x01a", 127) + "\x00"},
	} {
		got, err := ParseName(test.text)
		if err != nil || string(got) != test.wire {
			t.Errorf("%s: %q, %v; want %q", test.text, got, err, test.wire)
		}
	}
	for _, text := range []string{"", "..", ".com.", "a..b.", "a b.", `a\25.`, `a\256.`, `a\`, "ä.", "\x7f.",
		strings.Repeat("x", 64) + ".", strings.Repeat("a.", 128)} {
		_, err := ParseName(text)
		if !errors.Is(err, ErrName) {
			t.Errorf("%q: %v, want ErrName", text, err)
		}
	}
	for _, test := range []struct{ wire, text string }{
		{"\x00", "."},
		{"\x03www\x03com\x00", "www.com."},
		{"\x04a.\\b\x00", `a\.\\b.`},
		{"\x05\";()@\x01$\x00", `\"\;\(\)\@.\$.`},
		{"\x04\x00\x20\x7f\xff\x00", `\000\032\127\255.`},
		{"", "<bad name>"},
		{"\x03www", "<bad name>"},
		{"\x04www\x00", "<bad name>"},
		{"\xc0\x0c", "<bad name>"},
		{"\x000", "<bad name>"},
		{"\x03www\x00x", "<bad name>"},
		{"\x40" + strings.Repeat("x", 64) + "\x00", "<bad name>"},
	} {
		if got := String([]byte(test.wire)); got != test.text {
			t.Errorf("%q: %s, want %s", test.wire, got, test.text)
		}
	}
}

func TestLower(t *testing.T) {
	name := make([]byte, 256)
	for i := range name {
		name[i] = byte(i)
	}
	Lower(name)
	for i, c := range name {
		want := byte(i)
		if 'A' <= i && i <= 'Z' {
			want += 'a' - 'A'
		}
		if c != want {
			t.Errorf("octet %d became %d", i, c)
		}
	}
}

func TestMustName(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("took a text that is no name")
		}
	}()
	MustName("a..b.")
}
