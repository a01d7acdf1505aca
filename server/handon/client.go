package handon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	// dialTime is how long a connection to the leader may take.
	dialTime = 2 * time.Second
	// silence is how long an answer of several messages may pause.
	silence = 30 * time.Second
	// retryPause is the longest pause before the next try; it is drawn.
	retryPause = 200 * time.Millisecond
)

// ErrLeads says that this server leads now: what was to be handed on is its own to do.
var ErrLeads = errors.New("this server leads")

// Client hands messages on. Its methods are safe for concurrent use; how many are under way
// is up to who calls them. Until it has keys it can't.
type Client struct {
	end
	from netip.Addr
}

// NewClient returns a client without keys. It counts tries as "ok", "unreachable", "follower"
// or "lost". from is the address that connections come from; the zero Addr leaves it to the
// host.
func NewClient(f Fleet, from netip.Addr) *Client {
	c := &Client{from: from}
	c.begin(f)
	return c
}

// Message is a message of a client as it came.
type Message struct {
	Client   netip.AddrPort
	Datagram bool // it came by UDP
	Octets   []byte
}

// Exchange hands a DNS message on that has an answer of one message, and returns that. It tries
// again until ctx ends: the message has to be one that may come twice. ErrLeads: nobody was
// asked.
func (c *Client) Exchange(ctx context.Context, m Message) ([]byte, error) {
	var out []byte
	err := c.try(ctx, func(to netip.AddrPort) error {
		a, err := c.send(ctx, to, DNS, m)
		if err != nil {
			return err
		}
		defer a.Close()
		out, err = a.Next()
		return err
	})
	return out, err
}

// Open hands a DNS message on whose answer may have several messages. It tries again until ctx
// ends or the first of them is there.
func (c *Client) Open(ctx context.Context, m Message) (*Answer, error) {
	var out *Answer
	err := c.try(ctx, func(to netip.AddrPort) error {
		a, err := c.send(ctx, to, DNS, m)
		if err != nil {
			return err
		}
		a.first, err = a.Next()
		if err != nil {
			a.Close()
			return err
		}
		out = a
		return nil
	})
	return out, err
}

// Request hands a request of HTTP on, for a client at an address, and returns the answer. The
// request has a method and a path with what is asked, and no body.
func (c *Client) Request(ctx context.Context, client netip.AddrPort, method, target string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://fleet.inside53"+target, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("handing a request on: %w", err)
	}
	var text bytes.Buffer
	err = r.Write(&text)
	if err == nil && text.Len() > MaxRequest {
		err = fmt.Errorf("a request of %d octets", text.Len())
	}
	if err != nil {
		return 0, nil, fmt.Errorf("handing a request on: %w", err)
	}
	status, body := 0, []byte(nil)
	err = c.try(ctx, func(to netip.AddrPort) error {
		a, err := c.send(ctx, to, HTTP, Message{Client: client, Octets: text.Bytes()})
		if err != nil {
			return err
		}
		defer a.Close()
		status, body, err = a.response(r)
		return err
	})
	return status, body, err
}

// elsewhere says that a server doesn't lead, and who does.
type elsewhere struct{ leader netip.AddrPort }

// Error implements error.
func (e *elsewhere) Error() string {
	if !e.leader.IsValid() {
		return "it doesn't lead, and knows of nobody who does"
	}
	return fmt.Sprintf("it doesn't lead; %s does", e.leader)
}

// try asks whoever leads, until one has answered or ctx ends.
func (c *Client) try(ctx context.Context, ask func(to netip.AddrPort) error) error {
	var last error
	var named netip.AddrPort // by a server that doesn't lead
	for {
		self, to := c.fleet.Leader()
		if self {
			return ErrLeads
		}
		if named.IsValid() {
			to, named = named, netip.AddrPort{}
		}
		err := errors.New("nobody leads")
		if to.IsValid() {
			err = ask(to)
		}
		var other *elsewhere
		switch {
		case err == nil:
			c.fleet.Count("ok")
			return nil
		case errors.As(err, &other):
			c.fleet.Count("follower")
			if other.leader != to && other.leader.IsValid() && c.fleet.Member(other.leader.Addr()) {
				named = other.leader
			}
		case errors.Is(err, errUnreachable):
			c.fleet.Count("unreachable")
		case to.IsValid():
			c.fleet.Count("lost")
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("handing on: %w", last)
		case <-time.After(retryPause/4 + rand.N(retryPause)):
		}
	}
}

