package handon

import (
	"bufio"
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pires/go-proxyproto"
)

var client4, client6 = netip.MustParseAddrPort("192.0.2.1:4711"), netip.MustParseAddrPort("[2001:db8::1]:53")

func testKeys(t testing.TB, secrets ...string) keys {
	t.Helper()
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(s))
	}
	k, err := newKeys(all)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// headers are some of all forms.
func headers() []Header {
	return []Header{
		{client4, false, DNS, 1_800_000_000}, {client4, true, DNS, 0},
		{client6, false, HTTP, -1}, {client6, true, DNS, 1 << 62},
	}
}

// TestHeader reads what is written, and the library that the field uses reads the same.
func TestHeader(t *testing.T) {
	k := testKeys(t, "first", "second")
	message := []byte("message")
	for _, h := range headers() {
		b, err := k.append([]byte("before"), h, message)
		if err != nil {
			t.Fatal(err)
		}
		b = b[len("before"):]
		if len(b) > MaxHeader {
			t.Errorf("%d octets, more than %d", len(b), MaxHeader)
		}
		got, err := parse(b)
		if err != nil || got != h {
			t.Errorf("read %v (%v), want %v", got, err, h)
		}
		if h.Client.Addr().Is6() != (len(b) == MaxHeader) {
			t.Errorf("%v: %d octets", h, len(b))
		}
		wantAsLibrary(t, b, h)
		for _, believed := range []keys{k, testKeys(t, "other", "first")} {
			err = believed.verify(b, message)
			if err != nil {
				t.Errorf("%v: %v", h, err)
			}
		}
		for what, err := range map[string]error{
			"another key": testKeys(t, "second").verify(b, message), "another message": k.verify(b, []byte("messagf")),
			"no key": keys(nil).verify(b, message),
		} {
			if err == nil {
				t.Errorf("%v is believed with %s", h, what)
			}
		}
	}
	_, err := keys(nil).append(nil, headers()[0], nil)
	if err == nil {
		t.Error("signed without a key")
	}
}

// wantAsLibrary holds a header against what go-proxyproto reads of it.
func wantAsLibrary(t *testing.T, b []byte, h Header) {
	t.Helper()
	r, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatalf("the library doesn't read %x: %v", b, err)
	}
	var client netip.AddrPort
	datagram := false
	switch a := r.SourceAddr.(type) {
	case *net.TCPAddr:
		client = a.AddrPort()
	case *net.UDPAddr:
		client, datagram = a.AddrPort(), true
	}
	client = netip.AddrPortFrom(client.Addr().Unmap(), client.Port())
	fields, err := r.TLVs()
	if err != nil {
		t.Fatal(err)
	}
	if client != h.Client || datagram != h.Datagram || len(fields) != 1 || fields[0].Type != fieldType ||
		len(fields[0].Value) != fieldSize || fields[0].Value[0] != byte(h.Kind) {
		t.Errorf("the library reads %v %v %v of %v", client, datagram, fields, h)
	}
}

func TestHeaderSize(t *testing.T) {
	b, err := testKeys(t, "key").append(nil, headers()[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(b) + 1 {
		size, is := HeaderSize(b[:n])
		want := len(b)
		if n < fixedSize {
			want = 0
		}
		if size != want || !is {
			t.Errorf("%d octets: %d, %v", n, size, is)
		}
	}
	for _, text := range []string{"\x00", "\r\n\r\n\x00\r\nQUIT\r", "\x00\x1d\x00\x01"} {
		size, is := HeaderSize([]byte(text))
		if size != 0 || is {
			t.Errorf("%q: %d, %v", text, size, is)
		}
	}
	b[atLength] = 1
	_, is := HeaderSize(b)
	if is {
		t.Error("a header of more octets than any has")
	}
}

// TestSeen remembers for as long as a header is good, and bounds what it remembers.
func TestSeen(t *testing.T) {
	header := func(n byte) []byte { return append(make([]byte, 16), append([]byte{n}, make([]byte, 31)...)...) }
	var s seen
	now := time.Unix(1_800_000_000, 0)
	for _, tt := range []struct {
		n     byte
		after time.Duration
		want  error
	}{
		{1, 0, nil}, {1, 0, errSeen}, {2, seenFor - time.Second, nil}, {1, seenFor, errSeen},
		{2, seenFor + time.Minute, errSeen},
		{3, seenFor + time.Minute, nil}, {2, 2*seenFor - 2*time.Second, errSeen}, {3, 3*seenFor - time.Second, errSeen},
		{1, 9 * seenFor, nil},
	} {
		err := s.add(header(tt.n), now.Add(tt.after))
		if !cmp.Equal(err, tt.want, cmpopts.EquateErrors()) {
			t.Errorf("%d after %s: %v, want %v", tt.n, tt.after, err, tt.want)
		}
	}
	for i := range seenMost {
		s.recent[[16]byte{byte(i), byte(i >> 8), byte(i >> 16), 9}] = struct{}{}
	}
	err := s.add(header(200), now.Add(9*seenFor))
	if err != errFull {
		t.Errorf("with %d: %v", seenMost, err)
	}
}

// FuzzHeader holds what is accepted against the library, and writes it again.
func FuzzHeader(f *testing.F) {
	k := testKeys(f, "key")
	for _, h := range headers() {
		b, err := k.append(nil, h, []byte("message"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte("message"))
		f.Add(b[:20], []byte{})
	}
	f.Fuzz(func(t *testing.T, b, message []byte) {
		size, is := HeaderSize(b)
		if size > len(b) || !is || size == 0 {
			return
		}
		b = b[:size]
		h, err := parse(b)
		if err != nil {
			return
		}
		wantAsLibrary(t, b, h)
		again, err := k.append(nil, h, message)
		if err != nil {
			t.Fatal(err)
		}
		read, err := parse(again)
		if err != nil || read != h || k.verify(again, message) != nil {
			t.Errorf("%x read as %v, written as %x, read as %v (%v)", b, h, again, read, err)
		}
	})
}

// FuzzRequest answers whatever comes as a request.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("POST /accept?zone=a HTTP/1.1\r\nHost: fleet\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"))
	d := NewDoor(Fleet{}, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		size, is := RequestSize(b)
		if size == 0 || !is {
			return
		}
		if size > MaxRequest {
			t.Fatalf("a request of %d octets", size)
		}
		if !bytes.HasPrefix(d.Answer(Header{Client: client4}, b[:size]), []byte("HTTP/1.1 400 ")) {
			t.Error("answered without anybody who could")
		}
	})
}
