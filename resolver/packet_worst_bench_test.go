//go:build linux

package resolver

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"inside53/resolver/worst"
)

// threadTime is the processor time that the thread has had: others may keep the machine
// busy meanwhile.
func threadTime(tb testing.TB) time.Duration {
	var at unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at)
	if err != nil {
		tb.Fatal(err)
	}
	return time.Duration(at.Nano())
}

// slowest returns the packet of a size that takes longest to refuse, of all that a search
// comes by.
func slowest(tb testing.TB, w *world, size, starts int) []byte {
	out := make([]byte, 0, 65535)
	s := Suspender(noSuspender{tb})
	pkt, _ := worst.Search(rand.New(rand.NewPCG(53, uint64(size))), size, starts, func(pkt []byte) int {
		least := time.Hour
		for range 5 {
			begin := threadTime(tb)
			w.worker.Serve(pkt, stranger, UDP, out, s)
			least = min(least, threadTime(tb)-begin)
		}
		return int(least)
	})
	return pkt
}

// BenchmarkWorstPacket is the packet of each size that costs most before it is known that
// its sender may ask nothing: the budget is 20 us of
// processor time.
func BenchmarkWorstPacket(b *testing.B) {
	w := newTextWorld(b, offlineWorld)
	for _, size := range worst.Sizes() {
		runtime.LockOSThread()
		pkt := slowest(b, w, size, 100)
		runtime.UnlockOSThread()
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			out := make([]byte, 0, 65535)
			s := Suspender(noSuspender{b})
			b.ReportAllocs()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			begin := threadTime(b)
			for b.Loop() {
				w.worker.Serve(pkt, stranger, UDP, out, s)
			}
			b.ReportMetric(float64(threadTime(b)-begin)/float64(b.N), "cpu-ns/op")
		})
	}
}
