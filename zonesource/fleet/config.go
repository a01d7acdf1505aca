package fleet

import (
	"errors"
	"fmt"
)

// ErrOtherAccount says that the fleet reads another account of AWS.
var ErrOtherAccount = errors.New("the fleet reads by another account of AWS")

// Differs reports whether a hash of a configuration is another than the newest version was read
// by. One that isn't known doesn't.
func (m *Member) Differs(config string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return config != "" && m.version != nil && m.version.Commit != nil && m.version.Commit.Config != "" &&
		m.version.Commit.Config != config
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
