package awssim

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// SetHealth says whether what a health check looks at is up: its endpoint, alarm, routing control. It
// shows as the status of the check, after inversion, and of calculated checks above it. A calculated check
// that is set down is so whatever its children are. The error is of an id that no account has.
func (s *Sim) SetHealth(id string, healthy bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sets := []*dataSet{s.base}
	for _, name := range sortedKeys(s.accounts) {
		sets = append(sets, s.accounts[name])
	}
	for _, d := range sets {
		i := slices.IndexFunc(d.checks, func(h *healthCheck) bool { return h.ID == id })
		if i < 0 {
			continue
		}
		changed := *d.checks[i]
		changed.down = !healthy
		changed.observations = nil
		d.checks = slices.Clone(d.checks)
		d.checks[i] = &changed
		return nil
	}
	return fmt.Errorf("setting the health of %q: no account has such a health check", id)
}

// Health is the status of all health checks of all accounts, by id, as Route 53 would act on it.
func (s *Sim) Health() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]bool{}
	add := func(d *dataSet) {
		for _, h := range d.checks {
			all[h.ID], _ = d.status(h.ID, nil)
		}
	}
	add(s.base)
	for _, d := range s.accounts {
		add(d)
	}
	return all
}

// putHealth takes {"id", "healthy"}.
func (s *Sim) putHealth(body io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(body, 1<<16))
	if err != nil {
		return fmt.Errorf("reading the health: %w", err)
	}
	var change struct {
		ID      string `json:"id"`
		Healthy *bool  `json:"healthy"`
	}
	err = decodeStrict(text, &change)
	if err != nil {
		return fmt.Errorf("reading the health: %w", err)
	}
	if change.Healthy == nil {
		return fmt.Errorf("reading the health: healthy is missing")
	}
	return s.SetHealth(change.ID, *change.Healthy)
}

// leastShare of the checkers has to see an endpoint healthy: more than 18 %.
const leastShare = 0.18

// status is the status of a check. above are the checks that it is a child of. Call it with Sim.mu held.
func (d *dataSet) status(id string, above []string) (up, known bool) {
	h := d.check(id)
	if h == nil || slices.Contains(above, id) {
		return true, false
	}
	c := &h.HealthCheckConfig
	inverted := c.Inverted != nil && *c.Inverted
	if c.Disabled != nil && *c.Disabled {
		return !inverted, true
	}
	up = !h.down
	switch {
	case h.down:
	case c.Type == "CALCULATED":
		var healthy, needed int64
		for _, child := range c.ChildHealthChecks {
			childUp, _ := d.status(child, append(above, id))
			if childUp {
				healthy++
			}
		}
		if c.HealthThreshold != nil {
			needed = *c.HealthThreshold
		}
		up = healthy >= needed
	case h.observations != nil:
		good := 0
		for _, o := range h.observations {
			if strings.HasPrefix(o.StatusReport.Status, "Success") {
				good++
			}
		}
		up = float64(good) > leastShare*float64(len(h.observations))
	}
	return up != inverted, true
}
