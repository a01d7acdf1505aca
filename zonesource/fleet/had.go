package fleet

import (
	"encoding/json"
	"os"
	"time"

	"inside53/zonesource/ledger"
)

// hadFor is for how long what an earlier process had counts: a server that was away for longer is to take what the
// others have meanwhile, whatever they began with.
const hadFor = time.Hour

// bootPath has a text that is another one after each start of the machine.
const bootPath = "/proc/sys/kernel/random/boot_id"

// had is the last version that an earlier process of this server had with all its parts, and has saved: a process that
// begins with that is not to go back behind it, and knows what it is worth where the store has lost something.
type had struct {
	Fleet   string        `json:"fleet"`
	Version uint64        `json:"version"`
	Epoch   uint64        `json:"epoch"`
	Boot    string        `json:"boot"`   // of the machine
	Uptime  time.Duration `json:"uptime"` // when it was written
}

// bootID says which start of the machine this is, "" where nobody knows: then nothing is believed.
func bootID() string {
	text, err := os.ReadFile(bootPath)
	if err != nil {
		return ""
	}
	return string(text)
}

// readHad returns what an earlier process has left of this fleet, not long ago.
func (m *Member) readHad() (h had) {
	err := json.Unmarshal(m.o.Keeper.Marked(), &h)
	if err != nil {
		return had{}
	}
	age := m.o.Uptime() - h.Uptime
	if h.Fleet != m.o.Fleet || h.Boot == "" || h.Boot != m.boot || age < 0 || age > hadFor {
		return had{}
	}
	return h
}

// recall reads that once what was saved is loaded: where some of it can't be, nothing says of which version the rest
// is.
func (m *Member) recall() {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	h := m.readHad()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.had = h
}

// mark has it saved which version this server has, where that is whole; now and then too, so that it is known how long
// ago that was.
func (m *Member) mark() {
	m.mu.Lock()
	v, whole := m.version, m.whole
	m.mu.Unlock()
	if v == nil || v.Number() != whole || m.boot == "" {
		return
	}
	text, err := json.Marshal(had{m.o.Fleet, whole, v.Head.Epoch, m.boot, m.o.Uptime()})
	if err == nil {
		m.o.Keeper.Mark(text)
	}
}

// goesBack reports whether a version isn't one that may follow what this server, or the process before it, had; and
// which version that was.
func (m *Member) goesBack(v *ledger.Version) (served uint64, back bool) {
	if m.known == nil {
		return m.had.Version, v.Number() < m.had.Version
	}
	return m.known.Number(), isBelow(v, m.known)
}
