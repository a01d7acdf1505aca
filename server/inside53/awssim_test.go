package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestAWSSim(t *testing.T) {
	dir := t.TempDir()
	zones := filepath.Join(dir, "route53")
	err := os.Mkdir(zones, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	const listing = `{"HostedZones": [{"Id": "/hostedzone/Z0ABC", "Name": "example.com.", "CallerReference": "a", ` +
		`"Config": {"PrivateZone": false}, "ResourceRecordSetCount": 0}]}`
	err = os.WriteFile(filepath.Join(zones, "list-hosted-zones.json"), []byte(listing), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(dir, "dns.zone"), []byte("www.example.net. 300 IN A 192.0.2.1\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	r := begin(t, "awssim", "--data", dir, "--listen", "127.0.0.1:0", "--dns", "127.0.0.1:0")
	ready := fields(t, r.line(t))
	endpoint, addr := ready["endpoint"], ready["dns"]

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, endpoint+"/2013-04-01/hostedzone", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=00")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // read
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "/hostedzone/Z0ABC") {
		t.Errorf("%s: %s, %v", response.Status, body, err)
	}

	for _, network := range []string{"udp", "tcp"} {
		client := &dns.Client{Net: network, Timeout: 5 * time.Second}
		query := new(dns.Msg).SetQuestion("www.example.net.", dns.TypeA)
		reply, _, err := client.ExchangeContext(t.Context(), query, addr)
		if err != nil {
			t.Fatal(err)
		}
		if len(reply.Answer) != 1 || !strings.HasSuffix(reply.Answer[0].String(), "192.0.2.1") {
			t.Errorf("%s: %s", network, reply)
		}
	}
	if code := r.end(t); code != exitDone || r.errs.Len() > 0 {
		t.Errorf("it ended with %d: %s", code, r.errs)
	}
}

// TestAWSSimUnlimited: more requests at once than AWS takes are refused, unless the limits are off.
func TestAWSSimUnlimited(t *testing.T) {
	for _, unlimited := range []bool{false, true} {
		args := []string{"awssim", "--data", t.TempDir(), "--listen", "127.0.0.1:0"}
		if unlimited {
			args = append(args, "--unlimited")
		}
		r := begin(t, args...)
		url := fields(t, r.line(t))["endpoint"] + "/2013-04-01/hostedzone"
		refused := 0
		for range 200 {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization",
				"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=00")
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close() // only the status counts
			if response.StatusCode != http.StatusOK {
				refused++
			}
		}
		if (refused == 0) != unlimited {
			t.Errorf("unlimited %t: %d of 200 requests are refused", unlimited, refused)
		}
		if code := r.end(t); code != exitDone {
			t.Errorf("it ended with %d: %s", code, r.errs)
		}
	}
}

func TestAWSSimFaults(t *testing.T) {
	file := write(t, "")
	broken := t.TempDir()
	err := os.Mkdir(filepath.Join(broken, "route53"), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(broken, "route53", "list-hosted-zones.json"), []byte("{"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	taken := begin(t, "awssim", "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	endpoint := strings.TrimPrefix(fields(t, taken.line(t))["endpoint"], "http://")
	tests := []struct {
		args []string
		want string // in the error
	}{
		{[]string{"--data", file + "x", "--listen", "127.0.0.1:0"}, "inside53: reading the data: stat "},
		{[]string{"--data", file, "--listen", "127.0.0.1:0"}, " is no directory"},
		{[]string{"--data", broken, "--listen", "127.0.0.1:0"}, "list-hosted-zones.json"},
		{[]string{"--data", t.TempDir(), "--listen", endpoint}, "inside53: listening for HTTP: listen tcp " + endpoint},
		{[]string{"--data", t.TempDir(), "--listen", "127.0.0.1:0", "--dns", "203.0.113.1:53"},
			"inside53: listening for DNS: listen udp 203.0.113.1:53"},
	}
	for _, test := range tests {
		code, stdout, stderr := command(t, append([]string{"awssim"}, test.args...)...)
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: code %d, output %q, errors %q", test.args, code, stdout, stderr)
		}
	}
}
