package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"inside53/resolver"

	"github.com/miekg/dns"
)

// hintWait is how long a hint may take: the answer is there without it.
const hintWait = 2 * time.Second

// hints are lines for what was most likely meant: of an address the question for its name, of
// a name that there isn't the nearest zone.
func (q *explainQuestion) hints(ctx context.Context, e *resolver.Explanation) []string {
	addr, err := netip.ParseAddr(strings.TrimSuffix(q.name, "."))
	if err == nil {
		back, err := dns.ReverseAddr(addr.Unmap().WithZone("").String())
		if err != nil {
			return nil
		}
		return []string{fmt.Sprintf("hint: %s is an address; its name is asked for by: inside53 explain %s PTR%s", addr, back,
			q.sameServer())}
	}
	lines := q.curesOf(e)
	if e.Rcode == "NOERROR" || e.Rcode == "SERVFAIL" || e.View == "" { // of no view no zone would be answered
		return lines
	}
	zone, hosted := q.nearest(ctx)
	if zone == "" {
		return lines
	}
	short := strings.TrimSuffix(zone, ".")
	if !hosted { // zone get asks Route 53, and a file is read when it changes
		return append(lines, "hint: the nearest zone is "+zone)
	}
	lines = append(lines, fmt.Sprintf("hint: the nearest zone is %s; its records: inside53 zone get %s", zone, short))
	if dns.IsSubDomain(zone, strings.ToLower(dns.Fqdn(q.name))) {
		lines = append(lines, "hint: it is read again at once by: inside53 refresh "+short+q.atServer())
	}
	return lines
}

// curesOf are lines with the command that helps where the answer came out of the cache, or of data that couldn't be
// read since.
func (q *explainQuestion) curesOf(e *resolver.Explanation) (lines []string) {
	var name string
	cached, failing := false, false
	var walk func(steps []resolver.Step, why string)
	walk = func(steps []resolver.Step, why string) {
		for i := range steps {
			s := &steps[i]
			if s.Step == "cache" && !cached {
				cached = strings.HasPrefix(s.Why, "fresh: ") || strings.HasPrefix(s.Why, "expired ")
				name = why
			}
			failing = failing || strings.Contains(s.Why, "not listed since: ") ||
				strings.HasPrefix(s.Why, "the first data aren't complete yet")
			walk(s.Steps, s.Why)
		}
	}
	walk(e.Steps, "")
	if cached {
		asked, _, _ := strings.Cut(strings.TrimPrefix(name, "asked for "), " ")
		lines = append(lines, "hint: the cache forgets it, and the upstreams are asked again, by: inside53 flush "+asked+
			q.atServer())
	}
	if failing {
		lines = append(lines, "hint: what can't be read, and what helps: inside53 status"+q.atServer())
	}
	return lines
}

// atServer is the flag that asks the same server.
func (q *explainQuestion) atServer() string {
	if q.admin == defaultAdmin {
		return ""
	}
	return " --admin " + q.admin
}

// sameServer is the flags that ask the same server for the same client.
func (q *explainQuestion) sameServer() string {
	text := ""
	if q.client != "" {
		text += " --client " + q.client
	}
	return text + q.atServer()
}

// nearest returns the zone of the server in which the name would be, or the one whose name is
// most like its end; "" where none is like it. hosted is whether Route 53 has it.
func (q *explainQuestion) nearest(ctx context.Context) (nearest string, hosted bool) {
	ctx, cancel := context.WithTimeout(ctx, hintWait)
	defer cancel()
	body, err := askAdmin(ctx, q.admin, "/zones", url.Values{"limit": {"1000"}})
	if err != nil {
		return "", false
	}
	var zones []struct{ Name, Visibility string }
	err = json.Unmarshal(body, &zones)
	if err != nil {
		return "", false
	}
	names := make([]string, len(zones))
	for i := range zones {
		names[i] = zones[i].Name
	}
	nearest = nearestZone(q.name, names)
	for _, z := range zones {
		isHosted := z.Visibility == "public" || z.Visibility == "private"
		hosted = hosted || isHosted && z.Name == nearest
	}
	return nearest, hosted
}

// nearestZone returns the zone that a name is in, the longest; else the one that is most like
// its end, if that takes few changes.
func nearestZone(name string, zones []string) string {
	name = strings.ToLower(dns.Fqdn(name))
	type near struct {
		zone           string
		within, length int
		changes        int
	}
	best := near{changes: 1 << 10}
	better := func(a, b near) bool {
		return cmp.Or(cmp.Compare(b.within, a.within), cmp.Compare(a.changes, b.changes),
			cmp.Compare(b.length, a.length), cmp.Compare(a.zone, b.zone)) < 0
	}
	for _, z := range zones {
		zone := strings.ToLower(dns.Fqdn(z))
		if dns.IsSubDomain(zone, name) {
			n := near{zone: zone, within: 1, length: len(zone)}
			if better(n, best) {
				best = n
			}
			continue
		}
		labels := dns.SplitDomainName(name)
		count := dns.CountLabel(zone)
		if best.within == 1 || len(labels) < count {
			continue
		}
		end := strings.Join(labels[len(labels)-count:], ".") + "."
		n := near{zone: zone, length: len(zone), changes: distance(end, zone)}
		if n.changes <= max(1, len(zone)/5) && better(n, best) {
			best = n
		}
	}
	return best.zone
}

// distance is how many letters have to be changed, added or taken away to make one text of the
// other, or two neighbours to be exchanged (Damerau and Levenshtein, of what isn't changed twice).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			least := slices.Min([]int{rows[i-1][j] + 1, rows[i][j-1] + 1, rows[i-1][j-1] + change})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				least = min(least, rows[i-2][j-2]+1)
			}
			rows[i][j] = least
		}
	}
	return rows[len(a)][len(b)]
}