var errUnreachable = errors.New("can't be reached")

// send connects and hands one message on.
func (c *Client) send(ctx context.Context, to netip.AddrPort, kind Kind, m Message) (*Answer, error) {
	framed := m.Octets
	if kind == DNS {
		framed = binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(m.Octets)), uint16(len(m.Octets)))
		framed = append(framed, m.Octets...)
	}
	d := net.Dialer{Timeout: dialTime, KeepAlive: -1}
	if c.from.IsValid() && c.from.Is4() == to.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 0))
	}
	nc, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	a := &Answer{nc: nc, in: bufio.NewReader(nc)}
	a.stop = context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	header := Header{Client: m.Client, Datagram: m.Datagram, Kind: kind, Time: c.fleet.Now().Unix()}
	text, err := c.keys.Load().append(make([]byte, 0, MaxHeader+len(framed)), header, m.Octets)
	if err == nil {
		_, err = nc.Write(append(text, framed...))
	}
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("handing on to %s: %w", to, err)
	}
	return a, nil
}

// Answer is the answer to what was handed on. It is for one goroutine.
type Answer struct {
	nc    net.Conn
	in    *bufio.Reader
	first []byte // read already
	stop  func() bool
}

// Close ends the connection.
func (a *Answer) Close() {
	a.stop()
	_ = a.nc.Close()
}

// Next returns the next message; io.EOF behind the last.
func (a *Answer) Next() ([]byte, error) {
	if a.first != nil {
		m := a.first
		a.first = nil
		return m, nil
	}
	var length [2]byte
	_, err := io.ReadFull(a.in, length[:])
	if err != nil {
		return nil, fmt.Errorf("reading an answer of the leader: %w", err)
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n == 0 {
		return nil, a.elsewhere()
	}
	m := make([]byte, n)
	_, err = io.ReadFull(a.in, m)
	if err != nil {
		return nil, fmt.Errorf("reading an answer of the leader: %w", err)
	}
	return m, nil
}

// Await bounds how long the next message may take, from now on alone: a transfer takes as long
// as its client needs.
func (a *Answer) Await() error {
	a.stop()
	return a.nc.SetReadDeadline(time.Now().Add(silence))
}

// elsewhere reads who leads.
func (a *Answer) elsewhere() error {
	n, err := a.in.ReadByte()
	if err != nil {
		return fmt.Errorf("reading who leads: %w", err)
	}
	text := make([]byte, n)
	_, err = io.ReadFull(a.in, text)
	if err != nil {
		return fmt.Errorf("reading who leads: %w", err)
	}
	leader, _ := netip.ParseAddrPort(string(text)) // nobody where it is empty
	return &elsewhere{leader}
}

// response reads an answer of HTTP.
func (a *Answer) response(to *http.Request) (int, []byte, error) {
	begin, err := a.in.Peek(2)
	if err == nil && begin[0] == 0 && begin[1] == 0 {
		_, _ = a.in.Discard(2) // they are there
		return 0, nil, a.elsewhere()
	}
	if err != nil {
		return 0, nil, fmt.Errorf("reading an answer of the leader: %w", err)
	}
	r, err := http.ReadResponse(a.in, to)
	if err != nil {
		return 0, nil, fmt.Errorf("reading an answer of the leader: %w", err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse))
	if err != nil {
		return 0, nil, fmt.Errorf("reading an answer of the leader: %w", err)
	}
	return r.StatusCode, body, nil
}
