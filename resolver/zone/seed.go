package zone

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// hashSeed is what the hashes of names grow from.
type hashSeed struct {
	root   uint64 // the hash of the root name
	factor uint64 // of each mixing: odd, with half of its bits set
}

// seed is drawn once a process and never changes. Who knows it can make as many names of one
// hash as they like, and a page holds no more than a few: whoever may add a name to a zone
// would take the zone away. So nothing that leaves the process holds a hash, and no two
// processes have a tree in the same order.
var seed = drawSeed()

func drawSeed() hashSeed {
	s := hashSeed{root: draw()}
	for bits.OnesCount64(s.factor) != 32 {
		s.factor = draw() | 1 // one of few bits would mix little
	}
	return s
}

// draw returns 64 random bits.
func draw() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.LittleEndian.Uint64(b[:])
}
