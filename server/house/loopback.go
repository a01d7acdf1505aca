package house

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Runner runs the tests of a package, as a testing.M does.
type Runner interface{ Run() int }

// Loopback returns the tests of a package, which fail when one of them asks for the address of a host that
// /etc/hosts doesn't have: the way to AWS, and to everybody else outside, begins with that. Nobody is asked.
// The metadata service, which has no name, is off unless a test turns it on.
func Loopback(m Runner) Runner { return &loopback{tests: m, out: os.Stdout} }

type loopback struct {
	tests Runner
	out   io.Writer

	mu    sync.Mutex
	asked []string
}

// Run runs the tests.
func (l *loopback) Run() int {
	_, set := os.LookupEnv("AWS_EC2_METADATA_DISABLED")
	if !set {
		err := os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		if err != nil {
			_, _ = fmt.Fprintln(l.out, err)
			return 1
		}
	}
	was := net.DefaultResolver
	defer func() { net.DefaultResolver = was }()
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial:     func(context.Context, string, string) (net.Conn, error) { return nameServer{of: l}, nil },
	}
	code := l.tests.Run()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.asked) > 0 {
		slices.Sort(l.asked)
		l.asked = slices.Compact(l.asked)
		_, _ = fmt.Fprintf(l.out, "FAIL: tests stay on loopback, but asked for %s\n", strings.Join(l.asked, ", "))
		code = max(code, 1)
	}
	return code
}

var errLoopback = errors.New("tests stay on loopback")

// nameServer is a connection to a name server that notes what is asked, and never answers.
type nameServer struct{ of *loopback }

// Write reads a question of a stream: its length, the header, then the labels of the name.
func (c nameServer) Write(b []byte) (int, error) {
	var labels []string
	for at := 2 + 12; at < len(b) && b[at] > 0; at += 1 + int(b[at]) {
		end := at + 1 + int(b[at])
		if end > len(b) {
			break
		}
		labels = append(labels, string(b[at+1:end]))
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.asked = append(c.of.asked, strings.Join(labels, "."))
	return len(b), nil
}

func (nameServer) Read([]byte) (int, error)         { return 0, errLoopback }
func (nameServer) Close() error                     { return nil }
func (nameServer) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (nameServer) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (nameServer) SetDeadline(time.Time) error      { return nil }
func (nameServer) SetReadDeadline(time.Time) error  { return nil }
func (nameServer) SetWriteDeadline(time.Time) error { return nil }
