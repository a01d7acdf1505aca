package zonesource

import "time"

// untilStale returns a channel that fires when the next region gets too old to
// translate by; it never does when there is none.
func (k *Keeper) untilStale() (<-chan time.Time, func() bool) {
	k.work.Lock()
	defer k.work.Unlock()
	var next time.Time
	now := k.now()
	for _, key := range k.wanted.regions {
		p := k.parts[key]
		if p.Region == nil || k.cfg.MaxAge <= 0 || isStale(&k.cfg, &p, now) {
			continue
		}
		at := p.Listed.Add(k.cfg.MaxAge)
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if next.IsZero() {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(next.Sub(now) + time.Millisecond)
	return t.C, t.Stop
}

// agedDifferently reports whether a region has become too old, or is so no longer.
func (k *Keeper) agedDifferently() bool {
	if k.compiled == nil {
		return true
	}
	in, now := &k.compiled.in, k.now()
	for i, was := range in.regions {
		p := k.parts[was.Key]
		if isStale(&k.cfg, &p, now) != in.stale[i] {
			return true
		}
	}
	return false
}
