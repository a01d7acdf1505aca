//go:build linux

package load

import (
	"bytes"
	"testing"
	"time"
)

// query asks for host.example. A; its question ends at questionEnd.
var query = []byte("\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04host\x07example\x00\x00\x01\x00\x01")

// good is the answer 10.1.2.3.
var good = append(append([]byte("\x01\x02\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"), query[headerSize:]...),
	"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x01\x02\x03"...)

func changed(at int, to byte) []byte {
	a := bytes.Clone(good)
	a[at] = to
	return a
}

func TestCheck(t *testing.T) {
	data := Want{Address: [4]byte{10, 1, 2, 3}, Length: 4}
	tail := Want{Address: [4]byte{99, 1, 2, 3}, Length: 3}
	absent := Want{Rcode: 3}
	last := len(good) - 1
	for _, c := range []struct {
		name    string
		want    Want
		answer  []byte
		address bool
		fault   fault
	}{
		{"right", data, good, true, fine},
		{"right in the octets that count", tail, good, true, fine},
		{"the other address", data, changed(last, 4), true, wrongAddress},
		{"the other address, not looked for", data, changed(last, 4), false, fine},
		{"the other address in the octets that count", tail, changed(last, 4), true, wrongAddress},
		{"too short", data, good[:11], true, notAnAnswer},
		{"a query", data, query, true, notAnAnswer},
		{"cut in the question", data, good[:20], true, otherQuestion},
		{"another name", data, changed(14, 'x'), true, otherQuestion},
		{"another type", data, changed(len(query)-3, 28), true, otherQuestion},
		{"TC", data, changed(2, 0x83), true, truncated},
		{"SERVFAIL", data, changed(3, 0x82), true, wrongRcode},
		{"NXDOMAIN where there is data", data, changed(3, 0x83), true, wrongRcode},
		{"NODATA where there is data", data, changed(7, 0), true, noRecord},
		{"NXDOMAIN as expected", absent, changed(3, 0x83), true, fine},
		{"data where there is none", absent, good, true, wrongRcode},
	} {
		got := c.want.check(query, c.answer, questionEnd(query), c.address)
		if got != c.fault {
			t.Errorf("%s: %s, want %s", c.name, got, c.fault)
		}
	}
}

// counted is a stream of n times the same query.
type counted struct{ n int }

func (s *counted) Next(b []byte) (int, Want) {
	if s.n == 0 {
		return 0, Want{}
	}
	s.n--
	return copy(b, query), Want{Address: [4]byte{10, 1, 2, 3}, Length: 4}
}

// answerTo is the good answer with the id of q.
func answerTo(q *slot) []byte {
	a := bytes.Clone(good)
	copy(a, q.buf[2:4])
	return a
}

func TestLane(t *testing.T) {
	var counts tally
	counts.latency = new(latencies)
	l := newLane(-1, 4, &counts)
	s := &counted{n: 6}
	first, second := l.load(s, 0), l.load(s, 0)
	l.answer(answerTo(first), time.Millisecond)
	l.answer(answerTo(first), time.Millisecond) // again: nothing is outstanding in its slot
	third := l.load(s, 0)
	if third != first {
		t.Fatal("a free slot was not used again")
	}
	old := answerTo(first)
	old[0]--
	l.answer(old, time.Millisecond) // to the slot's last query
	l.answer(changed(1, 200), 0)    // no such slot
	l.answer(answerTo(second), time.Millisecond)
	l.expire(2*time.Second, time.Second)
	if counts.Answered != 2 || counts.Stray != 3 || counts.Lost != 1 || counts.Bad != 0 || l.outstanding() != 0 {
		t.Errorf("counted %+v with %d outstanding", counts.Result, l.outstanding())
	}
}

func TestQuantile(t *testing.T) {
	var l latencies
	for i := 1; i <= 1000; i++ {
		l.add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0: time.Microsecond, .5: 501 * time.Microsecond,
		.99: 991 * time.Microsecond} {
		got := l.quantile(q)
		if got > want || got < want*96/100 {
			t.Errorf("quantile %g is %s, want %s to 4 %%", q, got, want)
		}
	}
	for v := range uint64(1 << 16) {
		b := bucketOf(v)
		if lowerBound(b) > v || lowerBound(b+1) <= v {
			t.Fatalf("%d is in the bucket from %d to %d", v, lowerBound(b), lowerBound(b+1))
		}
	}
}

func TestParseStat(t *testing.T) {
	id, p, err := parseStat([]byte("42 (a) b (c) S 7 1 1 0 -1 4194560 10 0 0 0 11 22 33 44 20 0 1 0 5 6 7"))
	if err != nil || id != 42 || p.parent != 7 || p.cpu != 110*tick {
		t.Errorf("got %d, %+v, %v", id, p, err)
	}
	for _, text := range []string{"", "42", "x (a) S 7", "42 (a) S 7 1",
		"42 (a) S x 1 1 0 -1 4194560 10 0 0 0 11 22 33 44 20"} {
		_, _, err := parseStat([]byte(text))
		if err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
