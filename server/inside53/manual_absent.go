//go:build !manual

package main

import "github.com/spf13/cobra"

// buildCommands are the commands of builds alone; the program itself has none of them.
func buildCommands() []*cobra.Command { return nil }
