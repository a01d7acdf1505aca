package health

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
)

const lookedAt = `{"HealthChecks": [
	{"Id": "h-site", "CallerReference": "1", "HealthCheckVersion": 1,
		"HealthCheckConfig": {"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 80}},
	{"Id": "h-not", "CallerReference": "2", "HealthCheckVersion": 1,
		"HealthCheckConfig": {"Type": "TCP", "IPAddress": "192.0.2.2", "Port": 80, "Inverted": true}},
	{"Id": "h-off", "CallerReference": "3", "HealthCheckVersion": 1,
		"HealthCheckConfig": {"Type": "TCP", "IPAddress": "192.0.2.3", "Port": 80, "Disabled": true}},
	{"Id": "h-both", "CallerReference": "4", "HealthCheckVersion": 1,
		"HealthCheckConfig": {"Type": "CALCULATED", "HealthThreshold": 2, "ChildHealthChecks": ["h-site", "h-off"]}},
	{"Id": "h-hand", "CallerReference": "5", "HealthCheckVersion": 1,
		"HealthCheckConfig": {"Type": "RECOVERY_CONTROL", "RoutingControlArn": "arn:aws:x"}}]}`

const lookedBalancers = `{"LoadBalancers": [{"LoadBalancerArn": "arn:lb", "LoadBalancerName": "lb-1",
	"Type": "application",
	"DNSName": "lb-1.eu-west-1.elb.amazonaws.com", "State": {"Code": "active"}}]}`

// TestLook: checks of each kind, and load balancers.
func TestLook(t *testing.T) {
	sim, err := awssim.New(awssim.Options{Reads: awssim.Unlimited(), Data: fstest.MapFS{
		"route53/list-health-checks.json":        &fstest.MapFile{Data: []byte(lookedAt)},
		"eu-west-1/describe-load-balancers.json": &fstest.MapFile{Data: []byte(lookedBalancers)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	l := NewLooker(&awsclient.Account{Budget: awscall.NewBudget(1000), Config: aws.Config{Region: "eu-west-1",
		BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")}})
	look := func(id, want string, share float64) {
		t.Helper()
		s, err := l.Check(t.Context(), id)
		text := map[bool]string{true: "up ", false: "down "}[s.Healthy] + s.Why
		if err != nil || text != want || s.Share != share {
			t.Errorf("%s: %s, %v, %v; want %s, %v", id, text, s.Share, err, want, share)
		}
	}
	look("h-site", "up 3 of 3 checkers find it healthy", 1)
	look("h-not", "down 3 of 3 checkers find it healthy, inverted", 0)
	look("h-off", "up the health check is disabled", 1)
	look("h-both", "up 2 of 2 health checks healthy, 2 needed", 1)
	err = sim.SetHealth("h-site", false)
	if err != nil {
		t.Fatal(err)
	}
	look("h-site", "down 0 of 3 checkers find it healthy", 0)
	look("h-both", "down 1 of 2 health checks healthy, 2 needed", 0.5)
	_, err = l.Check(t.Context(), "h-hand")
	if !errors.Is(err, ErrUnseen) {
		t.Errorf("a routing control: %v", err)
	}
	_, err = l.Check(t.Context(), "h-none")
	if err == nil || !strings.Contains(err.Error(), "NoSuchHealthCheck") {
		t.Errorf("none: %v", err)
	}
	s, err := l.Balancer(t.Context(), "dualstack.LB-1.eu-west-1.elb.amazonaws.com.")
	if err != nil || !s.Healthy || s.Why != "no target groups" {
		t.Errorf("a load balancer: %+v, %v", s, err)
	}
	for _, name := range []string{"lb-2.eu-west-1.elb.amazonaws.com.", "www.example.com."} {
		_, err = l.Balancer(t.Context(), name)
		if !errors.Is(err, ErrUnseen) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
