package house

import (
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
)

// runs is a package with one test.
type runs func()

func (f runs) Run() int {
	f()
	return 0
}

// TestLoopback: a name that has to be asked for fails the tests of a package, whoever dials; an address doesn't.
func TestLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dial := func(address string) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		run   func()
		code  int
		asked []string
	}{
		{"an address", func() { dial(l.Addr().String()) }, 0, nil},
		{"localhost", func() { dial("localhost:" + port) }, 0, nil},
		{"a name", func() { dial("route53.example.:443") }, 1, []string{"route53.example"}},
		{"HTTP", func() { _, _ = (&http.Client{}).Get("http://ec2.example./") }, 1, []string{"ec2.example"}},
	} {
		tests := &loopback{tests: runs(tt.run), out: io.Discard}
		was := net.DefaultResolver
		code := tests.Run()
		if code != tt.code || !slices.Equal(tests.asked, tt.asked) {
			t.Errorf("%s: code %d, asked for %q", tt.name, code, tests.asked)
		}
		if net.DefaultResolver != was {
			t.Errorf("%s: the resolver of the process is another one", tt.name)
		}
	}
}
