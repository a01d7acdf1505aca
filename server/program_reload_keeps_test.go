package server

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inside53/server/sources"
)

// listings are the calls of sources since the last reset, without those that a health
// monitor makes again and again.
func (c *cloud) listings() map[string]int {
	calls := maps.Clone(c.Calls())
	maps.DeleteFunc(calls, func(_ string, n int) bool { return n == 0 })
	return calls
}

// TestProgramReloadStartsWhatChanged: a reload asks AWS for nothing that the change is not
// about.
func TestProgramReloadStartsWhatChanged(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	slow := strings.NewReplacer("refresh: 100ms", "refresh: 10m", "refresh: 200ms", "refresh: 10m", "refresh: 1s",
		"refresh: 10m")
	config := slow.Replace(c.config())
	p := s.ready(t, config)
	time.Sleep(time.Second) // the first cycles end
	for _, tt := range []struct {
		name, config string
		want         []string // operations that may be called
	}{
		{"the same", config, nil},
		{"a bound of answers", "# a line more\n" + config + "negative_ttl: 61s\n", nil},
		{"a view", strings.Replace(config, "clients: [127.1.0.0/16]", "clients: [127.1.0.0/16, 127.4.0.0/16]", 1), nil},
		{"a zone file", config + "zonefiles: [{ origin: lab.example, file: lab.zone }]\n", nil},
		{"one region less", strings.Replace(config, "[eu-west-1, us-east-1]", "[eu-west-1]", 1), []string{"Describe"}},
	} {
		s.write(t, "lab.zone", labZone("lab"))
		c.ResetCalls()
		p.reloaded(t, s, tt.config)
		time.Sleep(500 * time.Millisecond)
		for call, n := range c.listings() {
			allowed := false
			for _, prefix := range tt.want {
				allowed = allowed || strings.HasPrefix(call, prefix)
			}
			if !allowed {
				t.Errorf("%s: %d calls of %s", tt.name, n, call)
			}
		}
		p.reloaded(t, s, config)
		time.Sleep(500 * time.Millisecond)
	}
}

// TestProgramReloadOfCredentials: keys in a file of the SDK are read again by a reload.
func TestProgramReloadOfCredentials(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	before := p.app.running.generation
	p.reloaded(t, s, c.config())
	if now := p.app.running.generation; now != before {
		t.Error("accounts are made anew of the same")
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	p.reloaded(t, s, c.config())
	if now := p.app.running.generation; now == before {
		t.Error("accounts are kept with keys that are others by now")
	}
}

// TestProgramOwnVPCLate: metadata that come late are noticed, and saved for the next start.
func TestProgramOwnVPCLate(t *testing.T) {
	metadata := newMetadata(t)
	c := newCloud(t, nil)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
	s := newSite(t)
	p := s.ready(t, c.config())
	if here := sources.SavedSelf(p.app.opts.Config); here.VPC != "" {
		t.Fatalf("known before anybody said so: %v", here)
	}
	metadata.on.Store(true)
	p.await(t, "the VPC is known", func() bool { return p.app.health.Self.Load().VPC == "vpc-0a1b2c3d4e5f60001" })
	p.await(t, "it is saved", func() bool { return sources.SavedSelf(p.app.opts.Config).VPC == "vpc-0a1b2c3d4e5f60001" })
	here := sources.SavedSelf(p.app.opts.Config)
	if here.Region != "eu-west-1" {
		t.Errorf("saved %v", here)
	}
	err := os.WriteFile(filepath.Join(p.app.opts.Config.StateDir, sources.SelfFile), []byte(`{"VPC":`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if here := sources.SavedSelf(p.app.opts.Config); here.VPC != "" {
		t.Errorf("half a file says %v", here)
	}
}

// metadata is a metadata service of an instance in vpc-0a1b2c3d4e5f60001, which says nothing
// until it is on.
type metadata struct {
	url string
	on  atomic.Bool
}

func newMetadata(t *testing.T) *metadata {
	t.Helper()
	m := &metadata{}
	texts := map[string]string{
		"/latest/dynamic/instance-identity/document": `{"accountId":"123456789012","instanceId":"i-1",` +
			`"region":"eu-west-1"}`,
		"/latest/meta-data/mac":                                                   "02:00:00:00:00:01",
		"/latest/meta-data/network/interfaces/macs/":                              "02:00:00:00:00:01/",
		"/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/vpc-id":      "vpc-0a1b2c3d4e5f60001",
		"/latest/meta-data/network/interfaces/macs/02:00:00:00:00:01/local-ipv4s": "10.0.0.5",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, known := texts[r.URL.Path]
		switch {
		case !m.on.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.Method == http.MethodPut:
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = io.WriteString(w, "token") // a client that is gone fails its own test
		case known:
			_, _ = io.WriteString(w, text) // likewise
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}
