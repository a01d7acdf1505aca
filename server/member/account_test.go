package member

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inside53/server/config"
)

// TestSum has all that decides what is read be part of the sum, and nothing else.
func TestSum(t *testing.T) {
	sum := func(text, account string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "inside53.yaml")
		err := os.WriteFile(path, []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := sumOf(c, account)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	const base = "listen: {dns: [\"127.0.0.1:0\"]}\nstate_dir: state\nroute53: {}\n" +
		"views: [{name: all, clients: [127.0.0.0/8], vpcs: [\"*\"]}]\n"
	was := sum(base, "1")
	for what, text := range map[string]string{
		"aws":           base + "aws: {region: eu-west-1}\n",
		"route53":       strings.Replace(base, "route53: {}", "route53: {zones: [example.com]}", 1),
		"ec2":           base + "ec2: {regions: [eu-west-1]}\n",
		"health_checks": base + "health_checks: {}\n",
		"secondary":     base + "secondary: [{zone: corp.example, primaries: [192.0.2.1]}]\n",
		"follow":        base + "follow: [{zone: corp.example, primaries: [192.0.2.1], into: Z0731658FW9JB6C8QTRG}]\n",
	} {
		if sum(text, "1") == was {
			t.Errorf("%s changes nothing", what)
		}
	}
	if sum(base, "2") == was || sum(base+"cache: {entries: 1000}\n", "1") != was {
		t.Error("of another account the same, or another for what each server has of its own")
	}
}
