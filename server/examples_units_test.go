package server

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/server/config"
	"inside53/server/listen"
)

// TestExampleSocket compares the unit of the sockets with the configuration beside it, and
// with the service.
func TestExampleSocket(t *testing.T) {
	socket := unitFile(t, readExample(t, "inside53.socket"))["Socket"]
	minimal, err := config.Parse([]byte(readExample(t, "minimal.yaml")), "minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, a := range minimal.Listen.DNS {
		addresses = append(addresses, a.String())
	}
	udp := slices.Clone(socket["ListenDatagram"])
	slices.Sort(udp)
	if got := slices.Compact(udp); !slices.Equal(got, addresses) || !slices.Equal(socket["ListenStream"], addresses) {
		t.Errorf("the sockets are %v and %v, minimal.yaml listens on %v", got, socket["ListenStream"], addresses)
	}
	for key, want := range map[string]string{
		"ReusePort": "yes", "ReceiveBuffer": "4M", "Backlog": "4096", "TriggerLimitIntervalSec": "0",
	} {
		if got := socket[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s=%v, want %s", key, got, want)
		}
	}
	if listen.DefaultReceiveBuffer != 4<<20 {
		t.Errorf("the server asks for %d", listen.DefaultReceiveBuffer)
	}
	service := unitFile(t, readExample(t, "inside53.service"))
	if !slices.Contains(service["Unit"]["Wants"], "inside53.socket") ||
		!slices.Contains(service["Unit"]["After"], "inside53.socket") || len(service["Service"]["AmbientCapabilities"]) > 0 {
		t.Errorf("the service doesn't fit the sockets: %v", service)
	}
	own := unitFile(t, readExample(t, "own-port.conf"))["Service"]
	for key, want := range map[string]string{
		"AmbientCapabilities": "CAP_NET_BIND_SERVICE", "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE", "PrivateUsers": "no",
	} {
		if got := own[key]; len(got) != 1 || got[0] != want {
			t.Errorf("own-port.conf: %s=%v, want %s", key, got, want)
		}
	}
}

// TestExampleHostsUnit: the unit of the hosts file may write that file and nothing else.
func TestExampleHostsUnit(t *testing.T) {
	unit := unitFile(t, readExample(t, "inside53-hosts.service"))
	for key, want := range map[string]string{
		"ProtectSystem": "strict", "ReadWritePaths": "/etc", "Restart": "always", "NoNewPrivileges": "yes",
		"ExecStart": "/usr/local/bin/inside53 export hosts --config /etc/inside53/inside53.yaml --region ${REGION} " +
			"--output /etc/hosts --watch",
	} {
		if got := unit["Service"][key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s=%v, want %s", key, got, want)
		}
	}
}

// TestExampleDNSdist holds the health check of dnsdist to the name that tells of the drain, and
// to the drain.
func TestExampleDNSdist(t *testing.T) {
	text := readExample(t, "dnsdist.conf")
	for _, want := range []string{`checkName = "ready.inside53."`, `checkType = "TXT"`, `mustResolve = true`} {
		if !strings.Contains(text, want) {
			t.Errorf("it doesn't say %s", want)
		}
	}
	number := func(key string) time.Duration {
		m := regexp.MustCompile(`(?m)^ +` + key + ` = (\d+),$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s", key)
		}
		d, err := time.ParseDuration(m[1] + "s")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	seen := number("checkInterval") * time.Duration(number("maxCheckFailures")/time.Second)
	if drain := config.Default().Drain; seen >= drain/2 {
		t.Errorf("dnsdist sees the drain after %s, and it takes %s", seen, drain)
	}
}
