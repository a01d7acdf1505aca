package health

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// What a probe waits for, and what it reads (AWS: "How Route 53 determines the status
// of health checks that monitor an endpoint").
const (
	tcpConnect  = 10 * time.Second
	httpConnect = 4 * time.Second // TLS included
	httpStatus  = 2 * time.Second
	httpBody    = 2 * time.Second
	resolveTime = 2 * time.Second
	searched    = 5120 // bytes of the body
	// mostHeader bounds what is read besides the body.
	mostHeader = 64 << 10
	// mostInterim bounds the interim responses (1xx) before the final one.
	mostInterim = 5
)

// userAgent names the prober, and the check to whoever reads the endpoint's log.
const userAgent = "inside53-health-check"

// prober makes probes. It has no state and may be used by many goroutines.
type prober struct {
	targets   Targets
	own       []netip.AddrPort
	resolve   func(ctx context.Context, host string) ([]netip.Addr, error)
	translate func(netip.Addr) (netip.Addr, bool)
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	// addresses are those of this host.
	addresses func() []netip.Addr
}

// probe looks at an endpoint once. It takes at most 12 s, or until ctx ends.
func (p *prober) probe(ctx context.Context, d *definition) outcome {
	addr, refused, err := p.target(ctx, d)
	switch {
	case err != nil:
		return outcome{why: err.Error()}
	case refused != "":
		return outcome{untried: true, why: "not probed: " + refused}
	}
	conn, err := p.connect(ctx, d, netip.AddrPortFrom(addr, d.Port))
	if err != nil {
		return outcome{why: plain(err)}
	}
	defer func() { _ = conn.Close() }() // nothing hangs on it
	if !d.HTTP {
		return outcome{ok: true, why: "connected"}
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return ask(conn, d)
}

// target returns the address to probe, or why it may not be probed. A host is resolved to
// IPv4 addresses, as Route 53 does it. The error is of one that can't be resolved, which
// is a failure of the endpoint.
func (p *prober) target(ctx context.Context, d *definition) (addr netip.Addr, refused string, err error) {
	candidates := []netip.Addr{d.Address}
	if !d.Address.IsValid() {
		ctx, cancel := context.WithTimeout(ctx, resolveTime)
		defer cancel()
		found, err := p.resolve(ctx, d.Host)
		if err != nil {
			return addr, "", fmt.Errorf("resolving %s: %w", d.Host, err)
		}
		candidates = slices.DeleteFunc(slices.Clone(found), func(a netip.Addr) bool { return !a.Unmap().Is4() })
		if len(candidates) == 0 {
			return addr, "", fmt.Errorf("resolving %s: no IPv4 address", d.Host)
		}
	}
	for _, a := range candidates {
		a = a.Unmap()
		private, known := p.translate(a)
		if known && p.refuses(private, d.Port) == "" {
			return private, "", nil
		}
		why := p.refuses(a, d.Port)
		if why == "" {
			return a, "", nil
		}
		refused = why
	}
	return addr, refused, nil
}

// refuses returns why a socket may not be probed, "" when it may.
func (p *prober) refuses(a netip.Addr, port uint16) string {
	why := p.targets.Refuses(a)
	if why != "" {
		return why
	}
	for _, own := range p.own {
		if own.Port() != port {
			continue
		}
		mine := own.Addr().Unmap() == a
		if own.Addr().IsUnspecified() {
			mine = a.IsLoopback() || slices.Contains(p.addresses(), a)
		}
		if mine {
			return fmt.Sprintf("%s is a socket of this server", netip.AddrPortFrom(a, port))
		}
	}
	return ""
}

// hostAddresses are the addresses of the interfaces of this host.
func hostAddresses() []netip.Addr {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var all []netip.Addr
	for _, a := range found {
		p, err := netip.ParsePrefix(a.String())
		if err == nil {
			all = append(all, p.Addr())
		}
	}
	return all
}

// connect makes the connection, TLS included.
func (p *prober) connect(ctx context.Context, d *definition, addr netip.AddrPort) (net.Conn, error) {
	wait := httpConnect
	if !d.HTTP {
		wait = tcpConnect
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, fmt.Errorf("no connection within %s", wait))
	defer cancel()
	conn, err := p.dial(ctx, "tcp", addr.String())
	if err != nil {
		return nil, becauseOf(ctx, err)
	}
	if !d.TLS {
		return conn, nil
	}
	// Route 53 doesn't validate certificates, and takes old versions.
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: []string{"http/1.1"}}
	if d.SNI {
		config.ServerName = d.Host
	}
	secure := tls.Client(conn, config)
	err = secure.HandshakeContext(ctx)
	if err != nil {
		_ = conn.Close()
		return nil, becauseOf(ctx, fmt.Errorf("TLS: %w", err))
	}
	return secure, nil
}

// becauseOf returns why ctx has ended, if it has.
func becauseOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ask makes the request of an HTTP check.
func ask(conn net.Conn, d *definition) outcome {
	deadline := time.Now().Add(httpStatus)
	err := conn.SetDeadline(deadline)
	if err != nil {
		return outcome{why: plain(err)}
	}
	_,
		err = fmt.Fprintf(conn,
		"GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s (%s)\r\nAccept: */*\r\nConnection: close\r\n\r\n",
		d.Path, d.hostHeader(), userAgent, d.ID)
	if err != nil {
		return outcome{why: noStatus(err, deadline)}
	}
	response, err := readResponse(bufio.NewReader(io.LimitReader(conn, mostHeader+searched)))
	if err != nil {
		return outcome{why: noStatus(err, deadline)}
	}
	status := "HTTP " + strconv.Itoa(response.StatusCode)
	switch {
	case response.StatusCode < 200 || response.StatusCode > 399:
		return outcome{why: status}
	case d.Search == "":
		return outcome{ok: true, why: status}
	}
	err = conn.SetDeadline(time.Now().Add(httpBody))
	if err != nil {
		return outcome{why: plain(err)}
	}
	return search(response.Body, d.Search, status)
}

// readResponse reads the head of the final response.
func readResponse(r *bufio.Reader) (*http.Response, error) {
	for range mostInterim {
		response, err := http.ReadResponse(r, nil)
		if err != nil || response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, err
		}
	}
	return nil, errors.New("only interim responses")
}

// search looks for a text, which has to be whole within the part that is searched. What
// came before an error counts.
func search(body io.Reader, text, status string) outcome {
	var read bytes.Buffer
	chunk := make([]byte, 1024)
	limited := io.LimitReader(body, searched)
	for {
		n, err := limited.Read(chunk)
		read.Write(chunk[:n])
		if bytes.Contains(read.Bytes(), []byte(text)) {
			return outcome{ok: true, why: status + ", string found"}
		}
		if isDeadline(err) {
			return outcome{why: fmt.Sprintf("%s, string not found within %s", status, httpBody)}
		}
		if err != nil {
			return outcome{why: fmt.Sprintf("%s, string not found in %d bytes", status, read.Len())}
		}
	}
}

func isDeadline(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// noStatus says that nothing whole came in time, or else what went wrong.
func noStatus(err error, deadline time.Time) string {
	if isDeadline(err) || !time.Now().Before(deadline) {
		return fmt.Sprintf("no status within %s", httpStatus)
	}
	return "no status: " + plain(err)
}

// plain is the text of an error without the addresses that are known anyway.
func plain(err error) string {
	var no syscall.Errno
	switch {
	case errors.As(err, &no):
		return no.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	}
	return err.Error()
}
