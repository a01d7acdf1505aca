package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func newFleet() *cobra.Command {
	var f historyFlags
	c := &cobra.Command{
		Use:   "fleet [--admin URL] [--json]",
		Short: "The servers that share what is read from AWS, and who of them reads",
		Long: `fleet asks a running server which servers its fleet has: the version that each serves, when it
was heard of last, its build, and which of them leads, that is, reads AWS for all.`,
		Example: "  inside53 fleet\n  inside53 fleet step-down",
		Args:    arguments(0, 0),
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			return f.printFleet(ctx, c)
		}),
	}
	f.add(c)
	c.AddCommand(
		newFleetOrder("step-down", "Have another server lead",
			`step-down has the server that leads stop reading AWS, whichever is asked; another one leads
within 2 seconds.`, "/fleet/step-down"),
		newFleetOrder("accept", "Take what the fleet's store has, though it was rolled back",
			`accept has the server that is asked serve what the store has, though that is older than what it
serves: for when the store was put back and no server is left that knows better.`, "/fleet/accept"))
	return c
}

// fleetMember is a server as /fleet has it.
type fleetMember struct {
	Name          string            `json:"name"`
	Address       string            `json:"address"`
	Version       uint64            `json:"version"`
	Build         string            `json:"build"`
	Zone          string            `json:"zone"`
	HeardSeconds  float64           `json:"heard_seconds"`
	ConfigDiffers bool              `json:"config_differs"`
	Failed        map[string]string `json:"failed"`
	Twin          string            `json:"twin"`
}

// heard is how long ago the member has written.
func (m *fleetMember) heard() string {
	if m.HeardSeconds < 0 {
		return "not yet"
	}
	return fmt.Sprintf("%.0fs ago", m.HeardSeconds)
}

// version is what the member serves, as it wrote last; it had none, or wrote none, where that is 0.
func (m *fleetMember) version() string {
	if m.Version == 0 {
		return "-"
	}
	return strconv.FormatUint(m.Version, 10)
}

// newFleetOrder makes the command of an order to the fleet.
func newFleetOrder(name, short, long, path string) *cobra.Command {
	var url string
	c := &cobra.Command{
		Use: name + " [--admin URL]", Short: short, Long: long, Example: "  inside53 fleet " + name, Args: arguments(0, 0),
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			address, err := parseAdmin(url)
			if err != nil {
				return usage{err}
			}
			body, err := requestAdmin(ctx, address, http.MethodPost, path, nil)
			if err == nil {
				_, err = c.out.Write(body)
			}
			return err
		}),
	}
	c.Flags().StringVar(&url, "admin", "http://127.0.0.1:8053", "`URL` of the server's admin address")
	return c
}

// printFleet asks the server and prints what it says.
func (f *historyFlags) printFleet(ctx context.Context, c console) error {
	address, err := parseAdmin(f.admin)
	if err != nil {
		return usage{err}
	}
	body, err := askAdmin(ctx, address, "/fleet", nil)
	if err != nil {
		return err
	}
	if f.asJSON {
		_, err = c.out.Write(body)
		return err
	}
	var state struct {
		Epoch   uint64        `json:"epoch"`
		Leader  string        `json:"leader"`
		Members []fleetMember `json:"members"`
	}
	err = json.Unmarshal(body, &state)
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", address, err)
	}
	isLeader := func(m fleetMember) bool { return m.Name == state.Leader }
	if state.Leader != "" && !slices.ContainsFunc(state.Members, isLeader) {
		state.Members = append(state.Members, fleetMember{Name: state.Leader, HeardSeconds: -1}) // it hasn't written yet
	}
	rows := [][]string{{"NAME", "ADDRESS", "VERSION", "HEARD", "BUILD", "ZONE", "REMARKS"}}
	for i := range state.Members {
		m := &state.Members[i]
		var remarks []string
		if m.Name == state.Leader {
			remarks = append(remarks, fmt.Sprintf("leads, epoch %d", state.Epoch))
		}
		if m.ConfigDiffers {
			remarks = append(remarks, "another configuration")
		}
		if m.Twin != "" {
			remarks = append(remarks, "the server at "+m.Twin+" has its name too")
		}
		for _, part := range slices.Sorted(maps.Keys(m.Failed)) {
			remarks = append(remarks, "can't serve "+part+": "+m.Failed[part])
		}
		rows = append(rows, []string{m.Name, m.Address, m.version(), m.heard(), m.Build, m.Zone, strings.Join(remarks, "; ")})
	}
	return c.table(rows)
}
