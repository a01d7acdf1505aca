package resolver

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// addresses tells of clause 6 for each public address of the answer: which private
// one it became, or why not; and of the fence for each instance that was left out.
func (s *story) addresses() []Step {
	if s.outside() {
		return nil
	}
	return append(s.translations(), s.leftOut()...)
}

// translations tells what became of each public address.
func (s *story) translations() []Step {
	var steps []Step
	given := map[string]string{} // which public address a private one was given for first
	visit := func(addr [4]byte) {
		step, private, ok := s.address(addr)
		first := given[private]
		switch {
		case private != "" && first == "":
			given[private] = addressText(addr)
		case private != "" && first != addressText(addr):
			step.Why += "; one record with that of " + first
		}
		if ok && !slices.ContainsFunc(steps, func(o Step) bool { return o.Step == step.Step }) {
			steps = append(steps, step)
		}
	}
	for n := range s.a.items[:s.a.nitems] {
		i := &s.a.items[n]
		switch {
		case i.flags&zone.TagNames != 0:
			steps = append(steps, s.instances(i)...)
			continue
		case !s.snap.Inventory.Any():
			continue
		case i.message != nil:
			rrs := i.message.RRs()
			for at := i.skip; at < min(i.message.Answers, i.skip+i.count); at++ {
				rr := &rrs[at]
				if (i.flatten == 0 || rr.Type == i.flatten) && i.message.Flags&forward.HasAddress != 0 {
					eachAddress(rr.Type, messageRdata(i.message, rr), visit)
				}
			}
			continue
		case i.flags&zone.Translatable == 0:
			continue
		}
		for b := i.data; len(b) >= wire.PackedHeader; {
			end := wire.PackedHeader + int(binary.BigEndian.Uint16(b[10:]))
			eachAddress(binary.BigEndian.Uint16(b[2:]), b[wire.PackedHeader:end], visit)
			b = b[end:]
		}
	}
	if s.marked {
		steps = append(steps, Step{Step: "TTL",
			Why: fmt.Sprintf("at most %d s for the RRsets with translated addresses", s.snap.TranslatedTTL)})
	}
	return steps
}

// eachAddress visits the IPv4 addresses in rdata: of A, and the hints of SVCB and
// HTTPS.
func eachAddress(rrtype uint16, rdata []byte, visit func([4]byte)) {
	switch rrtype {
	case zone.TypeA:
		visit([4]byte(rdata))
	case zone.TypeSVCB, zone.TypeHTTPS:
		for p := paramsAt(rdata); p+4 <= len(rdata); {
			end := p + 4 + int(binary.BigEndian.Uint16(rdata[p+2:]))
			if end > len(rdata) {
				return
			}
			for h := p + 4; binary.BigEndian.Uint16(rdata[p:]) == wire.ParamIPv4Hint && h+4 <= end; h += 4 {
				visit([4]byte(rdata[h:]))
			}
			p = end
		}
	}
}

// address tells of one address and of the private one given for it, if any; false when
// there is nothing to tell.
func (s *story) address(addr [4]byte) (step Step, given string, ok bool) {
	inv, view := s.snap.Inventory, s.a.View.Index
	step = Step{Step: "address " + addressText(addr)}
	if netip.AddrFrom4(addr).IsPrivate() {
		return step, "", false
	}
	private, f, why := inv.Translate(view, addr)
	if why != zone.Translated {
		step.Why = "as it is: " + s.verdict(f, why)
		return step, "", true
	}
	s.marked = true
	step.Why = "becomes " + addressText(private) + ": " + s.verdict(f, why)
	return step, addressText(private), true
}

// regionsText names the regions that the inventory is of: an address of another one can't be known.
func (s *story) regionsText() string {
	var regions []string
	for i := range s.snap.Inventory.VPCs {
		regions = append(regions, s.snap.Inventory.VPCs[i].Region)
	}
	slices.Sort(regions)
	regions = slices.Compact(regions)
	if len(regions) == 0 {
		return ""
	}
	return ", which is of " + strings.Join(regions, ", ")
}

// verdict says why an address is or isn't translated.
func (s *story) verdict(f *zone.Interface, why zone.Verdict) string {
	if f == nil {
		return "no interface of the inventory has it" + s.regionsText()
	}
	text := s.interfaceText(f)
	n := &s.snap.Inventory.VPCs[f.VPC]
	switch why {
	case zone.Translated:
		switch {
		case slices.Contains(s.a.View.VPCs, n.ID):
			return text + ", a VPC of the view"
		case s.a.View.Addresses == zone.AddressPrivate:
			return text + "; the view takes every private address"
		default:
			return text + ", which the view reaches: peered with DNS resolution, or named in its reach"
		}
	case zone.NotOurs:
		return text + ", which isn't of a kind that is translated (ec2.translate)"
	case zone.StaleRegion:
		return text + "; the inventory of " + n.Region + " is older than ec2.max_age"
	case zone.ViewPublic:
		return text + "; the view takes public addresses"
	case zone.Overlapping:
		return text + "; its private address " + f.Private.String() + " overlaps the view's own VPC"
	case zone.Mute:
		return text + ", which is peered with the view's, but the peering allows no DNS resolution"
	default:
		return text +
			", to which the view has no private way: not its VPC, no active peering that resolves DNS, not in its reach"
	}
}
