package past

import (
	"cmp"
	"strconv"
	"strings"

	"inside53/server/admin"
)

// Identity says who answers, for NSID and id.server: NAME VERSION BUILD. VERSION is that of the data, with a + where
// some of them aren't in the ledger yet, and - without a ledger.
func (p *Past) Identity(host, program string) string {
	name, version := host, "-"
	switch {
	case p.Fleet != nil:
		name = p.Fleet.Member.Name()
		v, _ := p.Fleet.Member.Adopted()
		if v != nil {
			version = strconv.FormatUint(v.Number(), 10)
		}
	case p.Recorder != nil:
		version = p.Recorder.Text()
	}
	return cmp.Or(name, "-") + " " + version + " " + cmp.Or(strings.TrimPrefix(program, "inside53 "), "-")
}

// Standing is the version of the data that is served, and who of the fleet leads.
func (p *Past) Standing() admin.FleetStatus {
	if p.Fleet != nil {
		s := p.Fleet.Standing()
		return admin.FleetStatus{Version: s.Version, Leader: s.Leader}
	}
	if p.Recorder == nil {
		return admin.FleetStatus{}
	}
	return admin.FleetStatus{Version: p.Recorder.Status().Version}
}
