//go:build clients

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// alone runs a script in namespaces of its own, in which port 53 is anybody's, as container engines have it.
func alone(t *testing.T, script string, words ...string) string {
	t.Helper()
	return must(t, append([]string{"unshare", "--net", "--pid", "--fork", "--kill-child", "--mount", "sh", "-euc",
		"mount -t proc proc /proc; ip link set lo up; echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start\n" + script,
		"sh"}, words...)...)
}

// fromNothing serves in a root, as a user, asks for health before and after, and ends it.
const fromNothing = `
root=$1 user=$2 program=$3
export AWS_EC2_METADATA_DISABLED=true
ready() { chroot --userspec="$user" "$root" "$program" ready; }
if ready >/dev/null 2>&1; then echo "ready before it runs"; exit 1; fi
chroot --userspec="$user" "$root" "$program" serve --config /etc/inside53/inside53.yaml >/dev/null 2>&1 &
for _ in $(seq 300); do
	if ready >/dev/null 2>&1; then break; fi
	sleep 0.1
done
ready
dig @127.0.0.1 +short +tries=1 ns.lab.example
dig @127.0.0.1 +short +tries=1 +tcp ns.lab.example
kill -TERM $!
wait $!
echo "ended with $?"
`

// lab puts the configuration of the lab into a root.
func lab(t *testing.T, root string) {
	t.Helper()
	writeFile(t, filepath.Join(root, "etc/inside53/inside53.yaml"),
		strings.Replace(labConfig, "ADDR", "0.0.0.0:53", 1), 0o644)
	writeFile(t, filepath.Join(root, "etc/inside53/lab.zone"), labZone, 0o644)
}

const served = "ready\n10.0.0.1\n10.0.0.1\nended with 0\n"

// cleanRoot is an empty directory that every user gets to.
func cleanRoot(t *testing.T) string {
	t.Helper()
	needsRoot(t)
	root := filepath.Join(t.TempDir(), "root")
	err := os.Mkdir(root, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(root); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// testRPM unpacks the .rpm where nothing else is, and runs it.
func testRPM(t *testing.T, dir string) {
	root := cleanRoot(t)
	must(t, "sh", "-c", "rpm2cpio '"+one(t, dir, "*.rpm")+
		"' | (cd '"+root+"' && cpio -idm --quiet --no-absolute-filenames)")
	testFiles(t, root, "/usr/share/zsh/site-functions/_inside53", "/etc/inside53/inside53.yaml")
	lab(t, root)
	state := filepath.Join(root, "var/lib/inside53")
	err := os.MkdirAll(state, 0o755)
	if err == nil {
		err = os.Chown(state, imageUser, imageUser)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := alone(t, fromNothing, root, "65532:65532", "/usr/bin/inside53")
	if got != served {
		t.Errorf("it says\n%s\nwant\n%s", got, served)
	}
}

// layout is an OCI layout that was unpacked.
type layout string

// blob reads a blob and checks it against its descriptor.
func (l layout) blob(t *testing.T, d descriptor) []byte {
	t.Helper()
	text := []byte(readFile(t, filepath.Join(string(l), "blobs/sha256", strings.TrimPrefix(d.Digest, "sha256:"))))
	if digest(text) != d.Digest || len(text) != d.Size {
		t.Errorf("%s has %d bytes, and the digest %s", d.Digest, len(text), digest(text))
	}
	return text
}

// decode reads JSON.
func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var v T
	err := json.Unmarshal(text, &v)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// testImage unpacks the image as an engine does, and runs it as it says.
func testImage(t *testing.T, dir string) {
	root := cleanRoot(t)
	l := layout(t.TempDir())
	must(t, "tar", "-C", string(l), "-xf", one(t, dir, "*_oci.tar"))
	if got := readFile(t, filepath.Join(string(l), "oci-layout")); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("the layout is %s", got)
	}
	entry := decode[index](t, []byte(readFile(t, filepath.Join(string(l), "index.json"))))
	if len(entry.Manifests) != 1 || entry.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v0.2.0-rc.1" {
		t.Fatalf("the index is %+v", entry)
	}
	all := decode[index](t, l.blob(t, entry.Manifests[0]))
	if len(all.Manifests) != 1 || all.Manifests[0].Platform.Architecture != runtime.GOARCH {
		t.Fatalf("the images are %+v", all)
	}
	m := decode[manifest](t, l.blob(t, all.Manifests[0]))
	config := decode[imageConfig](t, l.blob(t, m.Config))
	if len(m.Layers) != 1 || len(config.RootFS.DiffIDs) != 1 {
		t.Fatalf("the manifest is %+v, the configuration %+v", m, config)
	}
	packed := filepath.Join(t.TempDir(), "layer.tar.gz")
	writeFile(t, packed, string(l.blob(t, m.Layers[0])), 0o600)
	must(t, "gzip", "-dk", packed)
	layer := strings.TrimSuffix(packed, ".gz")
	if got := digest([]byte(readFile(t, layer))); got != config.RootFS.DiffIDs[0] {
		t.Errorf("the layer is %s, want %s", got, config.RootFS.DiffIDs[0])
	}
	must(t, "tar", "-C", root, "-xpf", layer)
	pem := readFile(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
	if n := strings.Count(pem, "BEGIN CERTIFICATE"); n < 50 {
		t.Errorf("%d authorities", n)
	}
	c := config.Config
	if c.User != "65532:65532" || strings.Join(append(c.Entrypoint, c.Cmd...), " ") !=
		"/usr/bin/inside53 serve --config /etc/inside53/inside53.yaml" ||
		strings.Join(c.Healthcheck.Test, " ") != "CMD /usr/bin/inside53 ready" {
		t.Errorf("it runs %+v", c)
	}
	must(t, "chroot", "--userspec="+c.User, root, c.Entrypoint[0], "check", "--config", c.Cmd[len(c.Cmd)-1])
	lab(t, root)
	got := alone(t, fromNothing, root, c.User, c.Entrypoint[0])
	if got != served {
		t.Errorf("it says\n%s\nwant\n%s", got, served)
	}
}
