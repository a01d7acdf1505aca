package wire

import "encoding/binary"

// AppendError appends the least answer there is to a request, which has a header: that
// header with a response code and nothing behind it.
func AppendError(out, request []byte, rcode byte) []byte {
	at := len(out)
	out = append(out, request[:HeaderSize]...)
	h := out[at:]
	h[AtFlags] = FlagQR | h[AtFlags]&(MaskOpcode|FlagRD)
	h[AtRcode] = rcode & MaskRcode
	binary.BigEndian.PutUint64(h[AtQuestions:], 0)
	return out
}
