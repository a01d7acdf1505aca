package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	connectTimeout = 5 * time.Second
	headerTimeout  = 15 * time.Second
	// idleTimeout is short of the time that load balancers and NAT gateways keep
	// idle connections for (350 s).
	idleTimeout = 90 * time.Second
)

// newHTTPClient makes the client that all accounts share. It is the SDK's own
// kind, so that the SDK can still add what the environment asks for
// (AWS_CA_BUNDLE).
func newHTTPClient(o Options) *awshttp.BuildableClient {
	connect, header := o.ConnectTimeout, o.HeaderTimeout
	if connect == 0 {
		connect = connectTimeout
	}
	if header == 0 {
		header = headerTimeout
	}
	d := &dialer{resolve: o.Resolve, timeout: connect}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.DialContext = d.dial
		t.TLSHandshakeTimeout = connect
		t.ResponseHeaderTimeout = header
		t.IdleConnTimeout = idleTimeout
	})
}

// closable returns a client with the transport of the SDK's own kind of client, and what
// closes the connections of it that nobody uses. The SDK's kind doesn't give its transport
// away, and each service of AWS would make another one of it.
func closable(c aws.HTTPClient) (aws.HTTPClient, func()) {
	kind, ok := c.(*awshttp.BuildableClient)
	if !ok {
		return c, nil
	}
	frozen, ok := kind.Freeze().(*http.Client) // with the redirects that the SDK follows
	if !ok {
		return c, nil
	}
	transport := kind.GetTransport()
	frozen.Transport = transport
	return frozen, transport.CloseIdleConnections
}

// dialer connects to hosts that the configured function resolves.
type dialer struct {
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	timeout time.Duration // one connection
}

// dial connects to the first address of the host that answers.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: d.timeout}
	if d.resolve == nil {
		return plain.DialContext(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.addresses(ctx, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("resolving %s: %w", host, err)}
	}
	var errs []error
	for _, addr := range addrs {
		conn, err := plain.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// addresses returns the addresses of a host, IPv4 first: an instance without IPv6
// then doesn't wait for it.
func (d *dialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	literal, err := netip.ParseAddr(host)
	if err == nil {
		return []netip.Addr{literal}, nil
	}
	addrs := hostsFile(ctx, host)
	if len(addrs) == 0 {
		resolving, cancel := context.WithTimeout(ctx, d.timeout)
		defer cancel()
		addrs, err = d.resolve(resolving, strings.TrimSuffix(host, "."))
		if err != nil {
			return nil, err
		}
	}
	if len(addrs) == 0 {
		return nil, errors.New("no addresses")
	}
	addrs = slices.Clone(addrs)
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return a.Unmap().BitLen() - b.Unmap().BitLen() })
	return addrs, nil
}

// errNoDNS ends each attempt of the Go resolver to ask a name server.
var errNoDNS = errors.New("the host's resolver is not asked")

// hostsFile looks a host up in /etc/hosts alone: the Go resolver reads the file
// first, and its way to the servers of resolv.conf is cut. localhost needs no file
// (RFC 6761 section 6.3).
func hostsFile(ctx context.Context, host string) []netip.Addr {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	r := &net.Resolver{PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errNoDNS }}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return addrs
}
