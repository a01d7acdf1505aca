package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"inside53/server/config"
	"inside53/server/sources"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/changes"
	"inside53/zonesource/export"
	"inside53/zonesource/rdata"

	"github.com/spf13/cobra"
)

func newExport() *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Write hosts files, master files, or all data",
		Long: `export writes what Route 53 and EC2 hold for programs that know neither. The configuration
says which accounts, zones and regions.`,
		RunE: needsSubcommand,
	}
	c.AddCommand(newExportHosts(), newExportBIND(), newExportJSON())
	return c
}

// exportAccounts loads the configuration and the accounts that it names.
func exportAccounts(ctx context.Context, path string) (*config.Config, []*awsclient.Account, error) {
	conf, err := loadConfig(path)
	if err != nil {
		return nil, nil, err
	}
	accounts, err := loadAccounts(ctx, conf)
	return conf, accounts, err
}

// inventoryRegions are the regions that a configuration reads, as serve does.
func inventoryRegions(c *config.Config, accounts []*awsclient.Account) []string {
	switch {
	case c.EC2 == nil:
		return nil
	case len(c.EC2.Regions) > 0:
		return c.EC2.Regions
	}
	return []string{accounts[0].Config.Region}
}

// wantsZone returns what says which hosted zones a configuration reads; nil is none.
func wantsZone(c *config.Config) func(changes.Zone) bool {
	if c.Route53 == nil {
		return nil
	}
	filter := sources.HostedFilter(c.Route53)
	return func(z changes.Zone) bool {
		name, err := rdata.ParseName(z.Name)
		return err == nil && filter.Selects(z.ID, name, z.Private)
	}
}

// printProblems prints what an export had to leave out.
func printProblems(c console, problems []zonesource.Problem) error {
	for _, p := range problems {
		text := strings.Join(strings.Fields(strings.Join([]string{p.Zone, p.Name, p.Type}, " ")), " ")
		_, err := fmt.Fprintf(c.out, "! %s: %s\n", text, p.Reason)
		if err != nil {
			return err
		}
	}
	return nil
}

// exported is what an export wrote, for programs.
type exported struct {
	Dir       string        `json:"dir"`
	Zones     int           `json:"zones,omitempty"`
	Written   []string      `json:"written"`
	Unchanged int           `json:"unchanged"`
	Problems  []problemInfo `json:"problems"`
}

// problemInfo is what an export had to leave out.
type problemInfo struct {
	Zone   string `json:"zone"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

func (e exported) with(problems []zonesource.Problem) exported {
	e.Problems = []problemInfo{}
	for _, p := range problems {
		e.Problems = append(e.Problems, problemInfo{p.Zone, p.Name, p.Type, p.Reason})
	}
	if e.Written == nil {
		e.Written = []string{}
	}
	return e
}

func newExportBIND() *cobra.Command {
	var conf, dir, region string
	var asJSON bool
	c := &cobra.Command{
		Use:   "bind --config F --dir D [--region R] [--json]",
		Short: "Write master files and a named.conf",
		Long: `bind writes a master file for each hosted zone of the configuration, and a named.conf to
be included. What a master file can't say (aliases, routing policies) stands in comments, in
the form that record import and cli53 read; a stand-in beside it is what a name server
answers:

  weighted                  the highest weight
  failover                  the primary
  latency, geoproximity     those of --region
  geolocation, IP-based     the default
  multivalue                up to eight
  alias in the zone         the records of its target
  alias to elsewhere        a CNAME record, where nothing else is at the name

else the first by set identifier. Each stand-in is reported. Of several zones of one name
named.conf has the private one.`,
		Example: "  inside53 export bind --config inside53.yaml --dir /etc/bind/inside53",
		Args:    cobra.NoArgs,
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			return exportBIND(ctx, c, conf, dir, region, asJSON)
		}),
	}
	configFlag(c, &conf)
	c.Flags().StringVar(&dir, "dir", "", "`directory` of the files; it is made when it isn't there")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: what was written and left out")
	c.Flags().StringVar(&region, "region", "",
		"AWS `region` whose records stand in (default: that of the configuration or the SDK)")
	required(c, "dir")
	return c
}

func exportBIND(ctx context.Context, c console, path, dir, region string, asJSON bool) error {
	conf, accounts, err := exportAccounts(ctx, path)
	if err != nil {
		return err
	}
	wanted := wantsZone(conf)
	if wanted == nil {
		return errors.New("the configuration has no section route53: it says which zones to export")
	}
	if region == "" {
		region = accounts[0].Config.Region
	}
	var zones []export.HostedZone
	for _, a := range accounts {
		client := changes.New(a, changes.Options{})
		all, err := client.Zones(ctx)
		if err != nil {
			return err
		}
		for _, z := range all {
			if !wanted(z) {
				continue
			}
			c.progress("reading %s", z)
			sets, err := client.SteadyRecords(ctx, z)
			if err != nil {
				return err
			}
			zones = append(zones, export.HostedZone{Zone: z, Sets: sets})
		}
	}
	c.progress("")
	report, err := export.BIND(dir, zones, export.BINDOptions{Region: region, Now: time.Now()})
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(exported{Dir: dir, Zones: len(zones), Written: report.Written,
			Unchanged: report.Unchanged}.with(report.Problems))
	}
	err = printProblems(c, report.Problems)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%d zones: %d files written, %d unchanged in %s\n", len(zones), len(report.Written),
		report.Unchanged, dir)
	return err
}

func newExportJSON() *cobra.Command {
	var conf, dir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "json --config F --dir D [--json]",
		Short: "Write all data as the AWS CLI prints it",
		Long: `json writes the hosted zones and the inventory of the configuration in the layout that
awssim --data reads: the output of the AWS CLI, a file a call. Files of an earlier export
that are no more are removed from the directory; others stay.`,
		Example: `  inside53 export json --config inside53.yaml --dir data
  inside53 awssim --data data --listen 127.0.0.1:4566`,
		Args: cobra.NoArgs,
		RunE: workOn(func(ctx context.Context, c console, _ []string) error {
			conf, accounts, err := exportAccounts(ctx, conf)
			if err != nil {
				return err
			}
			if conf.Route53 == nil && conf.EC2 == nil {
				return errors.New("the configuration has neither route53 nor ec2: there is nothing to export")
			}
			err = sources.CheckRegion(conf, accounts)
			if err != nil {
				return err
			}
			data, err := export.Collect(ctx, export.DataOptions{
				Accounts: accounts, Zones: wantsZone(conf), Regions: inventoryRegions(conf, accounts),
				Progress: func(what string) { c.progress("reading %s", what) },
			})
			c.progress("")
			if err != nil {
				return err
			}
			err = data.Write(dir)
			if err == nil && asJSON {
				return c.printJSON(exported{Dir: dir, Written: slices.Sorted(maps.Keys(data.Files))}.with(data.Problems))
			}
			if err == nil {
				err = printProblems(c, data.Problems)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.out, "%d files in %s\n", len(data.Files), dir)
			return err
		}),
	}
	configFlag(c, &conf)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: what was written and left out")
	c.Flags().StringVar(&dir, "dir", "", "`directory` of the data; it is made when it isn't there")
	required(c, "dir")
	return c
}
