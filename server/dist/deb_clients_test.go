//go:build clients

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// recorder stands where systemctl is: it notes what it is told. A restart is done by the test, which holds the sockets
// as systemd does.
const recorder = `#!/bin/sh
echo "$*" >>/recorded
case $1 in
is-active) [ -e /active ] ;;
try-restart) if [ -p /restart ]; then echo restart >/restart && read -r _ </restarted; fi ;;
esac
`

// bareDebian unpacks a bare Debian with the recorder in it.
func bareDebian(t *testing.T) string {
	t.Helper()
	needsRoot(t)
	archive := tools(t, "debian.tar")
	root := filepath.Join(t.TempDir(), "debian")
	err := os.Mkdir(root, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	must(t, "tar", "-C", root, "-xf", archive)
	// The program runs as another user: who may go through to it.
	for dir := filepath.Dir(root); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		err = os.Chmod(dir, 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(root, "usr/bin/systemctl"), recorder, 0o755)
	return root
}

// recorded returns what systemctl was told, and forgets it.
func recorded(t *testing.T, root string) []string {
	t.Helper()
	path := filepath.Join(root, "recorded")
	if !exists(path) {
		return nil
	}
	text := readFile(t, path)
	err := os.Remove(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(text), "\n")
}

// wants compares what systemctl was told.
func wants(t *testing.T, when, root string, want ...string) {
	t.Helper()
	if got := recorded(t, root); !slices.Equal(got, want) {
		t.Errorf("%s: systemctl was told %q, want %q", when, got, want)
	}
}

// reload is what each change of the package tells systemd.
func reload() []string { return []string{"daemon-reload", "restart systemd-sysctl.service"} }

// testDeb installs, upgrades under load, and removes.
func testDeb(t *testing.T, first, second string) {
	root := bareDebian(t)
	for i, dir := range []string{first, second} {
		must(t, "cp", one(t, dir, "*.deb"), filepath.Join(root, fmt.Sprintf("%d.deb", i)))
	}
	dpkg := func(words ...string) string {
		t.Helper()
		return must(t, append([]string{"chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "dpkg"}, words...)...)
	}

	// Where systemd doesn't run, nobody is told anything.
	dpkg("-i", "/0.deb")
	wants(t, "without systemd", root)
	if out := must(t, "chroot", root, "inside53", "version"); !strings.HasPrefix(out, "inside53 v0.1.0\n") {
		t.Errorf("it says %q", out)
	}
	must(t, "chroot", root, "inside53", "check", "--config", "/etc/inside53/inside53.yaml")
	if out := dpkg("-V", "inside53"); out != "" {
		t.Errorf("other files than in the package: %s", out)
	}
	testFiles(t, root, "/usr/share/zsh/vendor-completions/_inside53")
	dpkg("--purge", "inside53")
	for _, name := range []string{"usr/bin/inside53", "etc/inside53", "usr/lib/systemd/system/inside53.service"} {
		if exists(filepath.Join(root, name)) {
			t.Errorf("%s stays", name)
		}
	}
	wants(t, "without systemd", root)

	// Where systemd runs, it is installed and not started.
	writeFile(t, filepath.Join(root, "run/systemd/system/.running"), "", 0o644)
	out := dpkg("-i", "/0.deb")
	wants(t, "installing", root, reload()...)
	if !strings.Contains(out, "systemctl enable --now inside53.socket inside53.service") {
		t.Errorf("it doesn't say how it is started: %s", out)
	}

	m := regexp.MustCompile(`(?m)^inside53:x:(\d+):`).FindStringSubmatch(readFile(t, filepath.Join(root, "etc/passwd")))
	if m == nil {
		t.Fatal("there is no user inside53")
	}
	uid, err := strconv.ParseUint(m[1], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	testUpgrade(t, root, uint32(uid), func() { dpkg("-i", "/1.deb") })

	// An upgrade of what is faulty leaves what serves alone.
	config := filepath.Join(root, "etc/inside53/inside53.yaml")
	writeFile(t, config, "nonsense: true\n", 0o644)
	out = dpkg("-i", "/0.deb")
	wants(t, "upgrading with a faulty configuration", root, append(reload(), "is-active --quiet inside53.service")...)
	if !strings.Contains(out, "nonsense") || !strings.Contains(out, "the version before serves on") {
		t.Errorf("it doesn't say what is wrong: %s", out)
	}

	dpkg("--remove", "inside53")
	wants(t, "removing", root, "disable --now inside53.socket inside53.service", "daemon-reload")
	if !exists(config) || exists(filepath.Join(root, "usr/bin/inside53")) {
		t.Error("the configuration has gone, or the program stays")
	}
	dpkg("--purge", "inside53")
	wants(t, "purging", root, "daemon-reload")
	if exists(config) || exists(filepath.Join(root, "var/lib/inside53")) {
		t.Error("the configuration or the state stays")
	}
}

// testFiles looks at what a package has installed.
func testFiles(t *testing.T, root string, more ...string) {
	t.Helper()
	for _, name := range append(more, "/usr/share/bash-completion/completions/inside53",
		"/usr/share/fish/vendor_completions.d/inside53.fish", "/usr/lib/sysctl.d/60-inside53.conf",
		"/usr/lib/systemd/system/inside53.socket", "/usr/share/man/man1/inside53-serve.1.gz") {
		if !exists(filepath.Join(root, name)) {
			t.Errorf("there is no %s", name)
		}
	}
	page := must(t, "gzip", "-dc", filepath.Join(root, "usr/share/man/man1/inside53-explain.1.gz"))
	if !strings.Contains(page, `.TH "INSIDE53-EXPLAIN" "1" "Nov 2023" "inside53 v0.`) {
		t.Errorf("the man page begins %.200s", page)
	}
	unit := readFile(t, filepath.Join(root, "usr/lib/systemd/system/inside53.service"))
	if strings.Contains(unit, "/usr/local") || !strings.Contains(unit, "ExecStart=/usr/bin/inside53 serve --config ") {
		t.Errorf("the unit is\n%s", unit)
	}
}

// testUpgrade upgrades while queries come: none is lost, and the configuration stays.
func testUpgrade(t *testing.T, root string, uid uint32, upgrade func()) {
	sockets, addr := passedSockets(t)
	config := filepath.Join(root, "etc/inside53/inside53.yaml")
	text := strings.Replace(labConfig, "ADDR", addr, 1)
	writeFile(t, config, text, 0o644)
	writeFile(t, filepath.Join(root, "etc/inside53/lab.zone"), labZone, 0o644)
	writeFile(t, filepath.Join(root, "active"), "", 0o644)
	state := filepath.Join(root, "var/lib/inside53")
	err := os.MkdirAll(state, 0o700)
	if err == nil {
		err = os.Chown(state, int(uid), int(uid))
	}
	for _, name := range []string{"restart", "restarted"} {
		if err == nil {
			err = syscall.Mkfifo(filepath.Join(root, name), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	old := serve(t, root, uid, sockets)
	old.waitReady(t)
	next := make(chan *server, 1)
	go func() {
		defer close(next)
		_, err := os.ReadFile(filepath.Join(root, "restart"))
		if err != nil {
			t.Error(err)
			return
		}
		old.end(t)
		s := serve(t, root, uid, sockets)
		s.waitReady(t)
		next <- s
		err = os.WriteFile(filepath.Join(root, "restarted"), []byte("done\n"), 0o600)
		if err != nil {
			t.Error(err)
		}
	}()

	loading, stop := context.WithCancel(t.Context())
	lost, asked := make(chan error, 1000), make(chan int, 1)
	go func() {
		n := 0
		for ; loading.Err() == nil; n++ {
			go func() {
				err := ask(context.WithoutCancel(loading), addr)
				lost <- err
			}()
			time.Sleep(5 * time.Millisecond)
		}
		asked <- n
	}()
	upgrade()
	time.Sleep(200 * time.Millisecond)
	stop()
	n := <-asked
	for range n {
		err = <-lost
		if err != nil {
			t.Errorf("lost: %v", err)
		}
	}
	s, started := <-next
	if !started || n < 50 {
		t.Fatalf("no other process serves, after %d queries", n)
	}
	wants(t, "upgrading", root, append(reload(), "is-active --quiet inside53.service", "try-restart inside53.service")...)
	if readFile(t, config) != text {
		t.Error("the configuration is another")
	}
	out := must(t, "chroot", root, "inside53", "ready")
	if !strings.HasPrefix(out, "ready") {
		t.Errorf("it is %q", out)
	}
	out = must(t, "chroot", root, "inside53", "version")
	if !strings.HasPrefix(out, "inside53 v0.2.0-rc.1\n") {
		t.Errorf("it says %q", out)
	}
	s.end(t)
}

// testScripts runs what the packages run, as rpm does.
func testScripts(t *testing.T, _ string) {
	root := bareDebian(t)
	must(t, "cp", "-r", "scripts", filepath.Join(root, "scripts"))
	writeFile(t, filepath.Join(root, "run/systemd/system/.running"), "", 0o644)
	writeFile(t, filepath.Join(root, "usr/bin/inside53"), "#!/bin/sh\n", 0o755) // its check finds no fault
	writeFile(t, filepath.Join(root, "active"), "", 0o644)
	upgraded := append(reload(), "is-active --quiet inside53.service", "try-restart inside53.service")
	gone := []string{"disable --now inside53.socket inside53.service"}
	for _, tt := range []struct {
		script, argument string
		want             []string
	}{
		{"postinstall.sh", "1", reload()},
		{"postinstall.sh", "2", upgraded},
		{"postinstall.sh", "abort-upgrade", nil},
		{"preremove.sh", "1", nil},
		{"preremove.sh", "upgrade", nil},
		{"preremove.sh", "0", gone},
		{"postremove.sh", "1", nil},
		{"postremove.sh", "0", []string{"daemon-reload"}},
		{"postremove.sh", "upgrade", nil},
	} {
		must(t, "chroot", root, "sh", "/scripts/"+tt.script, tt.argument)
		wants(t, tt.script+" "+tt.argument, root, tt.want...)
	}
}
