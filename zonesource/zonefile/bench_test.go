package zonefile

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"inside53/resolver/zone"
)

// BenchmarkLoad reads a million address records, of one owner each.
func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(b.TempDir(), "zone")
	const records = 1_000_000
	writeHosts(b, path, records)
	b.ResetTimer()
	for b.Loop() {
		content, err := Load(context.Background(), zone.MustName("bench.internal"), path)
		if err != nil || content.Tree.Stats().Records != records+2 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

func writeHosts(tb testing.TB, path string, records int) {
	tb.Helper()
	file, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	out := bufio.NewWriter(file)
	fmt.Fprint(out, head3)
	for i := range records {
		fmt.Fprintf(out, "host%07d 300 IN A 10.%d.%d.%d\n", i, i>>16&0xff, i>>8&0xff, i&0xff)
	}
	err = out.Flush()
	if err != nil {
		tb.Fatal(err)
	}
	err = file.Close()
	if err != nil {
		tb.Fatal(err)
	}
}
