package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// call runs a program with more in its environment. What it writes is part of the error.
func (r *release) call(ctx context.Context, env []string, words ...string) error {
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	err := c.Run()
	if err != nil {
		return fmt.Errorf("running %s: %w\n%s", strings.Join(words, " "), err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

// tool is a program that is built elsewhere: its path, or a package and its version, which the go
// command downloads and runs.
type tool string

// words begin its command line.
func (t tool) words() []string {
	if strings.Contains(string(t), "@") {
		return []string{"go", "run", string(t)}
	}
	return []string{string(t)}
}

// needs reports what is missing, when a tool is. Each is asked for its help, which ends with 0.
func (r *release) needs(ctx context.Context, t tool, help ...string) error {
	err := r.call(ctx, toolEnvironment(), append(t.words(), help...)...)
	if err != nil {
		return fmt.Errorf("no %s, which the go command downloads from a module proxy (GOPROXY): %w", t, err)
	}
	return nil
}

// toolEnvironment keeps flags that are meant for this module away from others.
func toolEnvironment() []string { return []string{"GOFLAGS=", "GOOS=", "GOARCH="} }

// build builds the program for a platform, and returns its path.
func (r *release) build(ctx context.Context, p platform) (string, error) {
	path := filepath.Join(r.out, fmt.Sprintf("inside53_%s_%s_%s", r.number(), p.os, p.arch))
	return path, r.compile(ctx, p, path, "")
}

// compile builds the program. Nothing in it says where it was built, or by what version control.
func (r *release) compile(ctx context.Context, p platform, path, tags string) error {
	env := []string{"CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0"}
	if p != (platform{}) {
		env = append(env, "GOOS="+p.os, "GOARCH="+p.arch)
	}
	_, _ = fmt.Fprintf(r.log, "dist: building %s\n", filepath.Base(path))
	return r.call(ctx, env, "go", "build", "-trimpath", "-buildvcs=false", "-tags", tags,
		"-ldflags", "-s -w -X main.version="+r.version+" -X main.commit="+r.commit, "-o", path, "./server/inside53")
}

// manual is where the man pages and completions of the program are, in the work directory.
func (r *release) manual(name string) string { return filepath.Join(r.work, "manual", name) }

// writeManual has the program, built for this host, write its man pages and completions.
func (r *release) writeManual(ctx context.Context) error {
	program := filepath.Join(r.work, "with-manual")
	err := r.compile(ctx, platform{}, program, "manual")
	if err != nil {
		return err
	}
	err = os.Mkdir(r.manual(""), 0o755)
	if err != nil {
		return err
	}
	return r.call(ctx, []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.made.Unix())}, program, "manual", r.manual(""))
}
