//go:build linux

package main

import (
	"context"
	"flag"
	"io"
)

func runProgram(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	return parse(flags, args)
}
