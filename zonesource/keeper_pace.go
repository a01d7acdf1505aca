package zonesource

import "time"

const (
	// paceFactor bounds the share of time that goes into compilations while data are still
	// to come: they rest for so many times as long as the last one took.
	paceFactor = 10
	// patienceFactor is which part of the time that reading has taken so far parts wait for
	// others that are expected; leastPatience and mostPatience bound it.
	patienceFactor = 10
	leastPatience  = 250 * time.Millisecond
	mostPatience   = 5 * time.Second
	// fewParts is how many more parts are always worth a compilation.
	fewParts = 8
)

// pace bounds how many compilations there are before the first complete data: what is to be
// read one after the other would be compiled as often, and nearly all of it answers nobody
// before everything is there. The keeper's work guards it.
type pace struct {
	uncompiled bool         // some part has changed since the last compilation
	awaited    map[Key]bool // what was missing then, and has not been tried since
	parts      int          // that there were
	first, at  time.Time    // of the first compilation and of the last
	took       time.Duration
}

// compiled notes a compilation.
func (p *pace) compiled(c *Compiled, parts int, began time.Time) {
	p.uncompiled = false
	p.awaited = make(map[Key]bool, len(c.Report.Missing))
	for _, g := range c.Report.Missing {
		p.awaited[g.Key] = true
	}
	p.parts, p.at = parts, time.Now()
	p.took = p.at.Sub(began)
	if p.first.IsZero() {
		p.first = p.at
	}
}

// tried notes that a part was delivered, or an error.
func (p *pace) tried(part Part) {
	if part.Catalog != nil { // it names others, which are known after a compilation
		clear(p.awaited)
		return
	}
	delete(p.awaited, part.Key)
}

// due returns when parts are to be compiled: at once as soon as there is nothing to wait
// for, or half as many again have come.
func (p *pace) due(parts int) time.Time {
	rest := paceFactor * p.took
	if len(p.awaited) > 0 && parts < p.parts+p.parts/2+fewParts {
		rest = max(rest, min(max(p.at.Sub(p.first)/patienceFactor, leastPatience), mostPatience))
	}
	return p.at.Add(rest)
}

// untilDue returns a channel that fires when parts that wait are to be compiled.
func (k *Keeper) untilDue() (<-chan time.Time, func() bool) {
	k.work.Lock()
	defer k.work.Unlock()
	if !k.pace.uncompiled {
		return nil, func() bool { return false }
	}
	t := time.NewTimer(time.Until(k.pace.due(len(k.parts))))
	return t.C, t.Stop
}

// next compiles what has changed since the last compilation, or all. The caller holds work.
func (k *Keeper) next() (*Compiled, error) {
	if k.compiled != nil && len(k.touched) > 0 {
		c := k.compiled.next(k.parts, k.touched, k.now())
		if c != nil {
			return c, nil
		}
	}
	return Compile(k.compiled, k.cfg, k.withStandings(&k.cfg, k.parts), k.now())
}

// touch notes that the part of a key isn't the one that was compiled. The caller holds work.
func (k *Keeper) touch(key Key) { k.touched[key] = true }
