package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// content is a file of a package.
type content struct {
	Source string   `json:"src,omitempty"`
	Dest   string   `json:"dst"`
	Type   string   `json:"type,omitempty"` // "config|noreplace", "dir"; "" is a file
	Only   string   `json:"packager,omitempty"`
	Info   fileInfo `json:"file_info"`
}

type fileInfo struct {
	Mode  int       `json:"mode"`
	MTime time.Time `json:"mtime"`
}

// description is nfpm's configuration. JSON is YAML.
type description struct {
	Name        string               `json:"name"`
	Arch        string               `json:"arch"`
	Platform    string               `json:"platform"`
	Version     string               `json:"version"`
	Section     string               `json:"section"`
	Priority    string               `json:"priority"`
	Maintainer  string               `json:"maintainer"`
	Description string               `json:"description"`
	License     string               `json:"license"`
	MTime       time.Time            `json:"mtime"`
	Contents    []content            `json:"contents"`
	Scripts     map[string]string    `json:"scripts"`
	Overrides   map[string]overrides `json:"overrides"`
	RPM         map[string]string    `json:"rpm"`
}

type overrides struct {
	Depends []string `json:"depends"`
}

// pack makes the packages of a platform with nfpm.
func (r *release) pack(ctx context.Context, p platform, binary string) error {
	contents, err := r.contents(binary)
	if err != nil {
		return err
	}
	d := description{
		Name: "inside53", Arch: p.arch, Platform: p.os, Version: r.number(), Section: "net", Priority: "optional",
		Maintainer: "inside53 authors <inside53@localhost>", License: "MIT", MTime: r.made,
		Description: "internal split-horizon DNS for AWS\n" +
			"Answers internal clients from the Route 53 hosted zones and the EC2 inventory of\n" +
			"your accounts, with private addresses where they can be reached, and forwards and\n" +
			"caches everything else.",
		Contents: contents,
		Scripts: map[string]string{
			"postinstall": "server/dist/scripts/postinstall.sh",
			"preremove":   "server/dist/scripts/preremove.sh",
			"postremove":  "server/dist/scripts/postremove.sh",
		},
		Overrides: map[string]overrides{
			"deb": {Depends: []string{"passwd"}},
			"rpm": {Depends: []string{"shadow-utils"}},
		},
		RPM: map[string]string{"buildhost": "inside53"},
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(r.work, "nfpm-"+p.arch+".json")
	err = os.WriteFile(path, text, 0o644)
	if err != nil {
		return err
	}
	for _, packager := range []string{"deb", "rpm"} {
		_, _ = fmt.Fprintf(r.log, "dist: packing a .%s for %s\n", packager, p.arch)
		err = r.call(ctx, toolEnvironment(), append(r.nfpm.words(), "package", "--config", path,
			"--packager", packager, "--target", r.out+"/")...)
		if err != nil {
			return err
		}
	}
	return nil
}

// contents are the files of a package.
func (r *release) contents(binary string) ([]content, error) {
	var all []content
	var faults error
	file := func(source, dest string, mode os.FileMode, kind string) {
		all = append(all, content{Source: source, Dest: dest, Type: kind, Info: fileInfo{int(mode), r.made}})
	}
	// made is a file whose text is made here.
	made := func(dest string, text []byte, err error) {
		path := filepath.Join(r.work, strings.ReplaceAll(strings.Trim(dest, "/"), "/", "_"))
		if err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
		if err != nil && faults == nil {
			faults = fmt.Errorf("making %s: %w", dest, err)
		}
		file(path, dest, 0o644, "")
	}
	file(binary, "/usr/bin/inside53", 0o755, "")
	file("", "/etc/inside53", 0o755, "dir")
	file("examples/minimal.yaml", "/etc/inside53/inside53.yaml", 0o644, "config|noreplace")
	for _, unit := range []string{"inside53.service", "inside53.socket"} {
		text, err := packagedUnit(filepath.Join("examples", unit))
		made("/usr/lib/systemd/system/"+unit, text, err)
	}
	file("examples/sysctl.conf", "/usr/lib/sysctl.d/60-inside53.conf", 0o644, "")
	for _, name := range []string{"inside53.yaml", "iam-policy.json", "iam-policy-updates.json", "own-port.conf",
		"dhclient.conf", "dnsdist.conf"} {
		file("examples/"+name, "/usr/share/doc/inside53/examples/"+name, 0o644, "")
	}
	file("README.md", "/usr/share/doc/inside53/README.md", 0o644, "")
	file("LICENSE", "/usr/share/doc/inside53/copyright", 0o644, "")
	text, err := compressed("server/CHANGELOG.md")
	made("/usr/share/doc/inside53/changelog.gz", text, err)
	pages, err := filepath.Glob(r.manual("*.1"))
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		text, err = compressed(page)
		made("/usr/share/man/man1/"+filepath.Base(page)+".gz", text, err)
	}
	file(r.manual("inside53.bash"), "/usr/share/bash-completion/completions/inside53", 0o644, "")
	file(r.manual("inside53.fish"), "/usr/share/fish/vendor_completions.d/inside53.fish", 0o644, "")
	file(r.manual("_inside53"), "/usr/share/zsh/vendor-completions/_inside53", 0o644, "")
	all[len(all)-1].Only = "deb"
	file(r.manual("_inside53"), "/usr/share/zsh/site-functions/_inside53", 0o644, "")
	all[len(all)-1].Only = "rpm"
	return all, faults
}

// packagedUnit is a unit of the examples as a package has it: the program is in /usr/bin, and
// the comment at its top, which says how it is installed by hand, is another.
func packagedUnit(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	_, rest, found := bytes.Cut(text, []byte("\n\n"))
	if !found || text[0] != '#' {
		return nil, fmt.Errorf("%s doesn't begin with a comment", path)
	}
	rest = bytes.ReplaceAll(rest, []byte("/usr/local/bin/"), []byte("/usr/bin/"))
	return append([]byte("# Of the package; change it by: systemctl edit "+filepath.Base(path)+"\n\n"), rest...), nil
}

// compressed is a file compressed by gzip, without its name and time.
func compressed(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	if err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}
