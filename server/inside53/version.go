package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version and commit are set by the linker (-X main.version=...). Without it what the
// compiler noted of the module stands in.
var version, commit string

// build is what the program knows of itself.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// thisBuild joins what the linker set, which may be "", with what the compiler noted,
// which may be nil.
func thisBuild(version, commit string, info *debug.BuildInfo) build {
	b := build{Version: version, Commit: commit, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info != nil {
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case commit != "": // the linker knows it
			case s.Key == "vcs.revision":
				b.Commit = s.Value + b.Commit
			case s.Key == "vcs.modified" && s.Value == "true":
				b.Commit += " (modified)"
			}
		}
	}
	b.Version = cmp.Or(b.Version, "unknown")
	b.Commit = cmp.Or(b.Commit, "unknown")
	return b
}

// programVersion is the version of this build.
func programVersion() string {
	info, _ := debug.ReadBuildInfo()
	return thisBuild(version, commit, info).Version
}

func newVersion(stdout io.Writer) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and Go",
		Args:  cobra.NoArgs,
		RunE: work(func(context.Context) error {
			info, _ := debug.ReadBuildInfo()
			b := thisBuild(version, commit, info)
			if asJSON {
				return json.NewEncoder(stdout).Encode(b)
			}
			_, err := fmt.Fprintf(stdout, "inside53 %s\ncommit   %s\ngo       %s %s/%s\n", b.Version, b.Commit, b.Go, b.OS,
				b.Arch)
			return err
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
