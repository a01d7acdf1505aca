package server

import (
	"cmp"
	"strconv"
	"strings"
)

// identity says who answers, for NSID and id.server: NAME VERSION BUILD. VERSION is that of the
// data, with a + where some of them aren't in the ledger yet, and - without a ledger.
func (a *App) identity() string {
	name, version := a.host, "-"
	switch {
	case a.fleet.member != nil:
		name = a.fleet.member.Name()
		v, _ := a.fleet.member.Adopted()
		if v != nil {
			version = strconv.FormatUint(v.Number(), 10)
		}
	case a.recorder != nil:
		version = a.recorder.Text()
	}
	return cmp.Or(name, "-") + " " + version + " " + cmp.Or(strings.TrimPrefix(a.version, "inside53 "), "-")
}
