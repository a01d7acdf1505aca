package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// writeSBOM writes which modules are in the program, as CycloneDX has it. Those of one platform
// stand for all: the others have no more.
func (r *release) writeSBOM(ctx context.Context) error {
	_, _ = fmt.Fprintf(r.log, "dist: listing the modules\n")
	p := r.platforms[0]
	binary := filepath.Join(r.out, fmt.Sprintf("inside53_%s_%s_%s", r.number(), p.os, p.arch))
	raw := filepath.Join(r.work, "sbom.json")
	err := r.call(ctx, toolEnvironment(), append(r.cyclonedx.words(), "bin", "-json", "-std", "-noserial",
		"-version", r.version, "-output", raw, binary)...)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(raw)
	if err != nil {
		return err
	}
	var bom map[string]any
	err = json.Unmarshal(text, &bom)
	if err != nil {
		return fmt.Errorf("reading what cyclonedx-gomod wrote: %w", err)
	}
	metadata, isMap := bom["metadata"].(map[string]any)
	if !isMap {
		return fmt.Errorf("cyclonedx-gomod wrote no metadata")
	}
	// When it was made and by which build of the tool is otherwise on each host.
	metadata["timestamp"] = r.made.Format(time.RFC3339)
	delete(metadata, "tools")
	text, err = json.MarshalIndent(bom, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "inside53_"+r.number()+"_sbom.cdx.json"), append(text, '\n'), 0o644)
}

// writeSums writes SHA256SUMS, for sha256sum -c.
func (r *release) writeSums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, e := range entries {
		if e.Name() == sums {
			continue
		}
		sum, err := sumOf(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(&out, "%x  %s\n", sum, e.Name())
	}
	_, _ = fmt.Fprintf(r.log, "%s", out.Bytes())
	return os.WriteFile(filepath.Join(r.out, sums), out.Bytes(), 0o644)
}

// sums is the name of the file of sums.
const sums = "SHA256SUMS"

func sumOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was read only
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return hash.Sum(nil), nil
}
