package fleet

import (
	"encoding/json"
	"net/netip"
	"time"
)

const (
	// twinTimes is how often another process must have written this server's name, at a planned restart the one
	// before or after it does once.
	twinTimes = 2
	// twinFor is how long after the last time that is said.
	twinFor = 5 * time.Minute
)

// twin is another server that writes the name of this one.
type twin struct {
	times   int
	last    time.Duration // uptime
	address netip.AddrPort
}

// Twin returns where another server is that has the name of this one, as the configuration of one of them is wrong;
// the zero AddrPort while there is none.
func (m *Member) Twin() netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.twin.times < twinTimes || m.o.Uptime()-m.twin.last > twinFor {
		return netip.AddrPort{}
	}
	return m.twin.address
}

// overwritten notes what stands in the object of this server in the place of what it has written.
func (m *Member) overwritten(body []byte) {
	text, err := m.memberKeys.Open(body)
	var is Peer
	if err == nil {
		err = json.Unmarshal(text, &is)
	}
	if err != nil || is.Node == m.node {
		return // nobody of this fleet
	}
	m.mu.Lock()
	now := m.o.Uptime()
	if now-m.twin.last > twinFor {
		m.twin.times = 0
	}
	m.twin = twin{m.twin.times + 1, now, is.Address}
	said := m.twin.times == twinTimes
	m.mu.Unlock()
	if said {
		m.alarm("name", "another server of the fleet has the name of this one; give each its own fleet.name",
			"name", m.o.Name, "address", is.Address)
	}
}
