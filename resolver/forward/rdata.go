package forward

import (
	"encoding/binary"

	"inside53/resolver/wire"
)

// rdata copies one RDATA: it reads msg[off:end] and appends to out.
type rdata struct {
	msg, out []byte
	off, end int
	names    []int // offsets in out of the names copied
	bad      bool
}

// bytes copies n bytes.
func (r *rdata) bytes(n int) {
	if r.bad || n > r.end-r.off {
		r.bad = true
		return
	}
	r.out = append(r.out, r.msg[r.off:r.off+n]...)
	r.off += n
}

// peek returns the byte n ahead, zero if there is none.
func (r *rdata) peek(n int) int {
	if r.bad || r.off+n >= r.end {
		r.bad = true
		return 0
	}
	return int(r.msg[r.off+n])
}

// name copies a name, decompressing it. Compression inside RDATA is forbidden
// for types newer than RFC 1035 (RFC 3597 section 4), but a receiver that knows
// the type loses nothing by understanding it.
func (r *rdata) name() {
	if r.bad {
		return
	}
	at := len(r.out)
	out, next := wire.AppendName(r.out, r.msg[:r.end], r.off)
	r.out = out
	if next < 0 {
		r.bad = true
		return
	}
	r.off = next
	r.names = append(r.names, at)
}

// text copies a character string.
func (r *rdata) text() { r.bytes(1 + r.peek(0)) }

// rest copies what is left.
func (r *rdata) rest() { r.bytes(r.end - r.off) }

// copy copies the RDATA of an RR of type typ. It reports whether that was
// well-formed, as far as it is looked into: where names are, addresses, texts
// and service parameters.
func (r *rdata) copy(typ uint16) bool {
	switch typ {
	case wire.TypeA:
		r.bytes(4)
	case wire.TypeAAAA:
		r.bytes(16)
	case wire.TypeNS, wire.TypeMD, wire.TypeMF, wire.TypeCNAME, wire.TypeMB, wire.TypeMG, wire.TypeMR, wire.TypePTR,
		wire.TypeDNAME, wire.TypeNSAPPTR:
		r.name()
	case wire.TypeSOA:
		r.name()
		r.name()
		r.bytes(20)
	case wire.TypeMINFO, wire.TypeRP, wire.TypeTALINK:
		r.name()
		r.name()
	case wire.TypeMX, wire.TypeAFSDB, wire.TypeRT, wire.TypeKX, wire.TypeLP:
		r.bytes(2)
		r.name()
	case wire.TypePX:
		r.bytes(2)
		r.name()
		r.name()
	case wire.TypeSRV:
		r.bytes(6)
		r.name()
	case wire.TypeNAPTR:
		r.bytes(4)
		r.text()
		r.text()
		r.text()
		r.name()
	case wire.TypeSIG, wire.TypeRRSIG:
		r.bytes(18)
		r.name()
		r.rest()
	case wire.TypeNSEC, wire.TypeNXT:
		r.name()
		r.rest()
	case wire.TypeTXT, wire.TypeSPF:
		r.text()
		for !r.bad && r.off < r.end {
			r.text()
		}
	case wire.TypeSVCB, wire.TypeHTTPS:
		r.bytes(2)
		r.name()
		r.params()
	case wire.TypeIPSECKEY, wire.TypeAMTRELAY:
		r.gateway(typ)
	case wire.TypeHIP:
		r.bytes(4 + r.peek(0) + r.peek(2)<<8 + r.peek(3))
		for !r.bad && r.off < r.end {
			r.name()
		}
	default:
		r.rest() // RFC 3597: opaque
	}
	return !r.bad && r.off == r.end
}

// gateway copies an IPSECKEY (RFC 4025 2.1) or AMTRELAY (RFC 8777 4.2), whose
// gateway or relay may be a name.
func (r *rdata) gateway(typ uint16) {
	kind, fixed := r.peek(1), 3
	if typ == wire.TypeAMTRELAY {
		kind, fixed = kind&0x7F, 2
	}
	r.bytes(fixed)
	if kind == 3 {
		r.name()
	}
	r.rest()
}

// params copies service parameters (RFC 9460 2.2), whose keys must ascend.
// The sizes of address hints are checked too, as readers rewrite them.
func (r *rdata) params() {
	last := -1
	for !r.bad && r.off < r.end {
		if r.end-r.off < 4 {
			r.bad = true
			return
		}
		key := int(binary.BigEndian.Uint16(r.msg[r.off:]))
		length := int(binary.BigEndian.Uint16(r.msg[r.off+2:]))
		switch {
		case key <= last,
			key == 4 && (length == 0 || length%4 != 0),  // ipv4hint
			key == 6 && (length == 0 || length%16 != 0): // ipv6hint
			r.bad = true
			return
		}
		last = key
		r.bytes(4 + length)
	}
}
