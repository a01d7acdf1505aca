package wire

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// message puts names behind a header's room.
func message(b string) []byte { return append(make([]byte, HeaderSize), b...) }

func TestNames(t *testing.T) {
	label := "\x3f" + strings.Repeat("x", 63)
	long := strings.Repeat(label, 3) + "\x3d" + strings.Repeat("y", 61)
	tests := []struct {
		name string
		msg  string // behind the header
		at   int    // of the name, behind the header
		skip int    // where SkipName ends, behind the header; -1 for an error
		want string // what AppendName returns; "" for an error
	}{
		{"the root", "\x00", 0, 1, "\x00"},
		{"two labels", "\x01a\x01B\x00..", 0, 5, "\x01a\x01B\x00"},
		{"nothing", "", 0, -1, ""},
		{"beyond the end", "\x00", 7, -1, ""},
		{"no root label", "\x01a", 0, -1, ""},
		{"half a label", "\x05a\x00", 0, -1, ""},
		{"a pointer", "\x01a\x00\xc0\x0c!", 3, 5, "\x01a\x00"},
		{"a label and a pointer", "\x01a\x00\x01b\xc0\x0c!", 3, 7, "\x01b\x01a\x00"},
		{"half a pointer", "\x01a\x00\xc0", 3, -1, ""},
		{"a pointer to itself", "\xc0\x0c", 0, 2, ""},
		{"a pointer to the label before it", "\x01a\xc0\x0c", 0, 4, ""},
		{"a pointer onwards", "\xc0\x0e\x00", 0, 2, ""},
		{"a pointer into the header", "\xc0\x04", 0, 2, ""},
		{"a label of type 01", "\x41a\x00", 0, -1, ""},
		{"a label of type 10", "\x81a\x00", 0, -1, ""},
		{"255 octets", long + "\x00", 0, 255, long + "\x00"},
		{"256 octets", "\x01a" + long + "\x00", 0, -1, ""},
		{"256 octets by a pointer", long + "\x00\x01a\xc0\x0c", 255, 259, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			msg := message(tt.msg)
			want := tt.skip
			if want >= 0 {
				want += HeaderSize
			}
			got := SkipName(msg, HeaderSize+tt.at)
			if got != want {
				t.Errorf("SkipName ends at %d, want %d", got, want)
			}
			name, end := AppendName(nil, msg, HeaderSize+tt.at)
			if (end < 0) != (tt.want == "") {
				t.Fatalf("AppendName ends at %d", end)
			}
			if end >= 0 && (string(name) != tt.want || end != want) {
				t.Errorf("AppendName: %q to %d, want %q to %d", name, end, tt.want, want)
			}
			compareWalks(t, msg, min(HeaderSize+tt.at, len(msg)))
		})
	}
	if SkipName(message("\x00"), -1) != -1 {
		t.Error("SkipName finds a name before the message")
	}
}

func TestEqualNames(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"\x03WwW\x00", "\x03wWw\x00", true},
		{"\x01[\x00", "\x01{\x00", false},
		{"\x01@\x00", "\x01`\x00", false},
		{"\x01\xc1\x00", "\x01\xe1\x00", false},
		{"\x01a\x00", "\x01a\x01b\x00", false},
	} {
		if EqualNames([]byte(tt.a), []byte(tt.b)) != tt.want {
			t.Errorf("%q, %q: not %t", tt.a, tt.b, tt.want)
		}
	}
}

func TestSuffixAt(t *testing.T) {
	for _, tt := range []struct {
		name, suffix string
		want         int
	}{
		{"\x01a\x02bc\x00", "\x02BC\x00", 2},
		{"\x01a\x02bc\x00", "\x01A\x02bc\x00", 0},
		{"\x01a\x02bc\x00", "\x00", 5},
		{"\x01a\x02bc\x00", "\x02bd\x00", -1},
		{"\x01a\x00", "\x01b\x01a\x00", -1},
		{"\x03a\x01b\x00", "\x01b\x00", -1}, // inside of a label
	} {
		got := SuffixAt([]byte(tt.name), []byte(tt.suffix))
		if got != tt.want {
			t.Errorf("%q in %q: %d, want %d", tt.suffix, tt.name, got, tt.want)
		}
	}
}

