package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (-X main.version=...). Without it the version of the
// module stands in: that of `go install inside53/server/inside53@v1`.
var version string

// build is what the program knows of itself.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// thisBuild reads what linker and compiler noted. linked is the linker's version, info
// may be nil.
func thisBuild(linked string, info *debug.BuildInfo) build {
	b := build{Version: linked, Commit: "unknown", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	modified := false
	if info != nil {
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				modified = s.Value == "true"
			}
		}
	}
	if b.Version == "" {
		b.Version = "unknown"
	}
	if modified {
		b.Commit += " (modified)"
	}
	return b
}

func newVersion(stdout io.Writer) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and Go",
		Args:  cobra.NoArgs,
		RunE: work(func(context.Context) error {
			info, _ := debug.ReadBuildInfo()
			b := thisBuild(version, info)
			if asJSON {
				return json.NewEncoder(stdout).Encode(b)
			}
			_, err := fmt.Fprintf(stdout, "inside53 %s\ncommit   %s\ngo       %s %s/%s\n", b.Version, b.Commit, b.Go, b.OS, b.Arch)
			return err
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
