package recorder

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

var yearChanges = flag.Int("recorder.changes", 100_000, "how many changes BenchmarkYear makes")

// slow is a store of a bucket that takes so long for each read.
type slow struct {
	ledger.Store
	wait time.Duration
}

func (s *slow) Get(ctx context.Context, name, unless string, limit int64) ([]byte, string, error) {
	time.Sleep(s.wait)
	return s.Store.Get(ctx, name, unless, limit)
}

// unsynced is a directory whose files needn't outlast a crash: a benchmark makes many.
type unsynced struct {
	*ledger.Dir
	path string
}

func (u *unsynced) Put(_ context.Context, name string, body []byte, _ string) (string, error) {
	path := filepath.Join(u.path, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(body)), os.WriteFile(path, body, 0o600)
}

// yearOf writes a year of changes of a zone, and packs them as a server does.
func yearOf(b *testing.B, dir string, names, changes int) *bench {
	b.Helper()
	is := newBench(b, dir)
	l, err := ledger.New(ledger.Options{Store: &unsynced{ledger.NewDir(dir), dir}})
	if err != nil {
		b.Fatal(err)
	}
	addresses := map[string]string{}
	for i := range names {
		addresses[fmt.Sprintf("h%05d.example.com.", i)] = fmt.Sprintf("10.0.%d.%d", i/256%256, i%256)
	}
	z := zonePart(b, "Z1", addresses)
	w := l.NewWriter(ledger.WriterOptions{Node: "a/1", Alone: true})
	_, err = w.Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	year := 365 * 24 * time.Hour
	begin := time.Now().Add(-year)
	records, err := recordsOf(z)
	if err != nil {
		b.Fatal(err)
	}
	_, err = w.Commit(b.Context(), ledger.Draft{Cause: ledger.Listing, Actor: "saved data", At: begin,
		Parts: []ledger.PartDraft{{Key: KeyText(z.Key), Whole: true, Records: slices.Values(records)}}})
	if err != nil {
		b.Fatal(err)
	}
	packed := begin
	for i := range changes {
		next := changed(b, z, fmt.Sprintf("h%05d.example.com.", i*7919%names),
			fmt.Sprintf("10.%d.%d.%d", 1+i/65536, i/256%256, i%256))
		differing, err := difference(z, next)
		if err != nil {
			b.Fatal(err)
		}
		z = next
		at := begin.Add(year / time.Duration(changes) * time.Duration(i))
		d := ledger.Draft{Cause: ledger.Update, Actor: "ops. from 10.0.0.7", AWSChange: "C0123456789ABC", At: at,
			Parts: []ledger.PartDraft{{Key: KeyText(z.Key), Records: values(differing)}}}
		d.Changes, d.Omitted = words(KeyText(z.Key), z.Zone.Apex, differing, nil)
		v, err := w.Commit(b.Context(), d)
		if err != nil {
			b.Fatal(err)
		}
		is.r.adopt(v)
		if at.Sub(packed) > 24*time.Hour { // a server packs each hour, and joins these
			packed = at
			err = is.l.Pack(b.Context(), v, at)
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	return is
}

// BenchmarkYear reads a year of a zone of 10,000 records with 100,000 changes: all of its
// history, that of one name, and the zone as it was at its beginning; and what a bucket with
// 30 ms a read takes for the history. Making it takes minutes and 3 GB.
func BenchmarkYear(b *testing.B) {
	changes := *yearChanges
	dir := b.TempDir()
	is := yearOf(b, dir, 10_000, changes)
	v := is.r.Newest()
	distant, err := ledger.New(ledger.Options{Store: &slow{ledger.NewDir(dir), 30 * time.Millisecond}})
	if err != nil {
		b.Fatal(err)
	}
	for name, l := range map[string]*ledger.Ledger{"directory": is.l, "30ms a read": distant} {
		b.Run("all from "+name, func(b *testing.B) {
			for b.Loop() {
				lines, err := History(b.Context(), l, v, Query{})
				if err != nil || len(lines) != changes {
					b.Fatalf("%d lines, %v", len(lines), err)
				}
			}
		})
	}
	b.Run("a name", func(b *testing.B) {
		for b.Loop() {
			lines, err := History(b.Context(), is.l, v, Query{Name: "h00000.example.com."})
			if err != nil || len(lines) == 0 {
				b.Fatalf("%d lines, %v", len(lines), err)
			}
		}
	})
	b.Run("the zone a year ago", func(b *testing.B) {
		first, err := is.l.Numbered(b.Context(), v, 2)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			p, err := ZoneAt(b.Context(), is.l, first.At, "Z1")
			if err != nil || p.Zone.Tree.Stats().Records != 10_000 {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPublish shows what a change of one record in a hundred thousand takes from
// delivery to publication, with a ledger beside it and without: nearly the same.
func BenchmarkPublish(b *testing.B) {
	addresses := map[string]string{}
	for i := range 100_000 {
		addresses[fmt.Sprintf("h%06d.example.com.", i)] = "10.0.0.1"
	}
	z := zonePart(b, "Z1", addresses)
	for _, recorded := range []bool{false, true} {
		b.Run(fmt.Sprintf("ledger=%v", recorded), func(b *testing.B) {
			o := zonesource.Options{
				Config:  zonesource.Config{Expected: []zonesource.Key{{Source: "route53", Name: "catalog/"}}, MaxShrink: 0.5},
				Publish: func(*zone.Snapshot) {},
			}
			is := newBench(b, b.TempDir())
			is.r.o.Log = slog.New(slog.DiscardHandler)
			if recorded {
				o.Accepted = is.r.Accept
			}
			k, err := zonesource.NewKeeper(o)
			if err != nil {
				b.Fatal(err)
			}
			ctx, stop := context.WithCancel(b.Context())
			source, ended := deliverer(make(chan zonesource.Part)), make(chan error, 2)
			go func() { ended <- k.Run(ctx, source) }()
			go func() { ended <- is.r.Run(ctx) }()
			source <- z
			for len(k.Hosted()) == 0 {
				time.Sleep(time.Millisecond)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				set, err := zone.NewRecords(zone.TypeA, 60, []byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
				if err == nil {
					err = k.Amend(&zonesource.Amendment{Source: "route53", Zone: "Z1", Accepted: time.Now(), Actor: "ops.",
						Sets: []zonesource.Amended{{Name: zone.MustName("h000001.example.com."), Type: zone.TypeA, Set: set}}})
				}
				if err != nil {
					b.Fatal(err)
				}
				i++
			}
			stop()
			<-ended
			<-ended
		})
	}
}
