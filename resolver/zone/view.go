package zone

// Special says how names are answered that must never leave (RFC 6761, RFC 6303,
// RFC 7686, RFC 8375, RFC 9462, RFC 9665), where no zone or forwarder of ours is concerned.
type Special uint8

// The special names.
const (
	NotSpecial Special = iota
	Localhost          // 127.0.0.1 and ::1 at and below localhost. (RFC 6761 section 6.3)
	NoName             // NXDOMAIN: invalid., test., onion., service.arpa.
	Empty              // an empty zone: NODATA at the apex, NXDOMAIN below (RFC 6303)
	Loopback           // an empty zone whose one name is localhost. (RFC 6303 section 4.2)
	NoData             // an empty zone whose names all exist: resolver.arpa. (RFC 9462 section 6.4)
)

// NoForward says that an apex has no forwarder.
const NoForward = -1

// Apex is what a view has at one name: the zones there, top down, and the
// forwarder, with what else holds below the name.
type Apex struct {
	Name   []byte // lower-case wire form
	Labels int
	// Layers name the zones of this apex that the view sees, top down. With
	// overlap "shadow" there is only the top one.
	Layers []Layer
	// Forward indexes Snapshot.Forwarders; NoForward when there is none. It is
	// asked before the layers, or, with Below, for names that no layer has.
	Forward int
	Below   bool
	Special Special
	// Computed marks names that may be computed from the inventory (the EC2 names
	// and reverse names) before a forwarder is asked.
	Computed bool
	// Unavailable says why names here can't be answered at all: a private zone
	// that exists for this view but can't be listed. They get SERVFAIL.
	Unavailable string
}

// AddressMode is how a view sees public addresses of our own instances.
type AddressMode uint8

// The ways of translating addresses.
const (
	AddressAuto    AddressMode = iota // the private one where it can be reached
	AddressPrivate                    // the private one always
	AddressPublic                     // never translated
)

// View is what one group of clients sees. Immutable.
type View struct {
	Name      string
	Index     int // in Snapshot.Views
	Region    string
	VPCs      []string
	Addresses AddressMode
	// Unread says why it isn't known what its clients are to see: they get what is answered
	// before the first data. "" for all other views.
	Unread string
	Apexes []Apex // sorted by nothing in particular; index finds them

	index    []uint32 // open-addressed by hash: position in Apexes + 1
	filter   []uint64 // a bit for each hash, of sixteen or more for each apex: most names are none, and end here
	depths   [2]uint64
	root     *Apex
	forwards bool // an apex has a forwarder
}

// NewView builds the table of a view's apexes. Names must be distinct.
func NewView(v View) *View {
	size := 8
	for size < 2*len(v.Apexes) {
		size *= 2
	}
	v.index, v.filter = make([]uint32, size), make([]uint64, size*8/64)
	mask := uint64(size - 1)
	for i := range v.Apexes {
		a := &v.Apexes[i]
		a.Labels = CountLabels(a.Name)
		v.forwards = v.forwards || a.Forward != NoForward
		v.depths[a.Labels>>6] |= 1 << (a.Labels & 63)
		hash := HashName(a.Name)
		word, bit := v.filterBit(hash)
		v.filter[word] |= bit
		at := hash >> indexShift & mask
		for v.index[at] != 0 {
			at = (at + 1) & mask
		}
		v.index[at] = uint32(i + 1)
		if a.Labels == 0 {
			v.root = a
		}
	}
	return &v
}

// Root returns the apex ".", where the default forwarder is; nil when there is none.
func (v *View) Root() *Apex { return v.root }

// Forwards reports whether the view has a forwarder for any name: the RA bit. Without it a
// stub resolver doesn't believe that a forwarded name has no addresses.
func (v *View) Forwards() bool { return v.forwards }

// Recursive reports whether the view has a default forwarder, which follows delegations.
func (v *View) Recursive() bool { return v.root != nil && v.root.Forward != NoForward }

// Closest returns the longest apex at or above the suffix of n labels of a name;
// nil when there is none.
func (v *View) Closest(l *Labels, name []byte, n int) *Apex {
	for i := n; i > 0; i-- {
		if v.depths[i>>6]&(1<<(i&63)) == 0 {
			continue
		}
		word, bit := v.filterBit(l.Hash[i])
		if v.filter[word]&bit == 0 {
			continue
		}
		a := v.at(l.Hash[i], name[l.Off[i]:])
		if a != nil {
			return a
		}
	}
	return v.root
}

// filterBit is where the bit of a hash stands in the filter.
func (v *View) filterBit(hash uint64) (word int, bit uint64) {
	at := hash >> indexShift & uint64(64*len(v.filter)-1)
	return int(at >> 6), 1 << (at & 63)
}

func (v *View) at(hash uint64, name []byte) *Apex {
	mask := uint64(len(v.index) - 1)
	for i := hash >> indexShift & mask; v.index[i] != 0; i = (i + 1) & mask {
		a := &v.Apexes[v.index[i]-1]
		if string(a.Name) == string(name) {
			return a
		}
	}
	return nil
}

// Apex returns the apex of exactly this name; nil when there is none.
func (v *View) Apex(name []byte) *Apex { return v.at(HashName(name), name) }
