package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// What cobra and pflag say of mistakes in a command line.
var (
	missingFlags   = regexp.MustCompile(`^required flag\(s\) (.*) not set$`)
	wrongCount     = regexp.MustCompile(`^(?:accepts|requires) .*arg\(s\)`)
	exclusiveFlags = regexp.MustCompile(`^if any flags in the group \[.*\] are set none of the others can be; \[(.*)\] were all set$`)
	badNumber      = regexp.MustCompile(`^invalid argument ("[^"]*") for "(?:-., )?(--[a-z-]+)" flag: strconv\..*: (invalid syntax|value out of range)$`)
)

// credentialsHint is a line for who has no credentials: the SDK names the last of the
// many places where it has looked.
func credentialsHint(err error) string {
	if !strings.Contains(err.Error(), "failed to refresh cached credentials") {
		return ""
	}
	return "There are no credentials: give the instance a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.\n"
}

// usageText says what is wrong with a command line in the words of our flags.
func usageText(c *cobra.Command, err error) string {
	text := err.Error()
	if m := missingFlags.FindStringSubmatch(text); m != nil {
		names := strings.Split(strings.ReplaceAll(m[1], `"`, "--"), ", ")
		for i := range names {
			names[i] = strings.TrimSuffix(names[i], "--")
		}
		if len(names) == 1 {
			return names[0] + " is missing"
		}
		return strings.Join(names, " and ") + " are missing"
	}
	if m := exclusiveFlags.FindStringSubmatch(text); m != nil {
		return "--" + strings.ReplaceAll(m[1], " ", " and --") + " exclude each other"
	}
	if m := badNumber.FindStringSubmatch(text); m != nil {
		if m[3] == "invalid syntax" {
			return fmt.Sprintf("%s %s is no whole number", m[2], m[1])
		}
		return fmt.Sprintf("%s %s is too large", m[2], m[1])
	}
	if wrongCount.MatchString(text) {
		return "too few or too many arguments: " + c.UseLine()
	}
	return text
}
