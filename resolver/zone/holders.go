package zone

// holders are interfaces, and which of them has an address. Immutable.
type holders struct {
	all        []Interface
	byPublic   map[[4]byte]uint32 // of several that claim one the last
	byPrivate  map[[4]byte]uint32 // the last of those that have the address
	before     []uint32           // by interface: 1 more than the one before it that has its private address
	byInstance map[string]uint32  // the first interfaces of instances
	byOwner    map[string]uint32  // the last of those that something has
	beforeOf   []uint32           // by interface: 1 more than the one before it that its owner has

	contested bool // several claim one public address
	twice     bool // an instance has several first interfaces
}

func newHolders(interfaces []Interface) *holders {
	h := &holders{
		all: interfaces, byPublic: make(map[[4]byte]uint32), byPrivate: make(map[[4]byte]uint32),
		before: make([]uint32, len(interfaces)), byInstance: make(map[string]uint32),
		byOwner: make(map[string]uint32), beforeOf: make([]uint32, len(interfaces)),
	}
	for i := range interfaces {
		f := &interfaces[i]
		if f.isTranslatable() {
			_, claimed := h.byPublic[f.Public.As4()]
			h.contested = h.contested || claimed
			h.byPublic[f.Public.As4()] = uint32(i)
		}
		if f.Instance != "" {
			_, again := h.byInstance[f.Instance]
			h.twice = h.twice || again
			if !again {
				h.byInstance[f.Instance] = uint32(i)
			}
		}
		if f.OwnerID != "" {
			last, shared := h.byOwner[f.OwnerID]
			if shared {
				h.beforeOf[i] = last + 1
			}
			h.byOwner[f.OwnerID] = uint32(i)
		}
		if f.Private.Is4() {
			last, shared := h.byPrivate[f.Private.As4()]
			if shared {
				h.before[i] = last + 1
			}
			h.byPrivate[f.Private.As4()] = uint32(i)
		}
	}
	return h
}

// isTranslatable reports whether an interface has a public and a private address of IPv4.
func (f *Interface) isTranslatable() bool { return f.Public.Is4() && f.Private.Is4() }

// Interfaces visits all interfaces.
func (a *Inventory) Interfaces(yield func(*Interface) bool) {
	for i := range a.base.all {
		if !a.gone[uint32(i)] && !yield(&a.base.all[i]) {
			return
		}
	}
	if a.over == nil {
		return
	}
	for i := range a.over.all {
		if !yield(&a.over.all[i]) {
			return
		}
	}
}

// withPublic returns the interface that a public address is of, nil for none.
func (a *Inventory) withPublic(public [4]byte) *Interface {
	if a.over != nil {
		i, ok := a.over.byPublic[public]
		if ok {
			return &a.over.all[i]
		}
	}
	i, ok := a.base.byPublic[public]
	if !ok || a.gone[i] {
		return nil
	}
	return &a.base.all[i]
}

// withPrivate visits the interfaces that have a private address.
func (a *Inventory) withPrivate(private [4]byte) func(yield func(*Interface) bool) {
	return func(yield func(*Interface) bool) {
		if a.over != nil {
			i, ok := a.over.byPrivate[private]
			for n := i + 1; ok && n != 0; n = a.over.before[n-1] {
				if !yield(&a.over.all[n-1]) {
					return
				}
			}
		}
		i, ok := a.base.byPrivate[private]
		for n := i + 1; ok && n != 0; n = a.base.before[n-1] {
			if !a.gone[n-1] && !yield(&a.base.all[n-1]) {
				return
			}
		}
	}
}

// ownedBy visits those of the interfaces that an owner has.
func (h *holders) ownedBy(owner string, visit func(place uint32)) {
	last, ok := h.byOwner[owner]
	for n := last + 1; ok && n != 0; n = h.beforeOf[n-1] {
		visit(n - 1)
	}
}

// firstOf returns the first interface of an instance, nil for none.
func (a *Inventory) firstOf(instance []byte) *Interface {
	if a.over != nil {
		i, ok := a.over.byInstance[string(instance)]
		if ok {
			return &a.over.all[i]
		}
	}
	i, ok := a.base.byInstance[string(instance)]
	if !ok || a.gone[i] {
		return nil
	}
	return &a.base.all[i]
}
