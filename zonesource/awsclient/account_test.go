package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"inside53/server/house"
	"inside53/zonesource/awssim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

// environment sets what the SDK reads; nothing of the machine's own is seen.
func environment(t *testing.T, endpoint string) {
	t.Helper()
	for key, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE":   "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_REGION": "",
		"AWS_DEFAULT_REGION": "",
		"AWS_PROFILE":        "", "AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "",
		"HTTP_PROXY": "", "http_proxy": "",
	} {
		t.Setenv(key, value)
	}
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server
}

func TestLoad(t *testing.T) {
	sim, err := awssim.New(awssim.Options{ExternalIDs: map[string]string{"222222222222": "secret-id"}})
	if err != nil {
		t.Fatal(err)
	}
	environment(t, serve(t, sim).URL)
	accounts, err := Load(t.Context(), Options{Roles: []Role{
		{Name: "good", ARN: "arn:aws:iam::222222222222:role/inside53", ExternalID: "secret-id"},
		{Name: "bad", ARN: "arn:aws:iam::222222222222:role/inside53", ExternalID: "other-id"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ name, id, text string }{{"", "123456789012", "the base account"},
		{"good", "222222222222", `account "good"`}} {
		a := accounts[i]
		for range 2 {
			id, err := a.ID(t.Context())
			if err != nil || id != want.id {
				t.Errorf("id of %s is %q (%v), want %q", a, id, err, want.id)
			}
		}
		if a.Name != want.name || a.String() != want.text || a.Config.Region != "us-east-1" || a.Budget == nil ||
			a.Changes == nil || a.Changes == a.Budget {
			t.Errorf("account %d: %+v", i, a)
		}
	}
	if n := sim.Calls()["GetCallerIdentity"]; n != 2 {
		t.Errorf("%d questions for the id of two accounts", n)
	}
	_, err = accounts[2].ID(t.Context())
	if err == nil || !strings.Contains(err.Error(), `asking for the id of account "bad"`) ||
		!strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("error %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	_, err := Load(t.Context(), Options{RequestsPerSecond: -1,
		Roles: []Role{{ARN: "arn"}, {Name: "a", ARN: "arn"}, {Name: "a"}}})
	for _, want := range []string{"account 1: has no name", `account "a": named twice`, `account "a": has no role_arn`,
		"can't be negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

// TestResolve reaches AWS by the configured function, and never by the host's resolver.
func TestResolve(t *testing.T) {
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := serve(t, sim)
	port := server.Listener.Addr().(*net.TCPAddr).Port
	environment(t, fmt.Sprintf("http://route53.aws.invalid:%d", port))
	var asked []string
	resolve := func(_ context.Context, host string) ([]netip.Addr, error) {
		asked = append(asked, host)
		// Nobody listens on the first.
		return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("127.0.0.1")},
			nil
	}
	accounts, err := Load(t.Context(), Options{Resolve: resolve})
	if err != nil {
		t.Fatal(err)
	}
	id, err := accounts[0].ID(t.Context())
	if err != nil || id != "123456789012" {
		t.Errorf("id %q, %v", id, err)
	}
	if !slices.Equal(asked, []string{"route53.aws.invalid"}) {
		t.Errorf("asked for %q", asked)
	}
}

func TestAddresses(t *testing.T) {
	asked := 0
	d := &dialer{timeout: time.Second, resolve: func(context.Context, string) ([]netip.Addr, error) {
		asked++
		return nil, nil
	}}
	for _, host := range []string{"127.0.0.1", "::1", "localhost", "LOCALHOST."} {
		addrs, err := d.addresses(t.Context(), host)
		if err != nil || len(addrs) == 0 || !addrs[0].IsLoopback() {
			t.Errorf("%s: %v, %v", host, addrs, err)
		}
	}
	if asked != 0 {
		t.Errorf("asked %d times", asked)
	}
	_, err := d.addresses(t.Context(), "host.invalid")
	if err == nil || asked != 1 {
		t.Errorf("error %v after %d questions", err, asked)
	}
	want := errors.New("no upstream")
	d.resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, want }
	_, err = d.dial(t.Context(), "tcp", "host.invalid:443")
	if !errors.Is(err, want) || !strings.Contains(err.Error(), "resolving host.invalid") {
		t.Errorf("error %v", err)
	}
}

// TestHeaderTimeout bounds the wait for a server that says nothing.
func TestHeaderTimeout(t *testing.T) {
	release := make(chan struct{})
	server := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release) })
	environment(t, server.URL)
	accounts, err := Load(t.Context(), Options{HeaderTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = accounts[0].ID(t.Context())
	if err == nil || !strings.Contains(err.Error(), "timeout awaiting response headers") {
		t.Errorf("error %v", err)
	}
}

// metadataService answers like IMDSv2 on an instance with two interfaces.
func metadataService(w http.ResponseWriter, r *http.Request) {
	const macs = "/latest/meta-data/network/interfaces/macs/"
	text, known := map[string]string{
		"PUT /latest/api/token": "token",
		"GET /latest/dynamic/instance-identity/document": `{"accountId":"123456789012","region":"eu-west-1","instanceId":` +
			`"i-1","privateIp":"10.0.0.5"}`,
		"GET /latest/meta-data/mac":         "0a:00",
		"GET " + macs:                       "0a:00/\n0b:00/",
		"GET " + macs + "0a:00/vpc-id":      "vpc-1",
		"GET " + macs + "0a:00/local-ipv4s": "10.0.0.5\n10.0.0.6",
		"GET " + macs + "0b:00/local-ipv4s": "10.0.1.5",
	}[r.Method+" "+r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
	_, _ = w.Write([]byte(text)) // a client that is gone fails its own test
}

func TestFindRegion(t *testing.T) {
	server := serve(t, http.HandlerFunc(metadataService))
	const off = "http://127.0.0.1:1"
	cases := []struct {
		name, environment, metadata string
		options                     Options
		want                        string
		none                        bool
	}{
		{"of the instance", "", server.URL, Options{FindRegion: true}, "eu-west-1", false},
		{"named", "", server.URL, Options{FindRegion: true, Region: "eu-north-1"}, "eu-north-1", false},
		{"of the environment", "eu-central-1", server.URL, Options{FindRegion: true}, "eu-central-1", false},
		{"not asked for", "", server.URL, Options{}, "us-east-1", true},
		{"no metadata service", "", off, Options{FindRegion: true}, "us-east-1", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			environment(t, server.URL)
			t.Setenv("AWS_REGION", c.environment)
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", c.metadata)
			c.options.Roles = []Role{{Name: "a", ARN: "arn:aws:iam::222222222222:role/inside53"}}
			accounts, err := Load(t.Context(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range accounts {
				if a.Config.Region != c.want || a.NoRegion != c.none {
					t.Errorf("%s: region %s, none %v; want %s, %v", a, a.Config.Region, a.NoRegion, c.want, c.none)
				}
			}
		})
	}
}

func TestSelf(t *testing.T) {
	server := serve(t, http.HandlerFunc(metadataService))
	environment(t, server.URL)
	self := func() Instance {
		accounts, err := Load(t.Context(), Options{Region: "eu-west-1"})
		if err != nil {
			t.Fatal(err)
		}
		return Self(t.Context(), accounts[0])
	}
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	got := self()
	addrs := []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.6"),
		netip.MustParseAddr("10.0.1.5")}
	if got.ID != "i-1" || got.AccountID != "123456789012" || got.Region != "eu-west-1" || got.VPC != "vpc-1" ||
		!slices.Equal(got.Addresses, addrs) {
		t.Errorf("self: %+v", got)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	got = self()
	if got.ID != "" || got.VPC != "" {
		t.Errorf("disabled: %+v", got)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")
	got = self()
	if got.ID != "" || got.VPC != "" {
		t.Errorf("absent: %+v", got)
	}
}

// TestCloseIdle: connections that nobody uses are closed when whoever loaded the accounts is
// done with them, and not before.
func TestCloseIdle(t *testing.T) {
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var open atomic.Int64
	server := httptest.NewUnstartedServer(sim)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	defer server.Close()
	environment(t, server.URL)
	accounts, err := Load(t.Context(), Options{Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = accounts[0].ID(t.Context())
	if err != nil || open.Load() != 1 {
		t.Fatalf("%d connections, error %v", open.Load(), err)
	}
	accounts[0].CloseIdle()
	for end := time.Now().Add(5 * time.Second); open.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d connections stay open", open.Load())
		}
	}
	new(Account).CloseIdle() // one that nobody loaded has none
}
