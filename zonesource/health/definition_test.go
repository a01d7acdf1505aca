package health

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

func TestDefinition(t *testing.T) {
	tests := []struct {
		name     string
		config   types.HealthCheckConfig
		endpoint string // as people read it
		host     string // header
		fault    string
	}{
		{"http", types.HealthCheckConfig{Type: "HTTP", IPAddress: aws.String("10.0.0.1")}, "http://10.0.0.1/", "10.0.0.1",
			""},
		{"http, another port", types.HealthCheckConfig{Type: "HTTP", IPAddress: aws.String("10.0.0.1"), Port: aws.Int32(8080),
			ResourcePath: aws.String("/a?b=c")},
			"http://10.0.0.1:8080/a?b=c", "10.0.0.1:8080", ""},
		{"http on 443", types.HealthCheckConfig{Type: "HTTP", FullyQualifiedDomainName: aws.String("a.example"),
			Port: aws.Int32(443)}, "http://a.example:443/", "a.example:443", ""},
		{"https", types.HealthCheckConfig{Type: "HTTPS", FullyQualifiedDomainName: aws.String("a.example."),
			ResourcePath: aws.String("x")}, "https://a.example/x", "a.example", ""},
		{"https on 80", types.HealthCheckConfig{Type: "HTTPS", FullyQualifiedDomainName: aws.String("a.example"),
			Port: aws.Int32(80)}, "https://a.example:80/", "a.example:80", ""},
		{"ipv6", types.HealthCheckConfig{Type: "HTTP", IPAddress: aws.String("fd12::1")}, "http://[fd12::1]/", "[fd12::1]",
			""},
		{"ipv6, another port", types.HealthCheckConfig{Type: "HTTPS", IPAddress: aws.String("fd12::1"),
			Port: aws.Int32(8443)}, "https://[fd12::1]:8443/", "[fd12::1]:8443", ""},
		{"tcp", types.HealthCheckConfig{Type: "TCP", IPAddress: aws.String("10.0.0.1"), Port: aws.Int32(80)},
			"tcp://10.0.0.1:80", "10.0.0.1", ""},
		{"string", types.HealthCheckConfig{Type: "HTTP_STR_MATCH", IPAddress: aws.String("10.0.0.1"),
			SearchString: aws.String("ok")}, "http://10.0.0.1/", "10.0.0.1", ""},
		{"no string", types.HealthCheckConfig{Type: "HTTPS_STR_MATCH", IPAddress: aws.String("10.0.0.1")}, "", "",
			"no string"},
		{"tcp without port", types.HealthCheckConfig{Type: "TCP", IPAddress: aws.String("10.0.0.1")}, "", "", "0 is no port"},
		{"port too high", types.HealthCheckConfig{Type: "TCP", IPAddress: aws.String("10.0.0.1"), Port: aws.Int32(65536)}, "",
			"", "65536 is no port"},
		{"nowhere", types.HealthCheckConfig{Type: "HTTP"}, "", "", "neither address nor host"},
		{"no address", types.HealthCheckConfig{Type: "HTTP", IPAddress: aws.String("10.0.0")}, "", "",
			`"10.0.0" is no address`},
		{"a second header", types.HealthCheckConfig{Type: "HTTP", IPAddress: aws.String("10.0.0.1"),
			ResourcePath: aws.String("/ HTTP/1.1\r\nX: y")}, "", "", "can't stand in a request"},
		{"a host of two words", types.HealthCheckConfig{Type: "HTTP", FullyQualifiedDomainName: aws.String("a b")}, "", "",
			"can't stand in a request"},
		{"alarm", types.HealthCheckConfig{Type: "CLOUDWATCH_METRIC"}, "", "", ""},
		{"routing control", types.HealthCheckConfig{Type: "RECOVERY_CONTROL"}, "", "", ""},
	}
	for _, tt := range tests {
		d, err := definitionOf("acc", &types.HealthCheck{Id: aws.String("id"), HealthCheckConfig: &tt.config})
		if err != nil || d.Account != "acc" || d.ID != "id" || d.Type != tt.config.Type || d.Interval != 30*time.Second ||
			d.Threshold != 3 {
			t.Errorf("%s: %+v, %v", tt.name, d, err)
		}
		if d.String() != tt.endpoint || tt.endpoint != "" && d.hostHeader() != tt.host {
			t.Errorf("%s: endpoint %s, host %s", tt.name, d.String(), d.hostHeader())
		}
		if !strings.Contains(d.Fault, tt.fault) || tt.fault == "" && d.Fault != "" {
			t.Errorf("%s: fault %q, want %q", tt.name, d.Fault, tt.fault)
		}
		probed := tt.fault == "" && isEndpoint(tt.config.Type)
		if Both.probes(&d) != probed || Local.probes(&d) != probed || AWS.probes(&d) {
			t.Errorf("%s: probed %t", tt.name, Both.probes(&d))
		}
		d.Disabled = true
		if Both.probes(&d) {
			t.Errorf("%s is probed though disabled", tt.name)
		}
	}
	for _, h := range []types.HealthCheck{{}, {Id: aws.String("id")},
		{Id: aws.String("id"), HealthCheckConfig: &types.HealthCheckConfig{}}} {
		_, err := definitionOf("", &h)
		if err == nil {
			t.Errorf("%+v: no error", h)
		}
	}
	full, err := definitionOf("", &types.HealthCheck{Id: aws.String("id"), HealthCheckConfig: &types.HealthCheckConfig{
		Type: "HTTPS", FullyQualifiedDomainName: aws.String("a.example"), EnableSNI: aws.Bool(true), Inverted: aws.Bool(true),
		Disabled:        aws.Bool(true),
		RequestInterval: aws.Int32(10), FailureThreshold: aws.Int32(7),
	}})
	if err != nil || !full.SNI || !full.Inverted || !full.Disabled || full.Interval != 10*time.Second ||
		full.Threshold != 7 {
		t.Errorf("%+v, %v", full, err)
	}
}
