package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/ledger"
)

var apex = zone.MustName("example.com.")

// zonePart is a hosted zone with addresses by name.
func zonePart(t testing.TB, id string, addresses map[string]string) zonesource.Part {
	t.Helper()
	e := zone.NewTree(apex).Edit()
	for name, text := range addresses {
		a := netip.MustParseAddr(text).As4()
		set, err := zone.NewRecords(zone.TypeA, 300, a[:])
		if err == nil {
			err = e.Put(zone.MustName(name), set)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	info := zone.Info{Origin: zone.Public, ID: id, Listed: time.Now()}
	return zonesource.Part{Key: zonesource.Key{Source: "route53", Name: "zone/" + id}, Zone: zone.New(info, e.Commit(), 0),
		Listed: time.Now()}
}

// changed is the part with other addresses, sharing pages as the keeper does.
func changed(t testing.TB, p zonesource.Part, name, text string) zonesource.Part {
	t.Helper()
	e := p.Zone.Tree.Edit()
	if text == "" {
		e.Delete(zone.MustName(name), zone.TypeA)
	} else {
		a := netip.MustParseAddr(text).As4()
		set, err := zone.NewRecords(zone.TypeA, 300, a[:])
		if err == nil {
			err = e.Put(zone.MustName(name), set)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Zone = p.Zone.With(e.Commit(), 0)
	return p
}

// bench is a recorder on a directory.
type bench struct {
	t   testing.TB
	dir string
	l   *ledger.Ledger
	r   *Recorder
	log bytes.Buffer
}

func newBench(t testing.TB, dir string) *bench {
	t.Helper()
	l, err := ledger.New(ledger.Options{Store: ledger.NewDir(dir)})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: dir, l: l}
	b.r = New(Options{Ledger: l, Name: "host", Log: slog.New(slog.NewTextHandler(&b.log, nil)),
		Retention: func() (time.Duration, int64) { return 720 * time.Hour, 1 << 30 }})
	return b
}

// accept hands parts on and has them written.
func (b *bench) accept(c zonesource.Cause, parts ...zonesource.Part) error {
	b.t.Helper()
	for _, p := range parts {
		b.r.Accept([]zonesource.Accepted{{Key: p.Key, Part: p, Cause: c}})
	}
	err := b.r.write(b.t.Context())
	b.r.report(err)
	return err
}

func (b *bench) mustAccept(c zonesource.Cause, parts ...zonesource.Part) {
	b.t.Helper()
	err := b.accept(c, parts...)
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) history(q Query) []Line {
	b.t.Helper()
	lines, err := History(context.Background(), b.l, b.r.Newest(), q)
	if err != nil {
		b.t.Fatal(err)
	}
	return lines
}

// brief are lines without what differs from run to run.
func brief(lines []Line) []string {
	out := []string{}
	for _, l := range lines {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s by %s: %s %s %s -> %s %s", l.Version, l.Cause, l.Actor, l.Name,
			l.Type, strings.Join(l.Before, ","), strings.Join(l.After, ","), l.AWSChange)))
	}
	return out
}

