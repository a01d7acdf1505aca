//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"inside53/server/bench/dataset"
	"inside53/zonesource/awssim"
)

// How AWS, or the metadata service, is there.
const (
	up int32 = iota
	closed
	hanging
	failing
	ways
)

// sky is the simulated AWS and a metadata service, at one address whatever becomes of them.
type sky struct {
	sim      *awssim.Sim
	aws      way
	metadata way
	url      string
	server   *http.Server
	ended    chan error
}

// way is how a service is there.
type way struct {
	mu      sync.Mutex
	how     int32
	changed chan struct{} // closed when how changes
}

// set changes it; what hangs then goes on.
func (w *way) set(how int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed != nil {
		close(w.changed)
	}
	w.how, w.changed = how, make(chan struct{})
}

func (w *way) get() (int32, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.how, w.changed
}

// newSky serves a data directory.
func newSky(dir string) (*sky, error) {
	sim, err := awssim.New(awssim.Options{Data: os.DirFS(dir), Reads: awssim.Unlimited(), Inventory: awssim.Unlimited()})
	if err != nil {
		return nil, fmt.Errorf("simulating AWS: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("simulating AWS: %w", err)
	}
	s := &sky{sim: sim, url: "http://" + l.Addr().String(), ended: make(chan error, 1)}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { s.ended <- s.server.Serve(l) }()
	return s, nil
}

func (s *sky) close() error {
	err := s.server.Close()
	ended := <-s.ended
	if errors.Is(ended, http.ErrServerClosed) {
		ended = nil
	}
	return errors.Join(err, ended)
}

// ServeHTTP implements [http.Handler].
func (s *sky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	own := strings.HasPrefix(r.URL.Path, "/latest/")
	of := &s.aws
	if own {
		of = &s.metadata
	}
	how, changed := of.get()
	if how == hanging {
		select {
		case <-r.Context().Done():
			return
		case <-changed:
			how, _ = of.get()
		}
	}
	switch {
	case how == failing:
		http.Error(w, "away", http.StatusServiceUnavailable)
	case how != up:
		panic(http.ErrAbortHandler)
	case own:
		serveMetadata(w, r)
	default:
		s.sim.ServeHTTP(w, r)
	}
}

// serveMetadata is the metadata service of an instance in [dataset.VPC].
func serveMetadata(w http.ResponseWriter, r *http.Request) {
	const mac, macs = "0a:00:00:00:00:01", "/latest/meta-data/network/interfaces/macs"
	switch path.Clean(r.URL.Path) {
	case "/latest/api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		fmt.Fprint(w, "token")
	case "/latest/dynamic/instance-identity/document":
		fmt.Fprintf(w, `{"instanceId": "i-0", "region": %q, "accountId": "111111111111"}`, dataset.Region)
	case "/latest/meta-data/mac":
		fmt.Fprint(w, mac)
	case macs:
		fmt.Fprint(w, mac+"/")
	case macs + "/" + mac + "/vpc-id":
		fmt.Fprint(w, dataset.VPC)
	case macs + "/" + mac + "/local-ipv4s":
		fmt.Fprint(w, "127.0.0.1")
	default:
		http.NotFound(w, r)
	}
}

// environment is what the SDK of the server has to know.
func (s *sky) environment() []string {
	c := &cloud{url: s.url}
	return append(c.environment(), "AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+s.url)
}

// change sets the hosts of a zone to a version, as Route 53's own customer would.
func (s *sky) change(ctx context.Context, zone, id string, version int) error {
	var b strings.Builder
	b.WriteString(`<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">` +
		"<ChangeBatch><Changes>")
	for i := range dataset.ChaosHosts {
		fmt.Fprintf(&b, "<Change><Action>UPSERT</Action><ResourceRecordSet><Name>%s</Name><Type>A</Type><TTL>60</TTL>"+
			"<ResourceRecords><ResourceRecord><Value>%s</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"+
			"</Change>", dataset.ChaosHost(i, zone), dataset.ChaosAddress(i, version))
	}
	b.WriteString("</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>")
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/2013-04-01/hostedzone/"+id+"/rrset/",
		bytes.NewReader([]byte(b.String())))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/route53/aws4_request, "+
		"SignedHeaders=host, Signature=00")
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return fmt.Errorf("changing %s: %d %s", zone, w.Code, w.Body)
	}
	return nil
}
