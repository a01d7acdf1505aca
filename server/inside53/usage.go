package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// What is wrong with a command line is said in the words of our flags. cobra finds most of
// it too, but in its own words, so each of its checks has one of ours before it: arguments
// by [arguments], the value of a flag by flagError, and flags as a whole by checkFlags.

// arguments accepts from least to most arguments; most below 0 is any number.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return fmt.Errorf("too few or too many arguments: %s", c.UseLine())
		}
		return nil
	}
}

// flagError says what is wrong with the value of a flag; other errors are good as they are.
func flagError(_ *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag, value := invalid.GetFlag(), invalid.GetValue()
	kind := flag.Value.Type()
	number := strings.HasPrefix(kind, "int")
	switch {
	case number && errors.Is(err, strconv.ErrSyntax):
		return fmt.Errorf("--%s %q is no whole number", flag.Name, value)
	case number && errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("--%s %q is too large", flag.Name, value)
	case kind == "bool":
		return fmt.Errorf("--%s %q is neither true nor false", flag.Name, value)
	}
	return err
}

// exclusiveGroup is the annotation of flags that exclude each other: the names of each
// group that a flag is in.
const exclusiveGroup = "inside53_exclusive"

// required marks flags as required.
func required(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		err := c.MarkFlagRequired(name)
		if err != nil {
			panic(err) // no such flag: a name is wrong here or where it is made
		}
	}
}

// exclusive marks flags of which there may be one.
func exclusive(c *cobra.Command, flags ...string) {
	c.MarkFlagsMutuallyExclusive(flags...)
	for _, name := range flags {
		flag := c.Flags().Lookup(name)
		if flag.Annotations == nil {
			flag.Annotations = map[string][]string{}
		}
		flag.Annotations[exclusiveGroup] = append(flag.Annotations[exclusiveGroup], strings.Join(flags, " "))
	}
}

// checkFlags says which flags are missing, or exclude each other.
func checkFlags(c *cobra.Command, _ []string) error {
	var missing []string
	given := map[string][]string{} // by group
	c.Flags().VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Changed:
			for _, group := range f.Annotations[exclusiveGroup] {
				given[group] = append(given[group], "--"+f.Name)
			}
		case slices.Contains(f.Annotations[cobra.BashCompOneRequiredFlag], "true"):
			missing = append(missing, "--"+f.Name)
		}
	})
	if len(missing) == 1 {
		return fmt.Errorf("%s is missing", missing[0])
	}
	if len(missing) > 1 {
		return fmt.Errorf("%s are missing", strings.Join(missing, " and "))
	}
	for _, group := range slices.Sorted(maps.Keys(given)) {
		if len(given[group]) > 1 {
			return fmt.Errorf("%s exclude each other", strings.Join(given[group], " and "))
		}
	}
	return nil
}
