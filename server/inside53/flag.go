package main

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"
)

// configFlag adds --config, which is required.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVarP(path, "config", "c", "", "configuration `file` (YAML)")
	required(c, "config")
}

// noFile accepts no arguments; one that looks like the configuration was meant as that.
func noFile(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q is no argument of %s; the configuration is named by: %s --config %s", args[0], c.CommandPath(),
		c.CommandPath(), args[0])
}

// address is a flag: an address and port. The zero value is none.
type address netip.AddrPort

// String implements pflag.Value.
func (a *address) String() string {
	if !netip.AddrPort(*a).IsValid() {
		return ""
	}
	return netip.AddrPort(*a).String()
}

// Set implements pflag.Value.
func (a *address) Set(text string) error {
	ap, err := netip.ParseAddrPort(text)
	if err != nil {
		return errors.New("write an address and port like 127.0.0.1:5300")
	}
	*a = address(ap)
	return nil
}

// Type implements pflag.Value; it is the word for the value in the help.
func (a *address) Type() string { return "addr" }
