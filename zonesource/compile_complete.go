package zonesource

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// Gap is a part that is expected and isn't there yet.
type Gap struct {
	Key  Key
	Zone string // the name of a hosted zone, "" for other parts
	// Private says that the hosted zone is a private one.
	Private  bool
	Standing Standing
}

// Fails reports whether names fail for what is missing.
func (g Gap) Fails() bool { return g.Standing != New }

// String says what is missing, for people.
func (g Gap) String() string { return g.because(nil) }

// because says what is missing and why, if err is known.
func (g Gap) because(err error) string {
	what := g.Key.String()
	if g.Zone != "" {
		what += " (" + g.Zone + ")"
	}
	if err != nil {
		return what + ": " + err.Error()
	}
	return what + ": not read yet"
}

// Standing is what becomes of the names of a part that isn't there.
type Standing uint8

// The standings of gaps.
const (
	// Unread names fail, and so does what the layers below have of them: whether they
	// exist, and what as, isn't known.
	Unread Standing = iota
	// New is a part that appeared while complete data were served, and that is only about
	// to be read: nothing of it was served before, and other layers keep their answers.
	New
	// GivenUp is a part that isn't waited for any more. Its names fail like unread ones.
	GivenUp
)

// The errors of parts that tell [Compile] the standing of what is missing.
var (
	errNew     = errors.New("not read yet")
	errGivenUp = errors.New("can't be read")
)

func standingOf(p Part) Standing {
	switch p.Err {
	case errNew:
		return New
	case errGivenUp:
		return GivenUp
	}
	return Unread
}

// unreadZones holds, for what is missing, zones without records of which nothing can be
// served. They are layers like others: what lies over them is certain, and answers.
type unreadZones struct {
	private, tags, public []*zone.Zone
	over                  []*zone.Zone // of names of instances, over other zones
	fresh                 []*zone.Zone // of new parts
	isPrivate             map[*zone.Zone]bool
}

// all returns all of them.
func (u *unreadZones) all() []*zone.Zone {
	return slices.Concat(u.private, u.tags, u.public, u.over, u.fresh)
}

// unreadOf makes the zones of what is missing. regions are those that were read, ours are our zones.
func unreadOf(cfg *Config, missing []Gap, regions []*Part, ours *Ours) *unreadZones {
	u := &unreadZones{isPrivate: map[*zone.Zone]bool{}}
	for _, g := range missing {
		switch {
		case g.Zone == "" && g.Key.Source == inventorySource:
			u.addTags(cfg, g, regions)
			u.addOver(cfg, g, ours)
		case g.Zone != "":
			id := strings.TrimPrefix(g.Key.Name, zonePrefix)
			z := unreadZone(zone.MustName(g.Zone), zone.Public, id, fmt.Sprintf("the hosted zone %s has not been read yet", id))
			if g.Private {
				z.Origin = zone.Private
				u.isPrivate[z] = true
			}
			switch {
			case g.Standing == New:
				u.fresh = append(u.fresh, z)
			case g.Private:
				u.private = append(u.private, z)
			default:
				u.public = append(u.public, z)
			}
		}
	}
	return u
}

// addTags adds the zones of the names of instances of a region that is missing: what of
// the template all of them have in common, and the zones that it may share with regions of its
// account that were read. A VPC is in one region: its zone is complete.
func (u *unreadZones) addTags(cfg *Config, g Gap, regions []*Part) {
	if !cfg.EC2 || cfg.TagZone == "" || g.Standing == New {
		return
	}
	add := func(apex []byte, err error) {
		has := func(z *zone.Zone) bool { return bytes.Equal(z.Apex, apex) }
		if err == nil && len(apex) > 1 && !slices.ContainsFunc(u.tags, has) {
			u.tags = append(u.tags, unreadZone(apex, zone.Tags, tagID, g.unreadInventory()))
		}
	}
	add(zone.ParseName(strings.TrimPrefix(cfg.TagZone[strings.LastIndexByte(cfg.TagZone, '}')+1:], ".")))
	if strings.Contains(cfg.TagZone, "{vpc}") {
		return
	}
	account, name, _ := strings.Cut(g.Key.Name, "/")
	for _, p := range regions {
		if p.Region.Account == account {
			add(InstanceZone(cfg.TagZone, name, "", accountLabel(p.Region)))
		}
	}
}

