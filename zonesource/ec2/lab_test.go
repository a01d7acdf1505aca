package ec2

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awssim"
)

// lab is a simulator with the data of testdata, and the options for a source on it.
type lab struct {
	sim  *awssim.Sim
	http *http.Client
	url  string

	mu sync.Mutex // guards the following
	// before, when set, is called ahead of each request.
	before  func(operation string)
	calls   map[string]int
	decoded int // pages
	items   int // of these
}

// countDecoded counts the pages that the SDK decodes.
func (l *lab) countDecoded(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("CountDecoded", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if n := itemsOf(out.Result); n > 0 {
			l.mu.Lock()
			l.decoded++
			l.items += n
			l.mu.Unlock()
		}
		return out, metadata, err
	}), middleware.Before)
}

// itemsOf is how many items an output has.
func itemsOf(result any) int {
	v := reflect.ValueOf(result)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return 0
	}
	v = v.Elem()
	n := 0
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Slice {
			n += v.Field(i).Len()
		}
	}
	return n
}

// newLab starts a simulator that puts size items on a page; the test fails if
// anything still runs when it ends.
func newLab(t *testing.T, size int) *lab {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	sim, err := awssim.New(awssim.Options{
		Data: os.DirFS("testdata"), Account: "111111111111", PageSize: size, Inventory: awssim.Unlimited(),
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{sim: sim, calls: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		before := l.before
		l.mu.Unlock()
		if before != nil {
			before(operation(t, r))
		}
		sim.ServeHTTP(w, r)
	}))
	l.http, l.url = server.Client(), server.URL
	t.Cleanup(func() {
		sim.ClearFaults() // lets requests go that hang
		server.Close()
	})
	return l
}

// ahead has f called ahead of each request, in a goroutine of the server.
func (l *lab) ahead(f func(operation string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = f
}

// operation reads the operation of a request and leaves its body to be read again.
func operation(t *testing.T, r *http.Request) string {
	err := r.ParseForm()
	if err != nil {
		t.Errorf("reading a request: %v", err)
	}
	r.Body = io.NopCloser(strings.NewReader(r.PostForm.Encode()))
	return r.PostForm.Get("Action")
}

// account returns an account on the simulator; its retries don't wait.
func (l *lab) account(name, id string) Account {
	key := "AKIABASE"
	if name != "" {
		key = "ASIA" + id + "0001" // how the simulator tells accounts
	}
	return Account{Name: name, Config: aws.Config{
		Credentials:  credentials.NewStaticCredentialsProvider(key, "secret", ""),
		BaseEndpoint: aws.String(l.url),
		HTTPClient:   l.http,
		APIOptions: []func(*middleware.Stack) error{
			awscall.ComparePages(func() {}, "EC2", "Elastic Load Balancing v2", "Auto Scaling"), l.countDecoded,
		},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff = 3, time.Millisecond
			})
		},
	}}
}

func (l *lab) options() Options {
	return Options{
		Accounts: []Account{l.account("", "")},
		Regions:  []string{"eu-west-1"},
		Refresh:  time.Hour,
		OnCall: func(operation, code string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.calls[operation+" "+code]++
		},
	}
}

// run collects n parts of a source, ends it and returns them in the order of keys
// and arrival. No part may come after the end.
func run(t *testing.T, o Options, n int) []zonesource.Part {
	t.Helper()
	source, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	var parts []zonesource.Part
	ended := false
	err = source.Run(ctx, func(p zonesource.Part) {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			t.Error("a part was delivered after the end")
		}
		if len(parts) < n {
			parts = append(parts, p)
		}
		if len(parts) == n {
			cancel()
		}
	})
	mu.Lock()
	defer mu.Unlock()
	ended = true
	if len(parts) < n || !errors.Is(err, context.Canceled) {
		t.Fatalf("%d parts, want %d; Run ended with %v", len(parts), n, err)
	}
	slices.SortStableFunc(parts, func(a, b zonesource.Part) int { return strings.Compare(a.Key.Name, b.Key.Name) })
	return parts
}

// list is run for one part that must be good.
func list(t *testing.T, o Options) zonesource.Part {
	t.Helper()
	p := run(t, o, 1)[0]
	if p.Err != nil {
		t.Fatal(p.Err)
	}
	return p
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, addr(text))
	}
	return all
}

func addr(text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(text)
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}
