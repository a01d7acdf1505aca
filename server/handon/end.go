package handon

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// Fleet is what who hands on and who lets in know of the fleet. Its functions don't block.
type Fleet struct {
	// Leader says whether this server leads, and where the one is that does; the zero
	// AddrPort: nobody knows.
	Leader func() (self bool, address netip.AddrPort)
	// Member reports whether an address is that of a server of the fleet: another one is
	// neither let in nor asked, whoever names it.
	Member func(netip.Addr) bool
	// Count counts what became of a message. Nil counts nothing.
	Count func(result string)
	// Now is for tests; nil: time.Now.
	Now func() time.Time
}

// end is one end of a connection: a [Client] or a [Door].
type end struct {
	fleet Fleet
	keys  atomic.Pointer[keys]
}

func (e *end) begin(f Fleet) {
	if f.Count == nil {
		f.Count = func(string) {}
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	e.fleet = f
	e.keys.Store(&keys{})
}

// SetKeys signs by the first of the secrets, and believes those who have one of them, from
// now on.
func (e *end) SetKeys(secrets [][]byte) error {
	k, err := newKeys(secrets)
	if err != nil {
		return err
	}
	e.keys.Store(&k)
	return nil
}
