package zonesource

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// failingFor is how long a hosted zone is waited for whose listing fails where all others
// are read: what passes must not start a server on a part of the data, what stays must not
// keep it from starting.
const failingFor = 5 * time.Minute

// refusals is how many refusals of IAM in a row are believed.
const refusals = 2

// fail notes a listing that failed.
func (h *held) fail(p Part) {
	h.err, h.tried = p.Err, p.Listed
	h.refused++
	if !hasCode(p.Err, "AccessDenied", "AccessDeniedException", "UnauthorizedOperation") {
		h.refused = 0
	}
	if h.failing.IsZero() || isThrottling(p.Err) {
		h.failing = p.Listed
	}
}

// succeed notes a listing that was good.
func (h *held) succeed(listed time.Time) {
	h.err, h.tried, h.refused, h.failing = nil, listed, 0, time.Time{}
}

// hasCode reports whether an error has one of these codes of AWS.
func hasCode(err error, codes ...string) bool {
	var fault interface{ ErrorCode() string }
	return errors.As(err, &fault) && slices.Contains(codes, fault.ErrorCode())
}

// isThrottling reports whether AWS refused a call for its rate.
func isThrottling(err error) bool {
	return hasCode(err, "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
		"RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "PriorRequestNotComplete",
		"SlowDown", "EC2ThrottledException")
}

// withStandings returns parts with marks that tell [Compile] how what is missing stands.
// The caller holds work.
func (k *Keeper) withStandings(cfg *Config, parts map[Key]Part) map[Key]Part {
	missing := missingParts(cfg, parts)
	if len(missing) == 0 {
		clear(k.seen)
		return parts
	}
	seen := make(map[Key]bool, len(missing))
	marked := maps.Clone(parts)
	w := waiting{steady: k.isSteady(cfg, parts), most: zoneGaps(missing) < k.hostedZones()}
	for _, g := range missing {
		h := k.held[g.Key]
		isNew, before := k.seen[g.Key]
		isNew = (isNew || !before && k.complete) && h.err == nil
		seen[g.Key] = isNew
		switch {
		case isNew:
			marked[g.Key] = Part{Key: g.Key, Err: errNew}
		case k.givenUp(cfg, g, w):
			marked[g.Key] = Part{Key: g.Key, Err: errGivenUp}
		}
	}
	k.seen = seen
	return marked
}

// givenUp reports whether a part that is missing isn't waited for any more: a hosted zone
// that IAM refuses, or whose listing fails for long where all others are read. A region
// too, where saved data were without it: it was configured since. The catalog of an account
// is always waited for. What is expected of an account that the configuration lets be
// missing is waited for until its first listing has failed. The caller holds work.
func (k *Keeper) givenUp(cfg *Config, g Gap, w waiting) bool {
	h := k.held[g.Key]
	account, isCatalog := strings.CutPrefix(g.Key.Name, catalogPrefix)
	if g.Key.Source == inventorySource {
		account, _, _ = strings.Cut(g.Key.Name, "/")
	}
	switch {
	case h.err == nil:
		return false
	case h.givenUp:
		return true
	case g.Zone == "" && slices.Contains(cfg.Without, account):
		return true
	case g.Zone == "" && isCatalog:
		return false
	case g.Zone == "" && !k.saved:
		return false
	case g.Zone == "" && g.Key.Source != inventorySource:
		return true
	}
	return w.most && (h.refused >= refusals || w.steady && !isThrottling(h.err) && h.tried.Sub(h.failing) >= failingFor)
}

// waiting is what is known of all parts when one is given up.
type waiting struct {
	steady bool // all others are read
	most   bool // most hosted zones are there
}

func zoneGaps(missing []Gap) int {
	n := 0
	for _, g := range missing {
		if g.Zone != "" {
			n++
		}
	}
	return n
}

// isSteady reports whether this process has read all parts that there are, and reads them
// still. The caller holds work.
func (k *Keeper) isSteady(cfg *Config, parts map[Key]Part) bool {
	wanted := cfg.wanted()
	for key, p := range parts {
		h := k.held[key]
		if (isHosted(p) || p.Region != nil || p.Catalog != nil) && wanted.wants(p) && (!h.read || h.err != nil) {
			return false
		}
	}
	return true
}

// publishLoaded publishes what was compiled, as loaded where nothing is missing without
// which there is no use in answering. Whatever is missing later, be it a new zone, one that
// can't be listed, or a region just configured, must not take the answers of all others
// away. The caller holds work.
func (k *Keeper) publishLoaded(c *Compiled) {
	missing := c.Report.Missing
	waits := slices.ContainsFunc(missing, func(g Gap) bool { return g.Standing == Unread })
	k.loaded = k.loaded || !waits || k.serves(missing)
	c.Snapshot.Loaded = k.loaded
	k.mu.Lock()
	k.complete = k.complete || !waits
	k.mu.Unlock()
	k.publish(c.Snapshot)
	k.noteStandings(missing)
	k.handOn()
}

// serves reports whether the saved data of an earlier process can be served without what
// is missing: the names of hosted zones fail by themselves; a region or an account has to
// be tried first. The caller holds work.
func (k *Keeper) serves(missing []Gap) bool {
	return k.saved && !slices.ContainsFunc(missing, func(g Gap) bool { return g.Zone == "" && k.held[g.Key].err == nil })
}