func TestRecorder(t *testing.T) {
	b := newBench(t, t.TempDir())
	z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1", "mail.example.com.": "10.0.0.2"})
	b.mustAccept(zonesource.Cause{}, z)
	z2 := changed(t, z, "www.example.com.", "10.0.0.9")
	b.mustAccept(zonesource.Cause{Kind: zonesource.ByUpdate, Actor: "ops. from 10.0.0.7", Change: "C1"}, z2)
	b.mustAccept(zonesource.Cause{}, z2) // nothing has changed: no version
	z3 := changed(t, z2, "mail.example.com.", "")
	b.mustAccept(zonesource.Cause{Kind: zonesource.ByOperator}, z3)
	want := []string{
		"3 operator by operator: mail.example.com. A 10.0.0.2 ->",
		"2 update by ops. from 10.0.0.7: www.example.com. A 10.0.0.1 -> 10.0.0.9 C1",
		"1 listing by Route 53: mail.example.com. A  -> 10.0.0.2",
		"1 listing by Route 53: www.example.com. A  -> 10.0.0.1",
	}
	got := brief(b.history(Query{}))
	slices.SortStableFunc(got[2:], strings.Compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := brief(b.history(Query{Name: "www.example.com.", Limit: 1})); !slices.Equal(got, want[1:2]) {
		t.Errorf("of a name: %q", got)
	}
	if got := b.history(Query{Zone: "Z1", Until: time.Now().Add(-time.Hour)}); len(got) != 0 {
		t.Errorf("before there was any: %q", brief(got))
	}
	if s := b.r.Status(); s.Text() != "3" || s.Gap || s.Err != nil {
		t.Errorf("%+v", s)
	}
	v2, err := b.l.Numbered(t.Context(), b.r.Newest(), 2)
	if err != nil {
		t.Fatal(err)
	}
	at, err := b.l.At(t.Context(), v2.Name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Zone(t.Context(), b.l, at, "Z1")
	if err != nil || !sameZone(p, z2) {
		t.Errorf("version 2 isn't what it was: %v", err)
	}
	b.r.Accept([]zonesource.Accepted{{Key: z.Key}})
	b.mustAccept(zonesource.Cause{})
	if lines := brief(b.history(Query{Name: "www.example.com.", Limit: 1})); len(lines) != 1 || lines[0] !=
		"4 listing by Route 53: www.example.com. A 10.0.0.9 ->" {
		t.Errorf("the zone is gone: %q", lines)
	}
}

func sameZone(a, b zonesource.Part) bool {
	same := a.Zone != nil && b.Zone != nil
	if same {
		zone.Diff(a.Zone.Tree, b.Zone.Tree, func([]byte, zone.RRset, zone.RRset) bool {
			same = false
			return false
		})
	}
	return same
}

// TestRestart compares what an earlier process had with the ledger: what changed while
// nobody recorded is one version, and no other is made.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, dir)
	z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1", "mail.example.com.": "10.0.0.2"})
	b.mustAccept(zonesource.Cause{Kind: zonesource.BySaved}, z) // the state directory of a program without a ledger
	if lines := b.history(Query{}); len(lines) != 0 {
		t.Errorf("what there was is a change: %q", brief(lines))
	}
	b = newBench(t, dir)
	b.mustAccept(zonesource.Cause{Kind: zonesource.BySaved}, z)
	if s := b.r.Status(); s.Version != 1 {
		t.Errorf("version %d without a change", s.Version)
	}
	b = newBench(t, dir)
	b.mustAccept(zonesource.Cause{Kind: zonesource.BySaved}, changed(t, z, "www.example.com.", "10.0.0.3"))
	want := []string{"2 listing by saved data: www.example.com. A 10.0.0.1 -> 10.0.0.3"}
	if got := brief(b.history(Query{})); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if faults := b.l.Check(t.Context(), b.r.Newest()); len(faults) > 0 {
		t.Error(faults)
	}
}

// TestGap has a store that can't be written: what is accepted is one version later on.
func TestGap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	b := newBench(t, dir)
	z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1"})
	b.mustAccept(zonesource.Cause{}, z)
	err := errors.Join(os.Rename(dir, dir+".away"), os.WriteFile(dir, nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		z = changed(t, z, "www.example.com.", fmt.Sprintf("10.0.1.%d", i))
		err = b.accept(zonesource.Cause{Kind: zonesource.ByUpdate, Actor: fmt.Sprint(i)}, z)
		if err == nil {
			t.Fatal("written to a file")
		}
	}
	if s := b.r.Status(); s.Text() != "1+" || s.Err == nil || s.Alarms["unwritable"] != 1 || len(b.r.waiting) > maxGroups {
		t.Errorf("%+v, %d wait", s, len(b.r.waiting))
	}
	if n := strings.Count(b.log.String(), "ledger can't be written"); n != 1 {
		t.Errorf("said %d times", n)
	}
	err = errors.Join(os.Remove(dir), os.Rename(dir+".away", dir))
	if err != nil {
		t.Fatal(err)
	}
	b.mustAccept(zonesource.Cause{})
	if s := b.r.Status(); s.Gap || s.Err != nil {
		t.Errorf("%+v", s)
	}
	lines := b.history(Query{Name: "www.example.com.", Limit: 1})
	if len(lines) != 1 || lines[0].After[0] != "10.0.1.99" || lines[0].Actor != "99" {
		t.Errorf("%+v", lines)
	}
	if faults := b.l.Check(t.Context(), b.r.Newest()); len(faults) > 0 {
		t.Error(faults)
	}
}

// TestDamage loses and damages files of the ledger: it is whole again with the next change.
func TestDamage(t *testing.T) {
	for _, path := range []string{"head", "commit", "list", "page"} {
		t.Run(path, func(t *testing.T) {
			for _, lose := range []bool{true, false} {
				dir := t.TempDir()
				b := newBench(t, dir)
				z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1"})
				b.mustAccept(zonesource.Cause{}, z)
				spoil(t, filepath.Join(dir, path), lose)
				b = newBench(t, dir)
				z = changed(t, z, "www.example.com.", "10.0.0.2")
				b.r.Accept([]zonesource.Accepted{{Key: z.Key, Part: z, Cause: zonesource.Cause{Kind: zonesource.BySaved}}})
				for range 3 { // what isn't made at once is tried again
					err := b.r.write(t.Context())
					if err == nil {
						break
					}
				}
				if s := b.r.Status(); s.Version < 2 {
					t.Fatalf("%+v\n%s", s, b.log.String())
				}
				p, err := Zone(t.Context(), b.l, b.r.Newest(), "Z1")
				if err != nil || !sameZone(p, z) {
					t.Errorf("not whole: %v", err)
				}
			}
		})
	}
}

// spoil damages or removes all files below a path.
func spoil(t *testing.T, path string, lose bool) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if lose {
			return os.Remove(path)
		}
		return os.WriteFile(path, []byte("{damaged"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// deliverer is a source of parts.
type deliverer chan zonesource.Part

func (d deliverer) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p := <-d:
			deliver(p)
		}
	}
}

