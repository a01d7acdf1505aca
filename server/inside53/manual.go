//go:build manual

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// buildCommands are the commands of builds alone, with the tag manual: what writes the man
// pages and completions of a release.
func buildCommands() []*cobra.Command { return []*cobra.Command{newManual()} }

func newManual() *cobra.Command {
	return &cobra.Command{
		Use:    "manual DIR",
		Short:  "Write man pages and completions",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return work(func(context.Context) error { return writeManual(c.Root(), args[0]) })(c, args)
		},
	}
}

// writeManual writes a page a command, dated SOURCE_DATE_EPOCH, and the completions.
func writeManual(root *cobra.Command, dir string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("reading SOURCE_DATE_EPOCH, the date of the pages: %w", err)
	}
	date := time.Unix(seconds, 0).UTC()
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "inside53 " + programVersion(), Manual: "inside53"}
	err = doc.GenManTree(root, header, dir)
	if err != nil {
		return err
	}
	err = root.GenBashCompletionFileV2(filepath.Join(dir, "inside53.bash"), true)
	if err != nil {
		return err
	}
	err = root.GenZshCompletionFile(filepath.Join(dir, "_inside53"))
	if err != nil {
		return err
	}
	return root.GenFishCompletionFile(filepath.Join(dir, "inside53.fish"), true)
}
