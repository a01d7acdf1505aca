package update

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inside53/zonesource/changes"
	"inside53/zonesource/ledger"
)

// book is the part of intents that leaders of a test share, each with a page of its own.
type book struct {
	mu      sync.Mutex
	records map[string][]byte
	commits int
}

// page is one leader's time.
type page struct {
	book *book

	mu           sync.Mutex
	away, unread bool // nothing is committed; nothing can be read
	stale        bool // the lease
	lostAnswer   int  // so many commits are made and not said to be
}

func (p *page) set(change func(*page)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *page) Commit(_ context.Context, _ string, records []ledger.Record) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return errors.New("away")
	}
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	p.book.commits++
	sorted := slices.IsSortedFunc(records, func(a, b ledger.Record) int { return bytes.Compare(a.Key, b.Key) })
	if !sorted {
		return errors.New("records out of order")
	}
	for _, r := range records {
		if r.Value == nil {
			delete(p.book.records, string(r.Key))
			continue
		}
		p.book.records[string(r.Key)] = bytes.Clone(r.Value)
	}
	if p.lostAnswer > 0 {
		p.lostAnswer--
		return errors.New("lost")
	}
	return nil
}

func (p *page) Records(context.Context) iter.Seq2[ledger.Record, error] {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.book.mu.Lock()
	defer p.book.mu.Unlock()
	var all []ledger.Record
	for key, value := range p.book.records {
		all = append(all, ledger.Record{Key: []byte(key), Value: value})
	}
	unread := p.unread
	return func(yield func(ledger.Record, error) bool) {
		if unread {
			yield(ledger.Record{}, errors.New("unread"))
			return
		}
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (p *page) Fresh(time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.stale
}

// keys are those of the records with a prefix.
func (b *book) keys(prefix string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for key := range b.records {
		if strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// lead ends the leader of w, and has another one lead.
func (w *world) lead(b *book, change func(*page)) *page {
	w.t.Helper()
	w.stop()
	p := &page{book: b}
	if change != nil {
		change(p)
	}
	w.term = p
	w.begin(w.t.TempDir())
	return p
}

func newBook() *book { return &book{records: map[string][]byte{}} }

// signed is a message with an id.
func signed(t *testing.T, mac string, lines ...string) *Message {
	t.Helper()
	m := message(t, lines...)
	m.Key, m.ID, m.Signed = "ops.", NewMessageID("ops.", apex, mac), time.Now()
	return m
}

// TestRepeated gets the first result under the next leader too, whatever was changed since, and
// makes nothing again.
func TestRepeated(t *testing.T) {
	w, b := newWorld(t, nil), newBook()
	w.lead(b, nil)
	made := signed(t, "01", "? x.example.net. 0 NONE ANY", "x.example.net. 60 IN A 10.0.0.1")
	idle := signed(t, "02", "gone.example.net. 0 ANY A")
	got := w.send(made)
	got = append(got, w.send(idle)...)
	if !good(got) || len(b.keys(batchPrefix)) != 0 || len(b.keys(messagePrefix)) != 2 {
		t.Fatalf("%q, left %q", got, b.keys(""))
	}
	if got = w.send(signed(t, "03", "gone.example.net. 60 IN A 10.0.0.2")); !good(got) {
		t.Fatalf("%q", got)
	}
	w.lead(b, nil)
	_, before := w.calls()
	got = append(w.send(made), w.send(idle)...)
	_, after := w.calls()
	if !good(got) || after != before || w.has("gone.example.net.", "A") == "" {
		t.Errorf("again: %q, %d batches more, %q", got, after-before, w.has("gone.example.net.", "A"))
	}
	got = w.send(signed(t, "04", "? x.example.net. 0 NONE ANY", "x.example.net. 60 IN A 10.0.0.1"))
	if good(got) {
		t.Error("another message with the same content is a repetition")
	}
}

// TestLeftUnfinished has a leader end before the result of a batch is committed. The next one
// finds out by reading: what was made is made, also for who repeats it, and what wasn't is
// never made.
func TestLeftUnfinished(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		w, b := newWorld(t, nil), newBook()
		first := w.lead(b, nil)
		m := signed(t, "01", "x.example.net. 60 IN A 10.0.0.1")
		w.ending(&endingClient{client: w.updater.client(""), arrives: arrived, before: func() {
			first.set(func(p *page) { p.away = true })
		}})
		got := w.send(m)
		if good(got) || len(b.keys(batchPrefix)) != 1 || len(b.keys(messagePrefix)) != 1 {
			t.Fatalf("%q, left %q", got, b.keys(""))
		}
		w.lead(b, nil)
		w.await("it is settled", func() bool { return len(b.keys(batchPrefix)) == 0 })
		_, before := w.calls()
		got = w.send(m)
		_, after := w.calls()
		if good(got) != arrived || after != before || (w.has("x.example.net.", "A") != "") != arrived {
			t.Errorf("arrived %v: %q, %d batches, %q", arrived, got, after-before, w.has("x.example.net.", "A"))
		}
		if arrived != (w.serves("x.example.net.", 1) == 1) {
			t.Errorf("arrived %v, serves %d", arrived, w.serves("x.example.net.", 1))
		}
		if got = w.send(signed(t, "02", "x.example.net. 60 IN A 10.0.0.2")); !good(got) {
			t.Errorf("arrived %v, then: %q", arrived, got)
		}
	}
}

// endingClient sends its last batch, or doesn't.
type endingClient struct {
	client
	arrives bool
	before  func()
}

func (l *endingClient) Submit(ctx context.Context, z changes.Zone, b changes.Batch) (string, error) {
	l.before()
	if l.arrives {
		_, _ = l.client.Submit(ctx, z, b)
	}
	return "", changes.ErrUnknown
}

func (l *endingClient) RecordsOf(context.Context, changes.Zone, []string) ([]changes.RecordSet, error) {
	return nil, errors.New("it ends")
}

func (w *world) ending(c *endingClient) {
	w.updater.mu.Lock()
	defer w.updater.mu.Unlock()
	w.updater.clients = map[string]client{"": c}
}

// TestUnsettled holds updates back for names of which nobody knows yet what has become of
// them, and no others.
func TestUnsettled(t *testing.T) {
	w, b := newWorld(t, nil), newBook()
	w.lead(b, nil)
	w.client(&lostClient{client: w.updater.client("")})
	m := signed(t, "01", "x.example.net. 60 IN A 10.0.0.1")
	if got := w.send(m); good(got) {
		t.Fatalf("%q", got)
	}
	var c *lostClient
	w.before = func(u *Updater) { // it knows of nothing what has become of it
		c = &lostClient{client: u.client("")}
		u.clients = map[string]client{"": c}
	}
	w.lead(b, nil)
	w.before = nil
	got := w.send(signed(t, "02", "x.example.net. 60 IN A 10.0.0.2"))
	if len(got) != 1 || !strings.Contains(got[0], "isn't known yet") {
		t.Errorf("%q", got)
	}
	other := w.send(signed(t, "03", "? x.example.net. 0 IN A 10.0.0.1", "y.example.net. 60 IN A 10.0.0.2"))
	if len(other) != 1 || !strings.Contains(other[0], "isn't known yet") {
		t.Errorf("a prerequisite: %q", other)
	}
	w.updater.mu.Lock()
	w.updater.clients = map[string]client{"": c.client}
	w.updater.mu.Unlock()
	if got = w.send(m); !good(got) {
		t.Errorf("then %q", got)
	}
	if got = w.send(signed(t, "05", "x.example.net. 60 IN A 10.0.0.2")); !good(got) {
		t.Errorf("then %q", got)
	}
}

// TestNotLeading calls nobody without a fresh lease, without a commit, and before what earlier
// leaders have left is read.
func TestNotLeading(t *testing.T) {
	w, b := newWorld(t, nil), newBook()
	p := w.lead(b, func(p *page) { p.unread = true })
	for i, change := range []func(*page){
		func(p *page) {},
		func(p *page) { p.unread, p.away = false, true },
		func(p *page) { p.away, p.stale = false, true },
	} {
		p.set(change)
		w.await("what can be read is read", func() bool {
			_, known := w.updater.journal.result(&Message{})
			return known == (i == 0)
		})
		got := w.send(signed(t, "01", "x.example.net. 60 IN A 10.0.0.1"))
		_, batches := w.calls()
		if good(got) || batches != 0 {
			t.Errorf("%d: %q, %d batches", i, got, batches)
		}
	}
	p.set(func(p *page) { p.stale, p.lostAnswer = false, 2 })
	if got := w.send(signed(t, "01", "x.example.net. 60 IN A 10.0.0.1")); good(got) {
		t.Errorf("with an intent in doubt: %q", got)
	}
	p.set(func(p *page) { p.lostAnswer = 0 })
	got := w.send(signed(t, "01", "x.example.net. 60 IN A 10.0.0.1"))
	_, batches := w.calls()
	if !good(got) || batches != 1 || len(b.keys(batchPrefix)) != 0 || len(b.keys(messagePrefix)) != 1 {
		t.Errorf("%q after %d batches, left %q", got, batches, b.keys(""))
	}
}

// TestUnconfirmed answers nothing good before the result is committed, and the repetition
// once it is.
func TestUnconfirmed(t *testing.T) {
	w, b := newWorld(t, nil), newBook()
	p := w.lead(b, nil)
	m := signed(t, "01", "x.example.net. 60 IN A 10.0.0.1")
	inner := w.updater.client("")
	w.updater.mu.Lock()
	w.updater.clients = map[string]client{"": &goneAfter{inner, func() { p.set(func(p *page) { p.away = true }) }}}
	w.updater.mu.Unlock()
	if got := w.send(m); good(got) || w.has("x.example.net.", "A") == "" {
		t.Fatalf("%q, has %q", got, w.has("x.example.net.", "A"))
	}
	p.set(func(p *page) { p.away = false })
	w.await("it is confirmed", func() bool { return len(b.keys(batchPrefix)) == 0 })
	got := w.send(m)
	if _, batches := w.calls(); !good(got) || batches != 1 {
		t.Errorf("%q after %d batches", got, batches)
	}
}

// goneAfter calls after each batch.
type goneAfter struct {
	client
	after func()
}

func (l *goneAfter) Submit(ctx context.Context, z changes.Zone, b changes.Batch) (string, error) {
	defer l.after()
	return l.client.Submit(ctx, z, b)
}

// TestForgotten takes out what nobody can repeat any more, with the next commit.
func TestForgotten(t *testing.T) {
	w, b := newWorld(t, nil), newBook()
	w.lead(b, nil)
	old := signed(t, "01", "x.example.net. 60 IN A 10.0.0.1")
	old.Signed = time.Now().Add(-rememberFor - time.Minute)
	if got := w.send(old); !good(got) {
		t.Fatalf("%q", got)
	}
	if got := w.send(signed(t, "02", "y.example.net. 60 IN A 10.0.0.1")); !good(got) {
		t.Fatalf("%q", got)
	}
	keys := b.keys(messagePrefix)
	if len(keys) != 1 {
		t.Errorf("left %q", keys)
	}
}
