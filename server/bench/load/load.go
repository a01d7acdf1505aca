//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Stream makes queries.
type Stream interface {
	// Next writes a query, with an id of 0, one question and at most MaxQuery
	// octets, to the beginning of b, and returns its length and what has to be
	// answered. It returns 0 at its end.
	Next(b []byte) (int, Want)
}

// MaxQuery is the most octets of a query.
const MaxQuery = 320

// Options say how to ask.
type Options struct {
	Server netip.AddrPort // IPv4
	TCP    bool
	// Lanes is how many sockets, and so source ports or connections, ask: 8.
	Lanes int
	// Window is how many queries are outstanding on each, 256 or fewer: 32.
	// Lanes times Window should be what a server's receive buffer holds.
	Window int
	// Rate is the queries a second, in all; 0 is the closed loop.
	Rate float64
	// Warm is how long is asked before it counts, and Measure how long it counts.
	Warm, Measure time.Duration
	// Process is the server's: what it uses is measured. 0 is none.
	Process int
	// Timeout is when a query is given up: 1 s. What is asked of a server that is
	// overloaded stays outstanding until then.
	Timeout time.Duration
	// Drain waits for what is outstanding at the end, for Timeout at most: the rest is lost.
	Drain bool
	// Once ends when the stream does, and every answer counts.
	Once bool
}

// Result is what was seen. It is printed as JSON.
type Result struct {
	Seconds     float64 `json:"seconds"`
	Answered    uint64  `json:"answered"` // answers that passed every check
	Lost        uint64  `json:"lost"`     // not there in time
	Bad         uint64  `json:"bad"`      // did not pass
	Stray       uint64  `json:"stray"`    // answers to nothing that was outstanding
	NoError     uint64  `json:"noerror"`
	NXDomain    uint64  `json:"nxdomain"`
	Fault       string  `json:"fault,omitempty"`        // of the first bad answer
	FaultAnswer string  `json:"fault_answer,omitempty"` // that answer, in hexadecimal
	P50         float64 `json:"p50_us"`                 // latency, microseconds
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us"`
	CPU         float64 `json:"cpu_us"` // processor time of the server for each answer, microseconds
	Util        float64 `json:"util"`   // processors the server kept busy
	RSS         int64   `json:"rss"`    // octets
	PeakRSS     int64   `json:"peak_rss"`
	Processes   int     `json:"processes"`
}

// QPS returns the answers a second.
func (r Result) QPS() float64 { return float64(r.Answered) / r.Seconds }

// Share returns the share of the queries that were answered well, 0 to 1.
func (r Result) Share() float64 {
	all := r.Answered + r.Bad + r.Lost
	if all == 0 {
		return 0
	}
	return float64(r.Answered) / float64(all)
}

// validate fills in what is missing.
func (o *Options) validate() error {
	if o.Lanes == 0 {
		o.Lanes = 8
	}
	if o.Window == 0 {
		o.Window = 32
	}
	if o.Timeout == 0 {
		o.Timeout = time.Second
	}
	switch {
	case !o.Server.Addr().Is4() || o.Server.Port() == 0:
		return fmt.Errorf("the server is %s; an IPv4 address and port is needed", o.Server)
	case o.Lanes < 1 || o.Lanes > 512:
		return fmt.Errorf("%d lanes; 1 to 512 can be had", o.Lanes)
	case o.Window < 1 || o.Window > 256:
		return fmt.Errorf("a window of %d; 1 to 256 can be had", o.Window)
	case o.Timeout < time.Millisecond:
		return fmt.Errorf("a timeout of %s; 1ms is the least", o.Timeout)
	case o.Rate < 0:
		return fmt.Errorf("a rate of %g", o.Rate)
	case !o.Once && o.Measure <= 0:
		return errors.New("no time to measure")
	}
	return nil
}
