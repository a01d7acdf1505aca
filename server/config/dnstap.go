package config

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// Dnstap is where a reader of dnstap listens; the zero value is nobody.
type Dnstap struct {
	Network string // unix or tcp
	Address string // a path, or a host and its port
}

func (d *Dnstap) parse(text string) error {
	*d = Dnstap{}
	if text == "" {
		return nil
	}
	malformed := errors.New("write unix:/path, or tcp:host:port")
	network, address, _ := strings.Cut(text, ":")
	switch network {
	case "unix":
		if !filepath.IsAbs(address) {
			return malformed
		}
	case "tcp":
		host, port, err := net.SplitHostPort(address)
		n, fault := strconv.ParseUint(port, 10, 16)
		if err != nil || fault != nil || n == 0 || host == "" {
			return malformed
		}
	default:
		return malformed
	}
	*d = Dnstap{network, address}
	return nil
}
