package history

import "encoding/binary"

// MarshalSince returns what leads from the version of a serial, that was saved, to the one
// that is: what another process adds to that by [Zone.UnmarshalSince]. Its size is that of
// the differences. ok is false where the journal doesn't reach back to the serial.
func (z *Zone) MarshalSince(serial uint32) (b []byte, ok bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	i, ok := z.find(serial)
	if z.is == nil || !ok {
		return nil, false
	}
	b = binary.BigEndian.AppendUint32([]byte{savedVersion}, serial)
	return seal(z.appendState(b, z.deltas[i:])), true
}

// UnmarshalSince takes what MarshalSince wrote, after the version that it leads from was
// taken by UnmarshalBinary. The error is ErrSaved; then nothing has changed.
func (z *Zone) UnmarshalSince(b []byte) error {
	b, whole := unseal(b)
	if !whole {
		return ErrSaved
	}
	r := reader{b: b}
	if r.next(1)[0] != savedVersion {
		return ErrSaved
	}
	from := r.uint32()
	fresh, ok := r.state()
	z.mu.Lock()
	defer z.mu.Unlock()
	if !ok || !z.saved || z.is.Serial != from {
		return ErrSaved
	}
	z.is, z.sum = fresh.is, fresh.sum
	for _, d := range fresh.deltas {
		z.keep(d)
	}
	return nil
}

// appendState appends serial, checksum, SOA and differences.
func (z *Zone) appendState(b []byte, deltas []Delta) []byte {
	b = binary.BigEndian.AppendUint32(b, z.is.Serial)
	b = binary.BigEndian.AppendUint64(b, z.sum[0])
	b = binary.BigEndian.AppendUint64(b, z.sum[1])
	b = appendRecords(b, z.is.SOA)
	b = binary.AppendUvarint(b, uint64(len(deltas)))
	for i := range deltas {
		d := &deltas[i]
		b = binary.BigEndian.AppendUint32(b, d.From)
		b = binary.BigEndian.AppendUint32(b, d.To)
		b = appendRecords(b, d.OldSOA)
		b = appendRecords(b, d.NewSOA)
		for _, sets := range [...][]Set{d.Removed, d.Added} {
			b = binary.AppendUvarint(b, uint64(len(sets)))
			for _, s := range sets {
				b = appendBytes(b, s.Name)
				b = appendRecords(b, s.Records)
			}
		}
	}
	return b
}

// state reads what appendState wrote.
func (r *reader) state() (z *Zone, ok bool) {
	z = &Zone{}
	z.is, z.saved = &Version{Serial: r.uint32()}, true
	z.sum = checksum{r.uint64(), r.uint64()}
	z.is.SOA = r.records()
	n := r.count()
	for range n {
		d := Delta{From: r.uint32(), To: r.uint32(), OldSOA: r.records(), NewSOA: r.records()}
		d.Removed, d.Added = r.sets(), r.sets()
		if r.bad {
			break
		}
		z.deltas = append(z.deltas, d)
		z.size += d.size()
	}
	return z, !r.bad && len(r.b) == 0 && len(z.is.SOA.First()) >= 22
}
