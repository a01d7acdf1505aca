package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"inside53/server/config"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completionWait is how long a shell waits for a server that may not be there.
const completionWait = 500 * time.Millisecond

// usualConfig is the configuration that is looked at where none is named.
const usualConfig = "/etc/inside53/inside53.yaml"

// completeValues has all commands below one complete their arguments, by the words of their
// usage, and the values of their flags. What there is, a running server knows; regions and
// accounts are those of the configuration.
func completeValues(c *cobra.Command) {
	words := strings.Fields(c.Use)[1:]
	if len(words) > 0 && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]cobra.Completion,
			cobra.ShellCompDirective) {
			values, directive := argument(c, words, args, typed)
			return thatBegin(values, typed), directive
		}
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		values := flagValues(f.Name)
		if values == nil {
			return
		}
		_, there := c.GetFlagCompletionFunc(f.Name)
		if there {
			return
		}
		err := c.RegisterFlagCompletionFunc(f.Name, func(c *cobra.Command, _ []string, typed string) ([]cobra.Completion,
			cobra.ShellCompDirective) {
			return thatBegin(values(c), typed), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			panic(err) // the flag is there, and has none yet
		}
	})
	for _, sub := range c.Commands() {
		completeValues(sub)
	}
}

// argument completes the next argument, by the word of the usage in its place.
func argument(c *cobra.Command, words, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	word := ""
	if len(args) < len(words) {
		word = strings.Trim(words[len(args)], "[]")
	}
	switch word {
	case "ZONE":
		return zonesOf(c), none
	case "NAME":
		zone := ""
		if len(args) > 0 {
			zone = args[0]
		}
		return namesOf(c, zone, typed), none
	case "TYPE":
		return recordTypes(), none
	case "FILE", "OTHER":
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, none
}

// thatBegin are the values that begin so, in whatever case.
func thatBegin(values []string, typed string) []string {
	var out []string
	for _, v := range values {
		if len(v) >= len(typed) && strings.EqualFold(v[:len(typed)], typed) {
			out = append(out, v)
		}
	}
	return out
}

// recordTypes are those that Route 53 has.
func recordTypes() []string {
	return []string{
		"A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA",
		"TXT",
	}
}

// flagValues returns what a flag of a name may have; nil for what can't be listed.
func flagValues(name string) func(*cobra.Command) []string {
	fixed := func(values ...string) func(*cobra.Command) []string {
		return func(*cobra.Command) []string { return values }
	}
	switch name {
	case "region", "vpc-region":
		return regionsOf
	case "account":
		return accountsOf
	case "vpc":
		return func(c *cobra.Command) []string { return viewsOf(c, func(v *knownView) []string { return v.VPCs }) }
	case "client":
		return func(c *cobra.Command) []string { return viewsOf(c, (*knownView).clients) }
	case "view":
		return func(c *cobra.Command) []string {
			return viewsOf(c, func(v *knownView) []string { return []string{v.Name} })
		}
	case "failover":
		return fixed("PRIMARY", "SECONDARY")
	case "diff":
		return fixed("public")
	case "rcode":
		return fixed("NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP")
	case "by":
		return fixed("name", "client", "nxdomain", "servfail", "slow")
	}
	return nil
}

// knownView is a view of a server.
type knownView struct {
	Name, Client string
	VPCs         []string `json:"vpcs"`
}

// clients is a client of the view, described.
func (v *knownView) clients() []string {
	if v.Client == "" {
		return nil
	}
	return []string{v.Client + "\tview " + v.Name}
}

// asked asks the server that a command is about, briefly; without one nothing is known.
func asked(c *cobra.Command, path string, values url.Values, into any) {
	admin := defaultAdmin
	flag := c.Flags().Lookup("admin")
	if flag != nil && flag.Value.Type() == "string" && flag.Value.String() != "" {
		admin = flag.Value.String()
	}
	admin, err := parseAdmin(admin)
	if err != nil {
		return
	}
	parent := c.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completionWait)
	defer cancel()
	body, err := askAdmin(ctx, admin, path, values)
	if err == nil {
		_ = json.Unmarshal(body, into) // what can't be read completes nothing
	}
}

// zonesOf are the names of zones, and the ids where several have one name.
func zonesOf(c *cobra.Command) []string {
	var zones []struct{ ID, Name, Visibility string }
	asked(c, "/zones", url.Values{"limit": {"1000"}}, &zones)
	count := map[string]int{}
	for _, z := range zones {
		count[z.Name]++
	}
	var out []string
	for _, z := range zones {
		name := strings.TrimSuffix(z.Name, ".")
		if z.Visibility != "public" && z.Visibility != "private" {
			continue // not of Route 53
		}
		if count[z.Name] > 1 {
			out = append(out, z.ID+"\t"+z.Visibility+" zone "+name)
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// namesOf are names that begin so: of a zone relative to it, else of all zones.
func namesOf(c *cobra.Command, zone, typed string) []string {
	if zone == "" {
		return zonesOf(c)
	}
	var records []struct{ Name string }
	asked(c, "/records", url.Values{"zone": {zone}, "merged": {"true"}, "text": {typed}, "limit": {"200"}}, &records)
	var out []string
	for _, r := range records {
		name := strings.TrimSuffix(strings.TrimSuffix(r.Name, "."), "."+strings.TrimSuffix(zone, "."))
		if strings.HasPrefix(name, typed) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// viewsOf collects something of the views of a server.
func viewsOf(c *cobra.Command, of func(*knownView) []string) []string {
	var views []knownView
	asked(c, "/views", nil, &views)
	var out []string
	for i := range views {
		for _, text := range of(&views[i]) {
			if text != "" && text != "*" && !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// configOf is the configuration that a command names, or the usual one; nil for none.
func configOf(c *cobra.Command) *config.Config {
	path := usualConfig
	flag := c.Flags().Lookup("config")
	if flag != nil && flag.Value.String() != "" {
		path = flag.Value.String()
	}
	_, err := os.Stat(path)
	if err != nil {
		return nil
	}
	loaded, err := loadConfig(path)
	if err != nil {
		return nil
	}
	return loaded
}

// regionsOf are the regions of the configuration.
func regionsOf(c *cobra.Command) []string {
	loaded := configOf(c)
	if loaded == nil {
		return nil
	}
	var out []string
	if loaded.EC2 != nil {
		out = append(out, loaded.EC2.Regions...)
	}
	if loaded.AWS.Region != "" && !slices.Contains(out, loaded.AWS.Region) {
		out = append(out, loaded.AWS.Region)
	}
	return out
}

// accountsOf are the accounts of the configuration.
func accountsOf(c *cobra.Command) []string {
	loaded := configOf(c)
	if loaded == nil {
		return nil
	}
	var out []string
	for _, a := range loaded.AWS.Accounts {
		out = append(out, a.Name)
	}
	return out
}
