package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"inside53/server/config"
	"inside53/server/preflight"
	"inside53/zonesource/awscall"
)

// checkAWS tries what c needs of AWS, prints it, and returns how many warnings there are.
// The error names what is missing.
func checkAWS(ctx context.Context, c *config.Config, stdout io.Writer) (warned int, err error) {
	if !c.UsesAWS() {
		_, err = fmt.Fprintln(stdout, "\nneither route53 nor ec2 is on: nothing is asked of AWS")
		return 0, err
	}
	check, err := preflight.CheckAWS(ctx, c)
	if err != nil {
		return 0, err
	}
	err = printAWSCheck(stdout, c, check)
	if err != nil {
		return 0, err
	}
	warned = len(budgetWarnings(c, check)) + len(check.Absent)
	return warned, errors.Join(missing(check), errors.Join(check.Inventory...))
}

// accountName is how people are told of an account.
func accountName(name string) string { return cmp.Or(name, "(credentials)") }

func printAWSCheck(w io.Writer, c *config.Config, check *preflight.AWSCheck) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "\nACTION\tACCOUNT\tREGION\tRESULT\n")
	for _, a := range check.Actions {
		result := "allowed"
		switch {
		case awscall.IsThrottled(a.Err):
			result = "throttled: " + oneLine(a.Err)
		case a.Failed():
			result = "NO: " + oneLine(a.Err)
		case a.Err != nil:
			result = "not tried: there is " + a.Err.Error()
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Action, accountName(a.Account), cmp.Or(a.Region, "-"), result)
	}
	err := table.Flush()
	if err != nil {
		return err
	}
	for i, cost := range check.Costs {
		if i == 0 {
			_, _ = fmt.Fprintln(w)
		}
		every := max(cost.Cycle, c.Route53.Refresh).Round(100 * time.Millisecond)
		_, err = fmt.Fprintf(w, "account %s: %d zones (%d private), %d record sets; a reading takes %d calls, "+
			"%s at %v a second; zones are refreshed every %s\n",
			accountName(cost.Account), cost.Zones, cost.Private, cost.Records, cost.Calls,
			cost.Cycle.Round(100*time.Millisecond), c.Route53.RequestsPerSecond, every)
		if err != nil {
			return err
		}
	}
	for _, text := range append(budgetWarnings(c, check), check.Absent...) {
		_, err = fmt.Fprintf(w, "warning: %s\n", text)
		if err != nil {
			return err
		}
	}
	return nil
}

// budgetWarnings names the accounts that can't be read as often as the configuration says.
func budgetWarnings(c *config.Config, check *preflight.AWSCheck) []string {
	var found []string
	for _, cost := range check.Costs {
		if cost.Cycle > c.Route53.Refresh {
			found = append(found, fmt.Sprintf("the budget of account %s allows no refresh in %s; "+
				"raise route53.requests_per_second "+
				"(AWS allows an account 10) or serve fewer zones", accountName(cost.Account), c.Route53.Refresh))
		}
	}
	return found
}

// missing is the error that names the actions that can't be used, or nil. Of those that AWS refused for their rate it
// isn't known whether they are allowed.
func missing(check *preflight.AWSCheck) error {
	var denied, throttled []string
	for _, a := range check.Actions {
		to := &denied
		if awscall.IsThrottled(a.Err) {
			to = &throttled
		}
		if a.Failed() && !slices.Contains(*to, a.Action) {
			*to = append(*to, a.Action)
		}
	}
	var refused, slow error
	if len(denied) > 0 {
		refused = fmt.Errorf("AWS does not let us use %s; examples/iam-policy.json has what is needed",
			strings.Join(denied, ", "))
	}
	if len(throttled) > 0 {
		slow = fmt.Errorf("AWS refuses %s for the account's rate now, so that it isn't known whether it is allowed; lower "+
			"route53.requests_per_second, raise route53.refresh, or see who else asks", strings.Join(throttled, ", "))
	}
	return errors.Join(refused, slow)
}

// oneLine returns the text of err without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