// addOver adds what the names of instances of a region that is missing may lie over: the domains
// for such names, and of our zones what is below the suffix of a template. Where else a tag may
// put a name isn't known, and isn't taken away from who has names there.
func (u *unreadZones) addOver(cfg *Config, g Gap, ours *Ours) {
	if !cfg.EC2 || cfg.TagZone == "" || g.Standing == New {
		return
	}
	add := func(apex, within []byte) {
		has := func(z *zone.Zone) bool { return bytes.Equal(z.Apex, apex) && bytes.Equal(z.Within, within) }
		if !slices.ContainsFunc(u.over, has) {
			z := unreadZone(apex, zone.Tags, tagID, g.unreadInventory())
			z.Within = within
			u.over = append(u.over, z)
		}
	}
	for _, apex := range cfg.Domains {
		add(apex, nil)
	}
	for _, suffix := range cfg.NameSuffixes {
		for _, apex := range ours.holding(suffix) {
			add(apex, suffix)
		}
		for _, apex := range ours.below(suffix) {
			add(apex, apex)
		}
	}
}

func unreadZone(apex []byte, origin zone.Origin, id, why string) *zone.Zone {
	return zone.New(zone.Info{Origin: origin, ID: id, Unavailable: why}, zone.NewTree(apex), 0)
}

// hideLayers leaves of the layers of apexes with zone files those alone, and has the names fail
// that they don't have: clients whose view isn't known may get no other one's.
func (t *table) hideLayers() {
	for _, a := range t.byName {
		isFile := func(l zone.Layer) bool { return t.all[l].Origin == zone.File }
		isOther := func(l zone.Layer) bool { return !isFile(l) }
		hidden := slices.IndexFunc(a.Layers, isOther)
		if hidden < 0 || !slices.ContainsFunc(a.Layers, isFile) {
			continue
		}
		z := t.all[a.Layers[hidden]]
		a.Layers = append(slices.DeleteFunc(a.Layers, isOther),
			t.place(unreadZone(z.Apex, z.Origin, z.ID, t.view.unread)))
	}
}

// newZones makes the names of new zones fail where no zone or forwarder of ours has them:
// nobody else is to say whether they exist.
func (t *table) newZones() {
	for _, z := range t.unread.fresh {
		if t.unread.isPrivate[z] && !t.seesPrivate() {
			continue
		}
		a := t.at(z.Apex)
		if len(a.Layers) == 0 && a.Forward == zone.NoForward {
			a.Layers = []zone.Layer{t.layers[z]}
		}
	}
}

// seesPrivate reports whether the view may see private zones. Which VPCs one belongs to
// isn't known before it is read.
func (t *table) seesPrivate() bool { return t.view.every || t.view.unique || len(t.view.vpcs) > 0 }

// isUncertain reports whether an address that no interface has may be one of a region that
// is still to come.
func isUncertain(missing []Gap) bool {
	return slices.ContainsFunc(missing, func(g Gap) bool {
		return g.Key.Source == inventorySource && g.Standing == Unread
	})
}

// unreadRegions names the regions that were not read.
func unreadRegions(missing []Gap) []zone.UnreadRegion {
	var out []zone.UnreadRegion
	for _, g := range missing {
		if g.Key.Source == inventorySource && g.Fails() {
			out = append(out, zone.UnreadRegion{Name: g.Key.Name[strings.LastIndexByte(g.Key.Name, '/')+1:],
				Why: g.unreadInventory()})
		}
	}
	return out
}

// unreadInventory says of a region that it was not read.
func (g Gap) unreadInventory() string {
	return fmt.Sprintf("the inventory of %s has not been read yet", strings.TrimPrefix(g.Key.Name, "/"))
}

// gapProblems are the lines of the report about what is missing.
func gapProblems(missing []Gap) []Problem {
	var problems []Problem
	for _, g := range missing {
		if g.Standing == New {
			continue
		}
		name := g.Zone
		if name == "" {
			name = strings.TrimPrefix(g.Key.Name, "/")
		}
		then := "its names get SERVFAIL"
		if strings.HasPrefix(g.Key.Name, catalogPrefix) {
			// A part that is lost takes only the list of zones with it.
			then = "its zones that are known are served, of others nothing is known"
		}
		problems = append(problems, Problem{Zone: name, Reason: g.Key.String() + " has not been read: " + then})
	}
	return problems
}

// missingParts says what is expected and isn't there yet. Until everything is,
// names that no file, special name or own forwarder covers can't be answered: they
// may belong to a zone that is still to come.
func missingParts(cfg *Config, parts map[Key]Part) []Gap {
	var missing []Gap
	for _, key := range cfg.Expected {
		p, ok := parts[key]
		if !ok || p.Err != nil {
			missing = append(missing, Gap{Key: key, Standing: standingOf(p)})
			continue
		}
		if p.Catalog == nil {
			continue
		}
		for _, h := range p.Catalog.Zones {
			zp, there := parts[zoneKey(key.Source, h.ID)]
			if h.Gone || there && zp.Err == nil || !cfg.Hosted.Selects(h.ID, h.Name, h.Private) {
				continue
			}
			missing = append(missing, Gap{
				Key: zoneKey(key.Source, h.ID), Zone: zone.String(h.Name), Private: h.Private, Standing: standingOf(zp),
			})
		}
	}
	return missing
}
