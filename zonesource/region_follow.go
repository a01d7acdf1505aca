package zonesource

import (
	"net/netip"

	"inside53/zonesource/breath"
)

// Followed are private addresses of which something may differ: what a host is said to have of public addresses is what
// the interface at its private one has. Most hosts have none of these, and little is looked at of them. The zero value
// has none.
type Followed struct {
	at map[vpcAddress]*whereabouts
	// ends are the last octets of the addresses: of most others they needn't be looked for.
	ends [256]bool
}

// vpcAddress is a private address, which a VPC has once.
type vpcAddress struct {
	vpc     string
	private netip.Addr
}

// whereabouts is what interfaces say of an address.
type whereabouts struct {
	gone   bool       // from an interface
	listed bool       // it is at one
	public netip.Addr // which that has
}

// Add adds an address.
func (f *Followed) Add(vpc string, private netip.Addr) { f.add(vpcAddress{vpc, private}) }

// AddGone adds the address of an interface that isn't as it was any more.
func (f *Followed) AddGone(i *Interface) { f.add(vpcAddress{i.VPC, i.Private}).gone = true }

func (f *Followed) add(a vpcAddress) *whereabouts {
	if f.at == nil {
		f.at = map[vpcAddress]*whereabouts{}
	}
	if f.at[a] == nil {
		f.at[a] = &whereabouts{}
		f.ends[lastOctet(a.private)] = true
	}
	return f.at[a]
}

// IsEmpty reports whether there are none.
func (f *Followed) IsEmpty() bool { return len(f.at) == 0 }

// find returns what there is to know of an address; nil where it isn't followed.
func (f *Followed) find(vpc string, private netip.Addr) *whereabouts {
	if !f.ends[lastOctet(private)] {
		return nil
	}
	return f.at[vpcAddress{vpc, private}]
}

func lastOctet(a netip.Addr) byte { return a.As16()[15] }

// cheap is how many of them are looked at for what a record costs elsewhere.
const cheap = 16

// FindAmong finds the addresses at the interfaces as they are now: the last one counts, where several have one.
func (f *Followed) FindAmong(interfaces []*Interface) {
	if f.IsEmpty() {
		return
	}
	var pace breath.Pace
	for n, i := range interfaces {
		if n%cheap == 0 {
			pace.Step()
		}
		at := f.find(i.VPC, i.Private)
		if at != nil {
			at.listed, at.public = true, i.Public
		}
	}
}

// Public returns the public address at a private one, and whether an interface has that.
func (f *Followed) Public(vpc string, private netip.Addr) (public netip.Addr, listed bool) {
	at := f.find(vpc, private)
	if at == nil {
		return netip.Addr{}, false
	}
	return at.public, at.listed
}

// Give puts hosts with their public addresses of now into the places of a list. It isn't ok where one has an address
// that no interface has any more: what it has, it alone knows.
func (f *Followed) Give(hosts []*Host) (ok bool) {
	if f.IsEmpty() {
		return true
	}
	ok = true
	var pace breath.Pace
	for i, h := range hosts {
		if i%cheap == 0 {
			pace.Step()
		}
		at := f.find(h.VPC, h.Private)
		switch {
		case at == nil:
		case at.listed:
			hosts[i] = h.WithPublic(at.public)
		case at.gone:
			ok = false
		}
	}
	return ok
}
