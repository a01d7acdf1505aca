package health

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"inside53/resolver/zone"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

// TestRealServer has everything real but AWS: an HTTP server on loopback turns bad, and good
// again, and the check follows within threshold × interval.
func TestRealServer(t *testing.T) {
	var bad atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if bad.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	config := func(path string) string {
		return `"Type":"HTTP","FullyQualifiedDomainName":"app.example.com","ResourcePath":"` + path +
			`","RequestInterval":1,"FailureThreshold":2,"Port":` + portText(at)
	}
	sim, err := awssim.New(awssim.Options{
		Data: listed(checkJSON("app", config("/")), checkJSON("other", config("/other")))})
	if err != nil {
		t.Fatal(err)
	}
	cloud := httptest.NewServer(sim)
	defer cloud.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	targets, err := ParseTargets([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	published := make(chan *zone.Live, 100)
	m, err := New(Options{
		Accounts: []*awsclient.Account{{Budget: awscall.NewBudget(100), Config: aws.Config{
			Region: "eu-west-1", BaseEndpoint: &cloud.URL, HTTPClient: &http.Client{Transport: transport},
			Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
		}}},
		Targets: targets, StateDir: t.TempDir(), Publish: func(l *zone.Live) { published <- l },
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) { return []netip.Addr{at.Addr()}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	// until takes what is published until the check is so; the bound is for a hanging test.
	until := func(what string, is func(zone.Check) bool) {
		t.Helper()
		for {
			select {
			case live := <-published:
				if is(live.Checks["app"]) {
					return
				}
			case <-ctx.Done():
				t.Fatalf("%s: not within a minute: %+v", what, m.Checks())
			}
		}
	}
	until("known", func(c zone.Check) bool { return c.Local.Known && c.Healthy && c.AWS.Known })
	bad.Store(true)
	began := time.Now()
	until("bad", func(c zone.Check) bool { return !c.Healthy })
	down := time.Since(began)
	bad.Store(false)
	began = time.Now()
	until("good", func(c zone.Check) bool { return c.Healthy })
	up := time.Since(began)
	// Threshold × interval is 2 s, and a busy machine may take its time besides.
	if down > 10*time.Second || up > 10*time.Second {
		t.Errorf("down after %s, up after %s", down, up)
	}
	cancel()
	err = <-ended
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
}

func portText(a netip.AddrPort) string {
	return a.String()[len(a.Addr().String())+1:]
}
