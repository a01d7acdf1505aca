package forward

import (
	"encoding/binary"

	"inside53/resolver/wire"
)

// chain takes the RRs of the answer section that lead from the question to its
// answer. It returns the last name of the chain and whether it has RRs of the
// type asked for. The records may stand in any order.
func (w *walker) chain() (cur []byte, answered bool) {
	cur = w.query.Name
	for range maxChain {
		var alias, dname *record
		found, first := false, len(w.rrs)
		for i := range w.records[:w.answers] {
			r := &w.records[i]
			if r.accepted && r.typ != wire.TypeDNAME || r.class != wire.ClassIN || isMeta(r.typ) {
				continue
			}
			owner := w.owner(r)
			if !wire.EqualNames(owner, cur) {
				if r.typ == wire.TypeDNAME && dname == nil && wire.SuffixAt(cur, owner) > 0 {
					dname = r
				}
				continue
			}
			switch {
			case r.accepted:
			case r.typ == w.query.Type || w.query.Type == wire.TypeANY:
				found = true
				w.accept(r)
			case r.typ == wire.TypeCNAME && alias == nil:
				alias = r
			}
		}
		if found {
			if w.query.Type == wire.TypeA || w.query.Type == wire.TypeAAAA {
				w.inTurn(first)
			}
			w.signatures(cur, w.query.Type)
			return cur, true
		}
		if dname != nil && !dname.accepted {
			w.accept(dname)
			w.signatures(w.owner(dname), wire.TypeDNAME)
		}
		if dname != nil && alias == nil {
			target := w.synthesize(dname, cur)
			if w.data.bad || w.query.Type == wire.TypeCNAME {
				return cur, !w.data.bad
			}
			cur = target
			continue
		}
		if alias == nil {
			return cur, false
		}
		w.accept(alias)
		w.signatures(cur, wire.TypeCNAME)
		if w.data.bad {
			return cur, false
		}
		target, end := wire.AppendName(w.names, w.msg, alias.off)
		if end < 0 {
			w.data.bad = true
			return cur, false
		}
		cur = target[len(w.names):]
		w.names = target
	}
	w.endless = true
	return cur, false
}

// synthesize appends the CNAME of cur that a DNAME stands for, where the upstream sent
// none (RFC 6672 section 3.4), and returns its target.
func (w *walker) synthesize(dname *record, cur []byte) (target []byte) {
	d, start := &w.data, len(w.names)
	if d.bad {
		return nil
	}
	w.names = append(w.names, cur[:len(cur)-int(dname.nameLen)]...)
	all, end := wire.AppendName(w.names, w.msg, dname.off)
	if end < 0 || len(all)-start > wire.MaxName {
		d.bad = true
		return nil
	}
	w.names = all
	target = all[start:]
	rr := RR{Off: uint32(len(d.out)), Type: wire.TypeCNAME}
	w.appendOwner(cur)
	d.out = append(d.out, 0, wire.TypeCNAME, 0, wire.ClassIN)
	rr.TTLOff = uint32(len(d.out))
	d.out = binary.BigEndian.AppendUint32(d.out, ttlOf(dname.ttl))
	d.out = binary.BigEndian.AppendUint16(d.out, uint16(len(target)))
	if len(w.targets) < maxTargets {
		w.targets = append(w.targets, len(d.out))
	}
	d.out = append(d.out, target...)
	w.rrs = append(w.rrs, rr)
	w.mark(wire.TypeCNAME)
	return target
}

// inTurn notes that the RRs from first on are addresses of one name, if there are several.
func (w *walker) inTurn(first int) {
	if n := len(w.rrs) - first; n > 1 && !w.data.bad {
		w.turn, w.turns = first, n
	}
}

// isMeta reports whether typ exists in messages only (RFC 6895 3.1).
func isMeta(typ uint16) bool { return typ == wire.TypeOPT || typ >= 128 && typ <= 255 }

// signatures takes the RRSIGs of an RRset, for those who asked for DNSSEC
// records (RFC 4035 3.2.1).
func (w *walker) signatures(owner []byte, covered uint16) {
	if !w.query.DO || w.query.Type == wire.TypeRRSIG || w.query.Type == wire.TypeANY {
		return
	}
	for i := range w.records[:w.answers] {
		r := &w.records[i]
		if r.typ == wire.TypeRRSIG && w.covers(r) == covered && !r.accepted && r.class == wire.ClassIN &&
			wire.EqualNames(w.owner(r), owner) {
			w.accept(r)
		}
	}
}

// covers returns the type that an RRSIG covers, 0 if it is too short to say.
func (w *walker) covers(r *record) uint16 {
	if r.end-r.off < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(w.msg[r.off:])
}
