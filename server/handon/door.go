package handon

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// Door lets in what other servers hand on. Its methods are safe for concurrent use. Until it
// has keys it lets nothing in.
type Door struct {
	end
	paths http.Handler
	seen  seen
}

// NewDoor returns a door without keys. It counts what came by "dns", "http", or why it was
// refused: "form", "mac", "age", "seen", "full", "follower". Requests of the kind HTTP are for
// paths.
func NewDoor(f Fleet, paths http.Handler) *Door {
	d := &Door{paths: paths}
	d.begin(f)
	return d
}

// Admits reports whether a connection of that address may begin with a header.
func (d *Door) Admits(addr netip.Addr) bool { return len(*d.keys.Load()) > 0 && d.fleet.Member(addr) }

// Kind returns the kind of the message that comes behind a header. What else the header says
// isn't vouched for before [Door.Open].
func (d *Door) Kind(header []byte) (Kind, error) {
	h, err := parse(header)
	if err == nil {
		err = d.age(h)
	}
	if err != nil {
		d.refused(err)
	}
	return h.Kind, err
}

func (d *Door) age(h Header) error {
	away := d.fleet.Now().Unix() - h.Time
	if max(away, -away) > int64(MaxAge/time.Second) {
		return errAge
	}
	return nil
}

// Open says whose the message is behind a header. The error says why the connection is to be
// closed.
func (d *Door) Open(header, message []byte) (Header, error) {
	h, err := parse(header)
	if err == nil {
		err = d.age(h)
	}
	if err == nil {
		err = d.keys.Load().verify(header, message)
	}
	if err == nil {
		err = d.seen.add(header, d.fleet.Now())
	}
	if err != nil {
		d.refused(err)
		return Header{}, err
	}
	return h, nil
}

// refused counts a header that isn't good.
func (d *Door) refused(why error) {
	d.fleet.Count(map[error]string{
		errForm: "form", errMAC: "mac", errAge: "age", errSeen: "seen", errFull: "full",
	}[why])
}

// Lead returns nothing where this server leads. Else it is what is to be answered in place of
// an answer: that it doesn't, and who does.
func (d *Door) Lead(k Kind) []byte {
	self, leader := d.fleet.Leader()
	if self {
		d.fleet.Count(map[Kind]string{DNS: "dns", HTTP: "http"}[k])
		return nil
	}
	d.fleet.Count("follower")
	return appendElsewhere(nil, leader)
}

// appendElsewhere appends what a server answers that doesn't lead.
func appendElsewhere(dst []byte, leader netip.AddrPort) []byte {
	text := ""
	if leader.IsValid() {
		text = leader.String()
	}
	dst = append(dst, 0, 0, byte(len(text)))
	return append(dst, text...)
}

// MaxRequest is the most octets that a request of HTTP has.
const MaxRequest = 4 << 10

// maxResponse is the most octets that an answer to it has.
const maxResponse = 1 << 20

// RequestSize returns how many octets the request has that b begins with; 0 while it isn't
// whole. is is false when it is too large to be one.
func RequestSize(b []byte) (size int, is bool) {
	end := bytes.Index(b[:min(len(b), MaxRequest)], []byte("\r\n\r\n"))
	if end < 0 {
		return 0, len(b) < MaxRequest
	}
	return end + 4, true
}

// Answer answers a request of HTTP. What can't be read gets 400.
func (d *Door) Answer(h Header, request []byte) []byte {
	w := &answer{header: http.Header{}}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	switch {
	case err != nil:
		http.Error(w, fmt.Sprintf("reading a request: %v", err), http.StatusBadRequest)
	case r.ContentLength != 0 || d.paths == nil:
		http.Error(w, "a request of a form that isn't handed on", http.StatusBadRequest)
	default:
		r.RemoteAddr = h.Client.String()
		d.paths.ServeHTTP(w, r)
	}
	return w.octets()
}

// answer collects an answer of HTTP.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (w *answer) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements [http.ResponseWriter].
func (w *answer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len()+len(b) > maxResponse/2 {
		return 0, io.ErrShortWrite
	}
	return w.body.Write(b)
}

// octets is the answer as it goes out.
func (w *answer) octets() []byte {
	w.WriteHeader(http.StatusOK)
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", w.status, http.StatusText(w.status))
	w.header.Set("Content-Length", strconv.Itoa(w.body.Len()))
	w.header.Set("Connection", "close")
	_ = w.header.Write(&out) // into memory
	out.WriteString("\r\n")
	out.Write(w.body.Bytes())
	return out.Bytes()
}
