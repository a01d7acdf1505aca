package fleet

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"inside53/zonesource"
	"inside53/zonesource/recorder"
)

// ErrOtherAccount says that the fleet reads another account of AWS.
var ErrOtherAccount = errors.New("the fleet reads by another account of AWS")

// Differs reports whether a hash of a configuration is another than the newest version was read
// by. One that isn't known doesn't.
func (m *Member) Differs(config string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.differs(config)
}

// differs is the same. The caller holds mu.
func (m *Member) differs(config string) bool {
	return config != "" && m.version != nil && m.version.Commit != nil && m.version.Commit.Config != "" &&
		m.version.Commit.Config != config
}

// yields reports whether this server leaves the lease to others for some time more: those that
// read by the configuration that the newest version was read by. The caller holds mu.
func (m *Member) yields() bool {
	if !m.differs(m.o.Config()) {
		return false
	}
	now := m.o.Uptime()
	return slices.ContainsFunc(m.peers, func(p Peer) bool {
		return p.Name != m.o.Name && p.Heard+now-p.read <= memberFor && !m.differs(p.Config)
	})
}

// Agree reports whether all members read by the configuration that this server reads by. While one can't be
// asked, they don't.
func (m *Member) Agree() bool {
	own := m.o.Config()
	m.mu.Lock()
	asked := m.met > 0 && m.o.Uptime()-m.met <= memberFor/2
	m.mu.Unlock()
	return own != "" && asked && !slices.ContainsFunc(m.Peers(), func(p Peer) bool { return p.Config != own })
}

// Orphans are the keys of parts of the newest version that a configuration doesn't want.
func (m *Member) Orphans(wants func(zonesource.Part) bool) []zonesource.Key {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	var keys []zonesource.Key
	for key, p := range m.parts {
		_, there := m.refs[recorder.KeyText(key)]
		if there && !wants(p) {
			keys = append(keys, key)
		}
	}
	return keys
}

// checkAccount says whether the newest version was read by another account.
func (m *Member) checkAccount() error {
	m.mu.Lock()
	v := m.version
	m.mu.Unlock()
	if v == nil || v.Commit == nil || v.Commit.Config == "" || m.o.SameAccount == nil || m.o.Config() == "" ||
		m.o.SameAccount(v.Commit.Config) {
		return nil
	}
	return fmt.Errorf("joining %s: %w; give it a store of its own", m.o.Fleet, ErrOtherAccount)
}

// Offer has another server lead, where there is one: this one can't read AWS.
func (m *Member) Offer() {
	t := m.Term()
	if t != nil {
		t.end(errUseless)
	}
}

// Known is how many members were known last, this server among them, however long ago.
func (m *Member) Known() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 1
	for _, p := range m.peers {
		if p.Name != m.o.Name {
			n++
		}
	}
	return n
}

// ReadWithin reports whether who leads has read all that it reads within some time.
func (m *Member) ReadWithin(d time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ages) == 0 {
		return false
	}
	since := m.o.Uptime() - m.agesAt
	for _, age := range m.ages {
		if time.Duration(age*float64(time.Second))+since > d {
			return false
		}
	}
	return true
}
