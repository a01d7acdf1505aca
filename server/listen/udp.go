package listen

import (
	"net/netip"
	"sync/atomic"
)

// The sizes of a packet loop's buffers. A query larger than maxUDPQuery is no DNS
// query that anybody sends (RFC 6891 names 4096 as the size to start from) and is
// dropped; an answer over UDP is never larger than maxUDPAnswer.
const (
	maxUDPQuery  = 4096
	maxUDPAnswer = 4096
)

// loopState is what both UDP engines know of one packet loop.
type loopState struct {
	addr          netip.AddrPort
	index         int // from 0, within the address
	receiveBuffer int // bytes that the kernel gave
	worker        Worker
	probe         *probe
	rounds        *rounds // of the server; nil: none ever

	counters counters
	// waiting counts suspended queries.
	waiting atomic.Int64
	// turns grows with each turn of the loop; the probes make an idle one turn.
	turns atomic.Uint64
	// probed is the source port and id of the last probe seen, see [probeMark].
	probed   atomic.Uint32
	stopping atomic.Bool
}
