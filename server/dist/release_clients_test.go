//go:build clients

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestClientRelease makes two versions, as `make dist` does, and installs them: with dpkg in a bare Debian, from the
// contents of the .rpm, and from the image.
func TestClientRelease(t *testing.T) {
	first, second := makeRelease(t, top, "v0.1.0"), makeRelease(t, top, "v0.2.0-rc.1")
	t.Run("sums", func(t *testing.T) { testSums(t, first) })
	t.Run("again", func(t *testing.T) { testAgain(t, first) })
	t.Run("deb", func(t *testing.T) { testDeb(t, first, second) })
	t.Run("scripts", func(t *testing.T) { testScripts(t, second) })
	t.Run("start", func(t *testing.T) { testStart(t, second) })
	t.Run("rpm", func(t *testing.T) { testRPM(t, second) })
	t.Run("image", func(t *testing.T) { testImage(t, second) })
}

// testSums has sha256sum check what was made, and looks into the SBOM.
func testSums(t *testing.T, dir string) {
	must(t, "sh", "-c", "cd '"+dir+"' && sha256sum --strict -c SHA256SUMS")
	var names []string
	for line := range strings.Lines(readFile(t, filepath.Join(dir, "SHA256SUMS"))) {
		names = append(names, strings.Fields(line)[1])
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	want := []string{"inside53-0.1.0-1." + arch + ".rpm", "inside53_0.1.0_" + runtime.GOARCH + ".deb",
		"inside53_0.1.0_linux_" + runtime.GOARCH, "inside53_0.1.0_oci.tar", "inside53_0.1.0_sbom.cdx.json"}
	if !slices.Equal(names, want) {
		t.Errorf("it made %v, want %v", names, want)
	}
	var bom struct {
		BOMFormat  string
		Metadata   struct{ Timestamp string }
		Components []struct{ Name, Version string }
	}
	err := json.Unmarshal([]byte(readFile(t, filepath.Join(dir, "inside53_0.1.0_sbom.cdx.json"))), &bom)
	if err != nil {
		t.Fatal(err)
	}
	if bom.BOMFormat != "CycloneDX" || bom.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("it is %s of %s", bom.BOMFormat, bom.Metadata.Timestamp)
	}
	modules := readFile(t, filepath.Join(top, "go.mod"))
	for _, module := range []string{"github.com/miekg/dns", "github.com/aws/aws-sdk-go-v2", "std"} {
		found := slices.ContainsFunc(bom.Components, func(c struct{ Name, Version string }) bool {
			return c.Name == module && (module == "std" || strings.Contains(modules, module+" "+c.Version))
		})
		if !found {
			t.Errorf("the SBOM has no %s at the version of go.mod", module)
		}
	}
	binary := filepath.Join(dir, "inside53_0.1.0_linux_"+runtime.GOARCH)
	out := must(t, binary, "version")
	if !strings.HasPrefix(out, "inside53 v0.1.0\ncommit   0123456789\n") {
		t.Errorf("it says %q", out)
	}
	out = must(t, "sh", "-c", "ldd '"+binary+"' 2>&1 || true")
	if !strings.Contains(out, "not a dynamic executable") && !strings.Contains(out, "statically linked") {
		t.Errorf("it isn't static: %s", out)
	}
	out, err = command(t, binary, "manual", t.TempDir())
	if err == nil {
		t.Errorf("the program has the commands of builds: %s", out)
	}
}

// testAgain makes the same version of a copy of the module elsewhere.
func testAgain(t *testing.T, first string) {
	elsewhere := filepath.Join(t.TempDir(), "copy")
	err := os.Mkdir(elsewhere, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"LICENSE", "README.md", "examples", "go.mod", "go.sum", "resolver", "server",
		"zonesource"} {
		must(t, "cp", "-r", filepath.Join(top, name), elsewhere) // its times are others
	}
	again := makeRelease(t, elsewhere, "v0.1.0")
	got, want := readFile(t, filepath.Join(again, sums)), readFile(t, filepath.Join(first, sums))
	if got != want {
		t.Errorf("made again:\n%s\nmade first:\n%s", got, want)
	}
}