// TestRun writes beside a keeper, which never waits for it, and what is left when the
// process ends.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, filepath.Join(dir, "ledger"))
	k, err := zonesource.NewKeeper(zonesource.Options{
		Config:   zonesource.Config{Expected: []zonesource.Key{{Source: "route53", Name: "catalog/"}}, MaxShrink: 0.5},
		StateDir: dir, Publish: func(*zone.Snapshot) {}, Accepted: b.r.Accept,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = k.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	source, ended := deliverer(make(chan zonesource.Part)), make(chan error, 2)
	go func() { ended <- k.Run(ctx, source) }()
	z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1", "mail.example.com.": "10.0.0.2"})
	source <- z
	recording, stopRecording := context.WithCancel(t.Context())
	go func() { ended <- b.r.Run(recording) }()
	await(t, func() bool { return b.r.Status().Text() == "1" })
	set, err := zone.NewRecords(zone.TypeA, 60, []byte{10, 0, 0, 9})
	if err != nil {
		t.Fatal(err)
	}
	err = k.Amend(&zonesource.Amendment{Source: "route53", Zone: "Z1", Accepted: time.Now(), Actor: "ops. from 10.0.0.7",
		Change: "C1", Sets: []zonesource.Amended{{Name: zone.MustName("www.example.com."), Type: zone.TypeA, Set: set}}})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	err = <-ended
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	stopRecording()
	err = errors.Join(<-ended, k.Close())
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	lines := b.history(Query{Name: "www.example.com."})
	if len(lines) != 2 || lines[0].Actor != "ops. from 10.0.0.7" || lines[0].AWSChange != "C1" ||
		lines[0].BeforeTTL != 300 || lines[0].AfterTTL != 60 {
		t.Errorf("%+v", lines)
	}
}

func await(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never comes to that")
		}
	}
}

// waits is how many wait for a commit.
func (b *bench) waits() int {
	b.r.mu.Lock()
	defer b.r.mu.Unlock()
	n := 0
	for _, g := range b.r.waiting {
		n += len(g.extra.waits)
	}
	return n
}

// TestCrowdedEvents accepts more changes by events than are written meanwhile, each waited for: the first are versions
// of their own, with the change that AWS names; the others become one, which names who made them. An update
// between them stays one.
func TestCrowdedEvents(t *testing.T) {
	const events = 40
	b := newBench(t, t.TempDir())
	z := zonePart(t, "Z1", map[string]string{"www.example.com.": "10.0.0.1"})
	b.mustAccept(zonesource.Cause{}, z)
	accept := func(c zonesource.Cause, n int) {
		z = changed(t, z, fmt.Sprintf("h%d.example.com.", n), "10.0.0.9")
		b.r.Accept([]zonesource.Accepted{{Key: z.Key, Part: z, Cause: c}})
	}
	var waits sync.WaitGroup
	await := func() { // somebody waits for what was accepted
		before := b.waits()
		waits.Go(func() {
			err := b.r.Commit(t.Context(), Change{})
			if err != nil {
				t.Error(err)
			}
		})
		for b.waits() == before {
			time.Sleep(time.Millisecond)
		}
	}
	for n := range events {
		actor, change := []string{"ann", "bob"}[n%2], fmt.Sprintf("C%d", n)
		accept(zonesource.Cause{Kind: zonesource.ByEvent, Actor: actor, Change: change}, n)
		await()
	}
	accept(zonesource.Cause{Kind: zonesource.ByUpdate, Actor: "ops.", Change: "U"}, events)
	for n := range 7 {
		accept(zonesource.Cause{Kind: zonesource.ByEvent, Actor: fmt.Sprintf("user-%d", n)}, events+1+n)
	}
	await()
	b.mustAccept(zonesource.Cause{})
	waits.Wait()
	const most = 1 + crowded + 1 + 1 + 1
	if n := b.r.Newest().Number(); n > most {
		t.Errorf("%d versions, not %d", n, most)
	}
	lines := brief(b.history(Query{}))
	for _, want := range []string{
		"2 event by ann: h0.example.com. A  -> 10.0.0.9 C0",
		"5 event by bob: h3.example.com. A  -> 10.0.0.9 C3",
		"6 event by ann, bob: h4.example.com. A  -> 10.0.0.9",
		"6 event by ann, bob: h39.example.com. A  -> 10.0.0.9",
		"7 update by ops.: h40.example.com. A  -> 10.0.0.9 U",
		"8 event by user-0, user-1, user-2, user-3, user-4, and others: h47.example.com. A  -> 10.0.0.9",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the history hasn't %q", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(lines, "\n"))
	}
}
