//go:build clients

package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readmeCommand returns the commands of the README that begin so, with others in place
// of some of their words.
func readmeCommand(t *testing.T, begins string, replaced ...string) string {
	t.Helper()
	for _, text := range blocks(readme(t), "sh") {
		if strings.HasPrefix(text, begins) {
			return strings.NewReplacer(replaced...).Replace(text)
		}
	}
	t.Fatalf("the README has no %s", begins)
	return ""
}

// TestClientReadmeUpdates makes the update of the README, with a key file as tsig-keygen
// writes it, and reads its settings of certbot by certbot's own code.
func TestClientReadmeUpdates(t *testing.T) {
	u := newUpdating(t, "1h", nil)
	u.site.write(t, "ops.key", "key \"ops.\" {\n\talgorithm hmac-sha256;\n\tsecret \""+opsSecret+"\";\n};\n")
	shown := readmeCommand(t, "nsupdate ", "ops.key", u.site.path("ops.key"), "server 10.0.0.53",
		fmt.Sprintf("server %s %d", u.addr.Addr(), u.addr.Port()),
		"www.example.com", "fresh.example.net", "example.com", "example.net")
	got := command(t, "", "sh", "-c", shown)
	if got != "" || u.records(netZone, "fresh.example.net.", "A") != "300 10.1.2.3" {
		t.Errorf("nsupdate prints %q", got)
	}
	got = command(t, "", "sh", "-c", shown)
	if !strings.Contains(got, "YXDOMAIN") {
		t.Errorf("once more nsupdate prints %q", got)
	}

	ini := blocks(readme(t), "ini")
	if len(ini) != 1 {
		t.Fatalf("%d settings of certbot", len(ini))
	}
	path := filepath.Join(u.site.dir, "rfc2136.ini")
	text := strings.NewReplacer("10.0.0.53",
		u.addr.Addr().String()+"\ndns_rfc2136_port = "+fmt.Sprint(u.addr.Port())).Replace(ini[0])
	err := os.WriteFile(path, []byte(text), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	got = command(t, "", "/usr/bin/python3", "-c", certbotSettings, path)
	if got != "done\n" || u.records(netZone, "_acme-challenge.example.net.", "TXT") != `120 "challenge"` {
		t.Errorf("certbot: %s", got)
	}
}

// certbotSettings is what certbot's plugin makes of its file of settings.
const certbotSettings = `
import sys
from certbot_dns_rfc2136._internal.dns_rfc2136 import Authenticator
class Settings:
    dns_rfc2136_credentials = sys.argv[1]
    dns_rfc2136_propagation_seconds = 0
    noninteractive_mode = True
a = Authenticator(Settings(), 'dns-rfc2136')
a._setup_credentials()
a._get_rfc2136_client().add_txt_record('_acme-challenge.example.net', 'challenge', 120)
print('done')
`

// TestClientReadmeSecondaries has BIND, Knot and NSD read the configurations of the
// README.
func TestClientReadmeSecondaries(t *testing.T) {
	all := blocks(readme(t), "conf")
	if len(all) != 3 {
		t.Fatalf("%d configurations of secondaries", len(all))
	}
	const nsdKey = "key:\n    name: ops.\n    algorithm: hmac-sha256\n    secret: " + transferSecret + "\n"
	for i, tt := range []struct {
		name, before string
		words        []string
	}{
		{"BIND", "", []string{"named-checkconf", "PATH"}},
		{"Knot", "", []string{"knotc", "-c", "PATH", "conf-check"}},
		{"NSD", nsdKey, []string{"nsd-checkconf", "PATH"}},
	} {
		if !strings.Contains(strings.SplitN(all[i], "\n", 2)[0], tt.name) {
			t.Errorf("the configuration is not of %s:\n%s", tt.name, all[i])
		}
		path := filepath.Join(t.TempDir(), "secondary.conf")
		err := os.WriteFile(path, []byte(tt.before+strings.ReplaceAll(all[i], `"..."`, `"`+transferSecret+`"`)), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		got := command(t, "", "sh", "-c", strings.ReplaceAll(strings.Join(tt.words, " "), "PATH", path)+" && echo valid")
		if !strings.HasSuffix(got, "valid\n") {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}
