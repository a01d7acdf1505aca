package main

import (
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"inside53/server/config"
	"inside53/server/preflight"
	"inside53/zonesource"
)

// checkReport is what check says, for programs.
type checkReport struct {
	Configuration string         `json:"configuration"` // the path as given
	Faults        []config.Fault `json:"faults"`
	Warnings      []string       `json:"warnings"`
	Actions       []actionReport `json:"actions,omitempty"`  // with --aws
	Accounts      []costReport   `json:"accounts,omitempty"` // with --aws
}

type actionReport struct {
	Action  string `json:"action"`
	Account string `json:"account"` // "" is that of the credentials
	Region  string `json:"region,omitempty"`
	Result  string `json:"result"` // allowed, denied, untried
	Why     string `json:"why,omitempty"`
}

type costReport struct {
	Account        string  `json:"account"`
	Zones          int     `json:"zones"`
	Private        int     `json:"private"`
	Records        int     `json:"records"`
	Calls          int     `json:"calls"` // of one reading
	ReadingSeconds float64 `json:"reading_seconds"`
}

// printCheckJSON prints what is known of c, with AWS asked or not, and returns how many
// warnings there are. The error is that of the text form: what is missing on AWS.
func printCheckJSON(ctx context.Context, w io.Writer, c *config.Config, problems []zonesource.Problem, withAWS bool,
) (warned int, err error) {
	r := checkReport{
		Configuration: c.File(), Faults: []config.Fault{}, Warnings: append([]string{}, allWarnings(c, problems)...),
	}
	var failed error
	if withAWS && c.UsesAWS() {
		check, err := preflight.CheckAWS(ctx, c)
		if err != nil {
			return 0, err
		}
		for _, a := range check.Actions {
			entry := actionReport{Action: a.Action, Account: a.Account, Region: a.Region, Result: "allowed"}
			switch {
			case a.Failed():
				entry.Result, entry.Why = "denied", oneLine(a.Err)
			case a.Err != nil:
				entry.Result, entry.Why = "untried", a.Err.Error()
			}
			r.Actions = append(r.Actions, entry)
		}
		for _, cost := range check.Costs {
			r.Accounts = append(r.Accounts, costReport{
				cost.Account, cost.Zones, cost.Private, cost.Records, cost.Calls, cost.Cycle.Seconds(),
			})
		}
		r.Warnings = slices.Concat(r.Warnings, budgetWarnings(c, check), check.Absent)
		failed = errors.Join(missing(check), errors.Join(check.Inventory...))
	}
	return len(r.Warnings), errors.Join(console{out: w}.printJSON(r), failed)
}

// printFaults prints the faults of the configuration at path, for programs.
func printFaults(w io.Writer, path string, asJSON bool, faults []config.Fault) error {
	if !asJSON {
		return nil // the error of the command says them
	}
	for i := range faults {
		if faults[i].File == "" {
			faults[i].File = path
		}
	}
	return console{out: w}.printJSON(checkReport{Configuration: path, Faults: faults, Warnings: []string{}})
}

// filePlace is how a fault of a file begins.
var filePlace = regexp.MustCompile(`^([^:\n]+):([0-9]+): `)

// faultsOf are the faults that an error of the files of a section joins.
func faultsOf(key string, err error) []config.Fault {
	all := config.Faults(err)
	for i := range all {
		f := &all[i]
		f.Key = key
		place := filePlace.FindStringSubmatch(f.Text)
		if place != nil {
			f.File, f.Text = place[1], strings.TrimPrefix(f.Text, place[0])
			f.Line, _ = strconv.Atoi(place[2]) // digits
		}
	}
	return all
}
