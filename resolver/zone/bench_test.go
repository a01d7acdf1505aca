package zone

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// benchTree has n names of one A record each.
func benchTree(b testing.TB, n int) *Tree {
	b.Helper()
	e := NewTree(MustName("example.com.")).Edit()
	load(b, e, n)
	return e.Commit()
}

func load(b testing.TB, e *Edit, n int) {
	b.Helper()
	s, err := NewRecords(TypeA, 300, []byte{10, 0, 0, 1})
	if err != nil {
		b.Fatal(err)
	}
	var name []byte
	for i := range n {
		name = benchName(name, i)
		err := e.Put(name, s)
		if err != nil {
			b.Fatal(err)
		}
	}
}

// benchName appends the wire form of host-I.example.com. to dst[:0].
func benchName(dst []byte, i int) []byte {
	dst = strconv.AppendInt(append(dst[:0], "\x00host-"...), int64(i), 10)
	dst[0] = byte(len(dst) - 1)
	return append(dst, "\x07example\x03com\x00"...)
}

var sizes = []int{1_000, 1_000_000}

func BenchmarkFind(b *testing.B) {
	for _, n := range sizes {
		z := New(Info{}, benchTree(b, n), 0)
		for _, kind := range []string{"hit", "miss"} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				names := make([][]byte, 4096)
				for i := range names {
					at := i * 7919 % n
					if kind == "miss" {
						at += n
					}
					names[i] = benchName(nil, at)
				}
				var l Labels
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					name := names[i&4095]
					if z.Find(&l, name, l.Parse(name)).Exists() == (kind == "miss") {
						b.Fatal("wrong answer")
					}
				}
			})
		}
	}
}

// BenchmarkPut is the change of one record: its cost must not grow with the zone.
func BenchmarkPut(b *testing.B) {
	s, err := NewRecords(TypeA, 300, []byte{10, 0, 0, 2})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range sizes {
		tree := benchTree(b, n)
		for _, kind := range []string{"change", "new"} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				var name []byte
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					at := i * 7919 % n
					if kind == "new" {
						at += n
					}
					name = benchName(name, at)
					e := tree.Edit()
					err := e.Put(name, s)
					if err != nil {
						b.Fatal(err)
					}
					e.Commit()
				}
			})
		}
	}
}

// BenchmarkLoad builds a tree of a million names and reports what it takes.
func BenchmarkLoad(b *testing.B) {
	const n = 1_000_000
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		tree := benchTree(b, n)
		took := time.Since(start)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "bytes/record")
		b.ReportMetric(float64(took.Nanoseconds())/n, "ns/record")
		runtime.KeepAlive(tree)
	}
}

// BenchmarkDiff compares a million names with themselves but for one, and with a
// copy that shares nothing.
func BenchmarkDiff(b *testing.B) {
	const n = 1_000_000
	was := benchTree(b, n)
	e := was.Edit()
	if !e.Delete(benchName(nil, 5), TypeA) {
		b.Fatal("nothing to delete")
	}
	for name, is := range map[string]*Tree{"shared": e.Commit(), "copy": benchTree(b, n)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Diff(was, is, func([]byte, RRset, RRset) bool { return true })
			}
		})
	}
}