// compareWalks holds all walks of the name at an offset to each other and to miekg/dns.
func compareWalks(t *testing.T, msg []byte, at int) {
	t.Helper()
	skip := SkipName(msg, at)
	name, end := AppendName(nil, msg, at)
	var folded [MaxName]byte
	var starts, split Starts
	size, labels := FoldName(&folded, &starts, msg[at:])
	if end >= 0 {
		if end != skip {
			t.Fatalf("AppendName ends at %d, SkipName at %d: % x at %d", end, skip, msg, at)
		}
		text, off, err := dns.UnpackDomainName(msg, at)
		if err != nil || off != end {
			t.Fatalf("AppendName finds %q to %d, miekg/dns %q to %d, %v: % x at %d", name, end, text, off, err, msg, at)
		}
		var packed [MaxName + 1]byte
		n, err := dns.PackDomainName(text, packed[:], 0, nil, false)
		if err != nil || !bytes.Equal(packed[:n], name) {
			t.Fatalf("AppendName finds %q, miekg/dns % x, %v: % x at %d", name, packed[:n], err, msg, at)
		}
		n = SplitName(&split, name)
		if n < 0 {
			t.Fatalf("SplitName refuses %q of AppendName: % x at %d", name, msg, at)
		}
		for i := range n {
			if SuffixAt(name, name[split[i]:]) != int(split[i]) {
				t.Fatalf("SuffixAt doesn't find label %d of %q", i, name)
			}
		}
	}
	// An uncompressed name has as many octets where it stands as when it is copied.
	plain := end >= 0 && end-at == len(name)
	if (size >= 0) != plain {
		t.Fatalf("FoldName: %d octets; AppendName: %q to %d: % x at %d", size, name, end, msg, at)
	}
	if !plain {
		return
	}
	lower := bytes.Clone(name)
	Lower(lower)
	if size != len(name) || !bytes.Equal(folded[:size], lower) || !EqualNames(lower, name) {
		t.Fatalf("FoldName: %q, Lower: %q, name: %q", folded[:max(0, size)], lower, name)
	}
	if n := SplitName(&split, lower); n != labels || split != starts {
		t.Fatalf("FoldName finds %d labels at %v, SplitName %d at %v", labels, starts[:labels], n, split[:max(0, n)])
	}
}

func FuzzNames(f *testing.F) {
	f.Add(message("\x03www\x07Example\x03com\x00"), uint16(HeaderSize))
	f.Add(message("\x01a\x00\x01b\xc0\x0c"), uint16(HeaderSize+3))
	f.Fuzz(func(t *testing.T, msg []byte, at uint16) {
		if int(at) <= len(msg) && at >= HeaderSize {
			compareWalks(t, msg, int(at))
		}
	})
}

// TestManyLabels: names of labels of one octet, which have more labels than any that is whole.
func TestManyLabels(t *testing.T) {
	for labels := range 2*MaxLabels + 2 {
		name := strings.Repeat("\x01A", labels)
		for _, end := range []string{"\x00", "", "\x01", "\x00\x00\x01\x00\x01", "\x3f", "\xc0\x0c"} {
			compareWalks(t, message(name+end), HeaderSize)
		}
		var starts Starts
		if got := SplitName(&starts, []byte(name+"\x00")); (got == labels) != (labels <= MaxLabels) {
			t.Errorf("%d labels: SplitName finds %d", labels, got)
		}
	}
}

// TestRandomNames: the same for messages that are mostly names and pointers.
func TestRandomNames(t *testing.T) {
	rng := rand.New(rand.NewPCG(1035, 4))
	for range 4_000 {
		msg := message("")
		for range 1 + rng.IntN(300) {
			switch rng.IntN(8) {
			case 0:
				msg = append(msg, 0)
			case 1, 2:
				msg = append(msg, 0xc0, byte(HeaderSize+rng.IntN(len(msg))))
			case 3:
				msg = append(msg, byte(rng.Uint32()))
			default:
				n := rng.IntN(4)
				msg = append(append(msg, byte(n)), "aBcDeF"[:n]...)
			}
		}
		for at := HeaderSize; at < len(msg); at += 1 + rng.IntN(3) {
			compareWalks(t, msg, at)
		}
	}
}

func TestWalksAllocateNothing(t *testing.T) {
	msg := message("\x03www\x07Example\x03com\x00\x01b\xc0\x0c")
	dst := make([]byte, 0, MaxName)
	var folded [MaxName]byte
	var starts Starts
	n := testing.AllocsPerRun(100, func() {
		SkipName(msg, HeaderSize)
		AppendName(dst, msg, HeaderSize+17)
		size, _ := FoldName(&folded, &starts, msg[HeaderSize:])
		SplitName(&starts, folded[:size])
		SuffixAt(folded[:size], folded[4:size])
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
