package forward

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
)

// differ compares two answers in all but what a saved one leaves out: the queries that it took.
func differ(a, b *Message) string {
	return cmp.Diff([]any{*a, a.RRs(), a.Body(), a.Reason()}, []any{*b, b.RRs(), b.Body(), b.Reason()},
		cmpopts.IgnoreUnexported(Message{}), cmpopts.EquateEmpty())
}

// warm returns a forwarder, its clock and its group, with the answers to questions about records in its cache.
func warm(t testing.TB, records ...string) (*Forwarder, *Group, int64) {
	t.Helper()
	const now = 5000
	f, err := New(Options{Now: func() time.Time { return time.Unix(now, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	g := newGroup(t, f, "192.0.2.1")
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		keepAnswer(t, f, g, rr, now)
	}
	return f, g, now
}

// keepAnswer puts an answer into the cache as an upstream's goes into it.
func keepAnswer(t testing.TB, f *Forwarder, g *Group, rr dns.RR, now int64) {
	t.Helper()
	q := question(t, rr.Header().Name, rr.Header().Rrtype)
	m := new(dns.Msg)
	m.SetQuestion(rr.Header().Name, rr.Header().Rrtype)
	m.Response = true
	m.Answer = []dns.RR{rr}
	var w walker
	e, verdict := w.read(pack(t, m), q, now)
	if verdict != isAnswer {
		t.Fatalf("%s: verdict %d", rr, verdict)
	}
	e.group = g.id
	f.cache.add(f.cache.hash(g.id, q), e)
}

func savedBytes(t testing.TB, f *Forwarder, want int) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := f.Save(&b)
	if err != nil || n != want {
		t.Fatalf("saved %d answers, %v; want %d", n, err, want)
	}
	return b.Bytes()
}

func savedRecords() []string {
	return []string{
		"www.example. 300 IN A 192.0.2.7", "www.example. 300 IN AAAA 2001:db8::7",
		"mail.example. 60 IN MX 10 mx.example.", `\000odd\.name.example. 60 IN TXT "a" "b"`,
		"svc.example. 60 IN HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",
	}
}

// TestSaved: what was saved is there after a restart, as it was, in the group of the same upstreams alone, whether the
// group is made before or after.
func TestSaved(t *testing.T) {
	for _, first := range []string{"group", "cache"} {
		t.Run(first+" first", func(t *testing.T) {
			f, g, now := warm(t, savedRecords()...)
			f.cache.lookup(g.id, question(t, "www.example.", dns.TypeA), now+5) // is frequent now
			file := savedBytes(t, f, len(savedRecords()))

			next, err := New(Options{Now: func() time.Time { return time.Unix(now+100, 0) }})
			if err != nil {
				t.Fatal(err)
			}
			var again, other *Group
			if first == "group" {
				again = newGroup(t, next, "192.0.2.1")
			}
			n, err := next.Restore(bytes.NewReader(file))
			if err != nil || n != len(savedRecords()) {
				t.Fatalf("restored %d, %v", n, err)
			}
			other = newGroup(t, next, "192.0.2.2")
			if first == "cache" {
				again = newGroup(t, next, "192.0.2.1")
			}
			for _, text := range savedRecords() {
				rr, err := dns.NewRR(text)
				if err != nil {
					t.Fatal(err)
				}
				q := question(t, rr.Header().Name, rr.Header().Rrtype)
				was, is := f.Cached(g, q, now+100), next.Cached(again, q, now+100)
				if is.State != was.State || is.Age != 100 {
					t.Fatalf("%s: state %d, age %d; want %d, 100", text, is.State, is.Age, was.State)
				}
				if diff := differ(was.Message, is.Message); diff != "" {
					t.Errorf("%s (-was +is):\n%s", text, diff)
				}
				if found := next.Cached(other, q, now+100); found.State != Miss {
					t.Errorf("%s: another group has it too", text)
				}
			}
			if kept := next.cache.shards; len(kept) > 0 && next.Stats().Bytes != f.Stats().Bytes {
				t.Errorf("%d bytes, %d before", next.Stats().Bytes, f.Stats().Bytes)
			}
		})
	}
}

// TestRestoreKeepsNews: what the cache has learnt since it started is newer than what was saved.
func TestRestoreKeepsNews(t *testing.T) {
	f, _, _ := warm(t, "www.example. 300 IN A 192.0.2.7")
	file := savedBytes(t, f, 1)
	next, g, now := warm(t, "www.example. 300 IN A 192.0.2.8")
	_, err := next.Restore(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	found := next.Cached(g, question(t, "www.example.", dns.TypeA), now)
	if got := found.Data(dns.TypeA); len(got) != 1 || got[0][3] != 8 {
		t.Errorf("the answer is %v", got)
	}
}

// TestSavedNoMore: failures, what is too old, and what comes from the future isn't restored.
func TestSavedNoMore(t *testing.T) {
	f, g, now := warm(t, "www.example. 300 IN A 192.0.2.7")
	q := question(t, "dead.example.", dns.TypeA)
	e := newEntry(&contents{name: q.Name})
	e.key, e.Flags, e.TTL, e.Stored = key{group: g.id, typ: q.Type}, IsFailure, 5, now
	f.cache.add(f.cache.hash(g.id, q), e)
	file := savedBytes(t, f, 1)
	for _, at := range []int64{now - 10, now + 300 + staleFor} {
		next, err := New(Options{Now: func() time.Time { return time.Unix(at, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		n, err := next.Restore(bytes.NewReader(file))
		if err != nil || n != 0 {
			t.Errorf("at %d: restored %d, %v", at, n, err)
		}
	}
}

// TestRestoreDamaged: a file that is cut or has an octet that differs is an error with the place; what stands before
// is restored, and nothing of it differs.
func TestRestoreDamaged(t *testing.T) {
	f, was, now := warm(t, savedRecords()...)
	file := savedBytes(t, f, len(savedRecords()))
	damaged := map[string][]byte{"empty": {}, "other": []byte("inside53 cache 2\n")}
	for i := range file {
		damaged[fmt.Sprintf("octet %d", i)] = append(append(bytes.Clone(file[:i]), file[i]^0x11), file[i+1:]...)
		if i > len(savedMagic) && i%3 == 0 {
			damaged[fmt.Sprintf("cut at %d", i)] = file[:i]
		}
	}
	for name, content := range damaged {
		next, g, _ := warm(t)
		n, err := next.Restore(bytes.NewReader(content))
		whole := strings.HasPrefix(name, "cut") && n > 0 && err == nil // between two records
		if err == nil && !whole {
			t.Errorf("%s: no error", name)
		}
		if n >= len(savedRecords()) {
			t.Errorf("%s: restored %d", name, n)
		}
		for _, text := range savedRecords() {
			rr, _ := dns.NewRR(text)
			q := question(t, rr.Header().Name, rr.Header().Rrtype)
			found := next.Cached(g, q, now)
			if found.State == Miss {
				continue
			}
			if diff := differ(f.Cached(was, q, now).Message, found.Message); diff != "" {
				t.Errorf("%s: %s (-was +is):\n%s", name, text, diff)
			}
		}
	}
}

// fullDisk takes so many octets.
type fullDisk int

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > int(*d) {
		n := int(*d)
		*d = 0
		return n, errors.New("disk full")
	}
	*d -= fullDisk(len(p))
	return len(p), nil
}

func TestSaveFails(t *testing.T) {
	f, _, _ := warm(t, savedRecords()...)
	room := fullDisk(100)
	_, err := f.Save(&room)
	if err == nil {
		t.Error("no error")
	}
}

// FuzzRestore: no file makes readers walk out of a message.
func FuzzRestore(f *testing.F) {
	full, _, _ := warm(f, savedRecords()...)
	file := savedBytes(f, full, len(savedRecords()))
	in := savedReader{table: castagnoli(), groups: []string{"192.0.2.1"}}
	for at := len(savedMagic); at < len(file); {
		size := int(file[at+2])<<8 | int(file[at+3])
		f.Add(file[at+4 : at+4+size])
		at += 4 + size + 4
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, _, ok := in.entry(content)
		if !ok {
			return
		}
		s.Data(s.typ)
	})
}
