package handon

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// signature begins each header (the PROXY protocol, section 2.2).
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// Octets of a header and their places.
const (
	atVersion = len(signature)
	atFamily  = atVersion + 1
	atLength  = atFamily + 1
	fixedSize = atLength + 2

	proxied   = 0x21 // version 2, PROXY
	inet      = 0x10
	inet6     = 0x20
	stream    = 0x01
	datagram  = 0x02
	inetSize  = 2*4 + 2*2
	inet6Size = 2*16 + 2*2

	fieldType = 0xE0
	fieldSize = 1 + 1 + 8 + sha256.Size
	fieldHead = 1 + 2

	// MaxHeader is the most that a header has.
	MaxHeader = fixedSize + inet6Size + fieldHead + fieldSize
)

// MaxAge is by how much the time of a header may differ from ours.
const MaxAge = 300 * time.Second

// Kind is what a message is.
type Kind byte

// The kinds.
const (
	DNS  Kind = 0
	HTTP Kind = 1
)

// firstHop is that of what a client's own server hands on; there is no other.
const firstHop = 1

// Header is what stands before a message.
type Header struct {
	Client   netip.AddrPort
	Datagram bool // the client's message came by UDP
	Kind     Kind
	Time     int64 // Unix seconds
}

// What is wrong with a header.
var (
	errForm = errors.New("a header of another form")
	errMAC  = errors.New("none of the keys has signed it")
	errAge  = errors.New("its time is too far from ours")
	errSeen = errors.New("it was seen before")
	errFull = errors.New("too many came lately")
)

// keys sign headers: the first signs, all are believed.
type keys [][]byte

// purpose parts these keys from what else is made of the same secrets.
const purpose = "inside53 hand-on"

func newKeys(secrets [][]byte) (keys, error) {
	var k keys
	for _, secret := range secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("deriving the key to hand on by: %w", err)
		}
		k = append(k, key)
	}
	return k, nil
}

// sum is the MAC of a header, whose last octets are to hold it, and a message.
func sum(key, header, message []byte) []byte {
	var zero [sha256.Size]byte
	mac := hmac.New(sha256.New, key)
	mac.Write(header[:len(header)-sha256.Size])
	mac.Write(zero[:])
	mac.Write(message)
	return mac.Sum(nil)
}

// append appends a header to dst, signed together with the message.
func (k keys) append(dst []byte, h Header, message []byte) ([]byte, error) {
	if len(k) == 0 {
		return nil, errors.New("signing a header: there is no key")
	}
	start := len(dst)
	client := h.Client.Addr().Unmap()
	family, size := byte(inet), inetSize
	if client.Is6() {
		family, size = inet6, inet6Size
	}
	transport := byte(stream)
	if h.Datagram {
		transport = datagram
	}
	dst = append(append(dst, signature...), proxied, family|transport)
	dst = binary.BigEndian.AppendUint16(dst, uint16(size+fieldHead+fieldSize))
	dst = append(dst, client.AsSlice()...)
	dst = append(dst, make([]byte, client.BitLen()/8)...)
	dst = binary.BigEndian.AppendUint16(dst, h.Client.Port())
	dst = append(dst, 0, 0, fieldType, 0, fieldSize, byte(h.Kind), firstHop)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Time))
	dst = append(dst, make([]byte, sha256.Size)...)
	header := dst[start:]
	copy(header[len(header)-sha256.Size:], sum(k[0], header, message))
	return dst, nil
}

// HeaderSize returns how many octets the header has that b begins with; 0 while that isn't
// known. is reports whether b, as far as it goes, begins a header: nil does.
func HeaderSize(b []byte) (size int, is bool) {
	if !bytes.HasPrefix([]byte(signature), b[:min(len(b), len(signature))]) {
		return 0, false
	}
	if len(b) < fixedSize {
		return 0, true
	}
	size = fixedSize + int(binary.BigEndian.Uint16(b[atLength:]))
	return size, size <= MaxHeader
}

// parse reads a whole header; nobody has vouched for it yet.
func parse(b []byte) (Header, error) {
	size, is := HeaderSize(b)
	if !is || size != len(b) || b[atVersion] != proxied {
		return Header{}, errForm
	}
	var h Header
	address := 0
	switch b[atFamily] &^ 0x0F {
	case inet:
		address = 4
	case inet6:
		address = 16
	default:
		return Header{}, errForm
	}
	switch b[atFamily] & 0x0F {
	case stream:
	case datagram:
		h.Datagram = true
	default:
		return Header{}, errForm
	}
	if size != fixedSize+2*address+4+fieldHead+fieldSize {
		return Header{}, errForm
	}
	client, _ := netip.AddrFromSlice(b[fixedSize : fixedSize+address])
	if client.Is4In6() {
		return Header{}, errForm // of two forms of one address this is none
	}
	h.Client = netip.AddrPortFrom(client, binary.BigEndian.Uint16(b[fixedSize+2*address:]))
	field := b[size-fieldHead-fieldSize:]
	if field[0] != fieldType || field[1] != 0 || field[2] != fieldSize || field[4] != firstHop {
		return Header{}, errForm
	}
	h.Kind = Kind(field[3])
	if h.Kind != DNS && h.Kind != HTTP {
		return Header{}, errForm
	}
	h.Time = int64(binary.BigEndian.Uint64(field[5:]))
	return h, nil
}

// verify says whether one of the keys has signed a header, which parse has read, and its
// message.
func (k keys) verify(header, message []byte) error {
	given := header[len(header)-sha256.Size:]
	for _, key := range k {
		if hmac.Equal(sum(key, header, message), given) {
			return nil
		}
	}
	return errMAC
}
