package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFile(t *testing.T) {
	const secret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	cases := []struct{ name, text, fault string }{
		{"bare", secret + "\n", ""},
		{"of tsig-keygen", "key \"ops.\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + secret + "\";\n};\n", ""},
		{"in one line", `key ops { algorithm hmac-sha256; secret "` + secret + `"; };`, ""},
		{"of keymgr", "# hmac-sha256:ops:" + secret + "\nkey:\n- id: ops\n  algorithm: hmac-sha256\n  secret: " + secret + "\n", ""},
		{"of another name", "key \"dhcp\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + secret + "\";\n};\n", "holds the key dhcp.; write that name"},
		{"of another name, keymgr", "key:\n- id: dhcp.example\n  secret: " + secret + "\n", "holds the key dhcp.example.; write that name"},
		{"of another algorithm", "key ops. {\n\talgorithm HMAC-SHA512;\n\tsecret \"" + secret + "\";\n};\n", "holds a key for HMAC-SHA512, and algorithm is hmac-sha256; they have to be the same"},
		{"no secret", "key ops. { };\n", "is no base64; make a key by tsig-keygen"},
		{"short", "c2hvcnQ=", "has 5 bytes, 16 are the least; make a key by tsig-keygen"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ops.key")
			err := os.WriteFile(path, []byte(c.text), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Key{Name: "ops.", Algorithm: HMACSHA256, SecretFile: path}.Load()
			switch {
			case c.fault == "" && (err != nil || got != secret):
				t.Errorf("secret %q, error %v", got, err)
			case c.fault != "" && (err == nil || !strings.HasSuffix(err.Error(), path+" "+c.fault)):
				t.Errorf("error %v, want %s", err, c.fault)
			}
		})
	}
}
