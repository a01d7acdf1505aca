package server

import (
	"cmp"
	"slices"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
)

// surveyVPCs returns the VPCs of views whose private zones are looked for with the
// credentials of an account: those that its inventory, of the regions given, has. The
// base account also asks for those that views name and no inventory has, in the region
// of the view.
func surveyVPCs(c *config.Config, accounts []*awsclient.Account, regions []*zonesource.Region, name string) []zone.VPC {
	named := map[string]string{} // regions
	every := len(c.Views) == 0   // then each VPC is a view
	for _, v := range c.Views {
		every = every || v.VPCs.All
		for _, id := range v.VPCs.IDs {
			named[id] = cmp.Or(v.Region, named[id], accounts[0].Config.Region)
		}
	}
	var vpcs []zone.VPC
	found := map[string]bool{}
	for _, r := range regions {
		for i := range r.VPCs {
			id := r.VPCs[i].ID
			found[id] = true
			_, viewed := named[id]
			if r.Account == name && (every || viewed) {
				vpcs = append(vpcs, zone.VPC{ID: id, Region: r.Name})
			}
		}
	}
	if name == accounts[0].Name {
		for id, region := range named {
			if !found[id] {
				vpcs = append(vpcs, zone.VPC{ID: id, Region: region})
			}
		}
	}
	slices.SortFunc(vpcs, func(a, b zone.VPC) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Region, b.Region)) })
	return vpcs
}

// inventory returns the last good inventory of all regions.
func (b *sourceBuilder) inventory() []*zonesource.Region {
	var regions []*zonesource.Region
	for _, p := range b.keeper.Parts(ec2Source) {
		regions = append(regions, p.Region)
	}
	return regions
}

// vpcsOf returns the VPCs of all regions.
func vpcsOf(regions []*zonesource.Region) []zone.VPC {
	var vpcs []zone.VPC
	for _, r := range regions {
		for i := range r.VPCs {
			vpc := zone.VPC{ID: r.VPCs[i].ID, Region: r.Name}
			if !slices.Contains(vpcs, vpc) {
				vpcs = append(vpcs, vpc)
			}
		}
	}
	return vpcs
}
