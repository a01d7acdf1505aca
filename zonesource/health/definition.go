package health

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// definition is a health check as Route 53 has it. It is saved as JSON, and not
// changed once made.
type definition struct {
	ID      string
	Account string // configured name of the account that owns it
	Type    types.HealthCheckType
	endpoint

	Interval  time.Duration // between probes
	Threshold int           // of probes in a row
	Inverted  bool
	Disabled  bool

	HealthThreshold int      // of a calculated check: healthy children needed
	Children        []string // ids
	// Fault says why it can't be probed; "" when it can.
	Fault string
}

// endpoint is what a probe goes to, and asks for there. What is known of one says nothing
// of another.
type endpoint struct {
	Address netip.Addr // zero: Host is resolved
	Host    string     // fully qualified, "" when there is only an address
	Port    uint16
	Path    string // with its query
	Search  string // "" unless a string has to be found
	HTTP    bool
	TLS     bool
	SNI     bool // Host is sent in the TLS handshake
}

// Route 53's defaults.
const (
	defaultInterval  = 30 * time.Second
	defaultThreshold = 3
)

// isEndpoint reports whether a check of this type looks at an endpoint: what else
// there is only AWS can know, or depends on other checks.
func isEndpoint(t types.HealthCheckType) bool {
	switch t {
	case types.HealthCheckTypeHttp, types.HealthCheckTypeHttps, types.HealthCheckTypeHttpStrMatch,
		types.HealthCheckTypeHttpsStrMatch, types.HealthCheckTypeTcp:
		return true
	}
	return false
}

// definitionOf reads a health check. The error is of one without an id or a type.
func definitionOf(account string, h *types.HealthCheck) (definition, error) {
	c := h.HealthCheckConfig
	d := definition{ID: aws.ToString(h.Id), Account: account}
	if d.ID == "" || c == nil || c.Type == "" {
		return d, fmt.Errorf("health check %q has no id or no type", d.ID)
	}
	d.Type, d.Inverted, d.Disabled = c.Type, aws.ToBool(c.Inverted), aws.ToBool(c.Disabled)
	d.HealthThreshold, d.Children = int(aws.ToInt32(c.HealthThreshold)), slices.Clone(c.ChildHealthChecks)
	d.Interval, d.Threshold = time.Duration(aws.ToInt32(c.RequestInterval))*time.Second,
		int(aws.ToInt32(c.FailureThreshold))
	if d.Interval <= 0 {
		d.Interval = defaultInterval
	}
	if d.Threshold <= 0 {
		d.Threshold = defaultThreshold
	}
	if !isEndpoint(d.Type) {
		return d, nil
	}
	err := d.readEndpoint(c)
	if err != nil {
		d.Fault = err.Error()
	}
	return d, nil
}

// readEndpoint fills the endpoint. Of what it takes nothing can break out of the line of
// the request that it stands in.
func (d *definition) readEndpoint(c *types.HealthCheckConfig) error {
	e := endpoint{Host: strings.TrimSuffix(aws.ToString(c.FullyQualifiedDomainName), "."),
		Path: aws.ToString(c.ResourcePath)}
	text := aws.ToString(c.IPAddress)
	if text != "" {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return fmt.Errorf("%q is no address", text)
		}
		e.Address = a.Unmap()
	}
	e.HTTP = d.Type != types.HealthCheckTypeTcp
	e.TLS = d.Type == types.HealthCheckTypeHttps || d.Type == types.HealthCheckTypeHttpsStrMatch
	e.SNI = e.TLS && aws.ToBool(c.EnableSNI) && e.Host != ""
	if d.Type == types.HealthCheckTypeHttpStrMatch || d.Type == types.HealthCheckTypeHttpsStrMatch {
		e.Search = aws.ToString(c.SearchString)
		if e.Search == "" {
			return errors.New("there is no string to search for")
		}
	}
	port := aws.ToInt32(c.Port)
	switch {
	case port == 0 && e.TLS:
		port = 443
	case port == 0 && e.HTTP:
		port = 80
	}
	if !e.HTTP {
		e.Path = ""
	} else if !strings.HasPrefix(e.Path, "/") {
		e.Path = "/" + e.Path
	}
	switch {
	case port < 1 || port > 65535:
		return fmt.Errorf("%d is no port", port)
	case !e.Address.IsValid() && e.Host == "":
		return errors.New("it has neither address nor host")
	case strings.ContainsFunc(e.Host+e.Path, isUnprintable):
		return errors.New("its host or path can't stand in a request")
	}
	e.Port = uint16(port)
	d.endpoint = e
	return nil
}

func isUnprintable(r rune) bool { return r <= ' ' || r > '~' }

// hostHeader is what Route 53 sends: the host or else the address, with the port
// unless it is the scheme's own (API reference, HealthCheckConfig).
func (e *endpoint) hostHeader() string {
	if e.TLS && e.Port != 443 || !e.TLS && e.Port != 80 {
		return net.JoinHostPort(e.host(), strconv.Itoa(int(e.Port)))
	}
	if e.Host == "" && e.Address.Is6() {
		return "[" + e.host() + "]"
	}
	return e.host()
}

func (e *endpoint) host() string {
	if e.Host != "" {
		return e.Host
	}
	return e.Address.String()
}

// String names the endpoint for people: https://www.example.com:8443/health,
// tcp://10.0.0.1:22; "" for none.
func (e *endpoint) String() string {
	switch {
	case e.Port == 0:
		return ""
	case e.TLS:
		return "https://" + e.hostHeader() + e.Path
	case e.HTTP:
		return "http://" + e.hostHeader() + e.Path
	}
	return "tcp://" + net.JoinHostPort(e.host(), strconv.Itoa(int(e.Port)))
}
