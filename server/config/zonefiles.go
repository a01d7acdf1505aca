package config

import (
	"fmt"
	"slices"
)

// ZoneFile is an entry of the section zonefiles.
type ZoneFile struct {
	// Origin is the name of the zone. It has no default.
	Origin DomainName `yaml:"origin"`

	// File is the path of the master file. It is read again when it changes. It
	// has no default.
	File string `yaml:"file,path"`

	// Views lists the views that see the zone, by name. "*" is every view.
	// Default ["*"].
	Views ViewSet `yaml:"views"`
}

func (s *ZoneFile) setDefaults() { *s = ZoneFile{Views: ViewSet{All: true}} }

func (v *validator) zoneFiles() {
	files := v.config.ZoneFiles
	for i, z := range files {
		path := fmt.Sprintf("zonefiles[%d]", i)
		if v.broken[path] {
			continue
		}
		if z.Origin == "" {
			v.fault(path+".origin", "is missing; write the name of the zone")
		}
		if z.File == "" {
			v.fault(path+".file", "is missing; write the path of a master file")
		}
		v.viewSet(path+".views", z.Views)
		for _, other := range files[:i] {
			// One zone file is the layer of a name, also where "*" gives it to a view.
			both := sameViews(z.Views, other.Views)
			if both == "" && (z.Views.All && len(other.Views.Names) > 0 || other.Views.All && len(z.Views.Names) > 0) {
				both = slices.Concat(z.Views.Names, other.Views.Names)[0]
			}
			if z.Origin != "" && z.Origin == other.Origin && both != "" {
				v.fault(path+".origin", "%s has two files in view %q; write one, or different views", z.Origin, both)
				break
			}
		}
	}
}
