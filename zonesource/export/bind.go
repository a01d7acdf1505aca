package export

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/changes"
)

// HostedZone is a hosted zone with its record sets.
type HostedZone struct {
	Zone changes.Zone
	Sets []changes.RecordSet
}

// BINDOptions say how master files are written.
type BINDOptions struct {
	// Region is the region whose latency and geoproximity records stand in.
	Region string
	Now    time.Time // the source of serials
}

// Report is what an export has done.
type Report struct {
	Written   []string // paths of files that are new or have changed
	Unchanged int      // files
	Problems  []zonesource.Problem
}

// BIND writes a master file for each zone into dir, which is made when it isn't there,
// and named.conf, to be included in BIND's own. A file whose zone is as it was stays; one
// that changes gets a higher serial. Of zones of one name named.conf has one, a private
// one before the public one and then the lowest id first; the others stand there in
// comments, and in the report.
func BIND(dir string, zones []HostedZone, o BINDOptions) (Report, error) {
	var r Report
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return r, fmt.Errorf("making the directory of master files: %w", err)
	}
	var conf bytes.Buffer
	conf.WriteString("// Made by inside53; include it in named.conf. Changes are lost with the next export.\n")
	served := map[string]changes.Zone{}
	for _, z := range preferred(zones) {
		path := filepath.Join(dir, fileName(z.Zone))
		err = r.master(path, z, o)
		if err != nil {
			return r, err
		}
		// check-names: Route 53 takes any name for any type.
		text := fmt.Sprintf("zone %q { type primary; file %q; check-names ignore; };",
			strings.TrimSuffix(changes.MasterName(z.Zone.Name), "."), path)
		first, twice := served[z.Zone.Name]
		if twice {
			text = "// " + text + " // hidden by " + first.ID
			r.Problems = append(r.Problems,
				zonesource.Problem{Zone: z.Zone.String(),
					Reason: fmt.Sprintf("not served: named.conf has the %s of that name", first)})
		} else {
			served[z.Zone.Name] = z.Zone
		}
		conf.WriteString(text + "\n")
	}
	return r, r.write(filepath.Join(dir, "named.conf"), conf.Bytes())
}

// preferred puts the zone of a name that is served before the others of that name.
func preferred(zones []HostedZone) []HostedZone {
	out := append([]HostedZone(nil), zones...)
	changes.SortZones(out, func(z HostedZone) changes.Zone { return z.Zone })
	return out
}

// master writes one master file, unless it is there with nothing changed but its serial.
func (r *Report) master(path string, z HostedZone, o BINDOptions) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the last export: %w", err)
	}
	last := serialOf(old)
	text, problems := Master(z.Zone, z.Sets, MasterOptions{Region: o.Region, Serial: last})
	r.Problems = append(r.Problems, problems...)
	if last != 0 && bytes.Equal(text, old) {
		r.Unchanged++
		return nil
	}
	serial := max(uint32(o.Now.Unix()), last+1)
	text, _ = Master(z.Zone, z.Sets, MasterOptions{Region: o.Region, Serial: serial})
	return r.write(path, text)
}

// write writes a file unless it is there as it shall be.
func (r *Report) write(path string, text []byte) error {
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, text) {
		r.Unchanged++
		return nil
	}
	err = atomicfile.Replace(path, text)
	if err == nil {
		r.Written = append(r.Written, path)
	}
	return err
}

// serialOf is the serial of the SOA record of a master file of ours, 0 for none.
func serialOf(text []byte) uint32 {
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) < 7 || fields[3] != "SOA" || strings.HasPrefix(fields[0], ";") {
			continue
		}
		var serial uint32
		_, err := fmt.Sscan(fields[6], &serial)
		if err != nil {
			return 0
		}
		return serial
	}
	return 0
}

// maxFileName is how much of a zone's name stands in that of its file, in bytes.
const maxFileName = 200

// fileName is the name of a zone's file: its name as far as file systems agree on the
// letters, and its id, which makes it the only one.
func fileName(z changes.Zone) string {
	name := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '_'
	}, strings.TrimSuffix(changes.MasterName(z.Name), "."))
	return strings.TrimLeft(name[:min(len(name), maxFileName)], ".") + "." + z.ID + ".zone"
}
