package policy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/transfer"
	"inside53/server/tsig"
	"inside53/server/update"
	"inside53/zonesource"
	"inside53/zonesource/rdata"
)

// Updates is the sections keys and updates. It reads the secrets of the keys.
func Updates(c *config.Config) (*update.Policy, error) {
	keys, err := Keyring(c)
	if err != nil {
		return nil, err
	}
	p := &update.Policy{Keys: keys}
	for _, u := range c.Updates {
		g := update.Grant{Zone: hostedName(u), Clients: u.Clients}
		for _, k := range u.Keys {
			g.Keys = append(g.Keys, string(k))
		}
		for _, n := range u.Names {
			text, below := strings.CutPrefix(string(n), "*.")
			pattern := update.Pattern{Below: below}
			if n != "*" {
				pattern.Name = zone.MustName(text)
			}
			g.Names = append(g.Names, pattern)
		}
		if !slices.Contains(u.Types, "*") {
			for _, t := range u.Types {
				number, _ := rdata.Type(string(t)) // checked with the configuration
				g.Types = append(g.Types, number)
			}
		}
		p.Grants = append(p.Grants, g)
	}
	return p, nil
}

// hostedName is how an entry names its zone.
func hostedName(u config.Update) zonesource.PrimaryName {
	if u.Zone.IsID() {
		return zonesource.PrimaryName{ID: string(u.Zone)}
	}
	return zonesource.PrimaryName{
		Apex:    zone.MustName(string(u.Zone)),
		Private: u.Visibility == config.PrivateZone,
		VPC:     string(u.VPC),
	}
}

// Primaries are the names that zones have in their SOA records.
func Primaries(c *config.Config) []zonesource.PrimaryName {
	var out []zonesource.PrimaryName
	for _, u := range c.Updates {
		if u.SOAMname != "" {
			p := hostedName(u)
			p.Primary = zone.MustName(string(u.SOAMname))
			out = append(out, p)
		}
	}
	return out
}

// Keyring reads the secrets that c names. The error joins those of all keys.
func Keyring(c *config.Config) (tsig.Keyring, error) {
	ring := tsig.Keyring{}
	var faults []error
	for _, k := range c.Keys {
		secret, err := k.Load()
		if err != nil {
			faults = append(faults, err)
			continue
		}
		ring[string(k.Name)] = tsig.Key{Name: string(k.Name), Algorithm: string(k.Algorithm) + ".", Secret: secret}
	}
	return ring, errors.Join(faults...)
}

// Transfers is the sections keys and transfers; nil where nothing is transferred. It
// reads the secrets of the keys.
func Transfers(c *config.Config) (*transfer.Policy, error) {
	if len(c.Transfers) == 0 && len(c.Secondary) == 0 && len(c.Follow) == 0 {
		return nil, nil
	}
	keys, err := Keyring(c)
	if err != nil {
		return nil, err
	}
	p := &transfer.Policy{Keys: keys}
	for _, t := range c.Transfers {
		e := &transfer.Entry{View: t.View, Zones: t.Zones.Has, Clients: t.Clients, Journal: int(t.Journal)}
		if e.View == "" {
			e.View = "rest"
		}
		for _, k := range t.Keys {
			e.Keys = append(e.Keys, string(k))
			e.KeyNames = append(e.KeyNames, zone.MustName(string(k)))
		}
		for _, n := range t.Notify {
			e.Notify = append(e.Notify, n.AddrPort)
		}
		if t.Catalog != "" {
			e.Catalog = zone.MustName(string(t.Catalog))
		}
		p.Entries = append(p.Entries, e)
	}
	return p, nil
}

// FleetSecrets are those of the keys of the fleet, in their order.
func FleetSecrets(c *config.Config) ([][]byte, error) {
	ring, err := Keyring(c)
	if err != nil {
		return nil, err
	}
	var secrets [][]byte
	for _, name := range c.Fleet.Keys {
		secret, err := base64.StdEncoding.DecodeString(ring[string(name)].Secret)
		if err != nil {
			return nil, fmt.Errorf("reading the secret of key %s: %w", name, err)
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}
