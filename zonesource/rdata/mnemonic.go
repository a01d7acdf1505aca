package rdata

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// The words that master files have for numbers, in upper case. They are not written to.
var (
	// algorithms are those of DNSSEC keys (RFC 4034 A.1 and its successors), under all the
	// words that name servers have had for them.
	algorithms = map[string]uint16{
		"RSAMD5": 1, "DH": 2, "DSA": 3, "ECC": 4, "RSASHA1": 5,
		"DSA-NSEC3-SHA1": 6, "NSEC3DSA": 6, "RSASHA1-NSEC3-SHA1": 7, "NSEC3RSASHA1": 7,
		"RSASHA256": 8, "RSASHA512": 10, "ECC-GOST": 12, "ECCGOST": 12,
		"ECDSAP256SHA256": 13, "ECDSA256": 13, "ECDSAP384SHA384": 14, "ECDSA384": 14, "ED25519": 15, "ED448": 16,
		"INDIRECT": 252, "PRIVATEDNS": 253, "PRIVATEOID": 254,
	}
	digestTypes = map[string]uint16{"SHA-1": 1, "SHA1": 1, "SHA-256": 2, "SHA256": 2, "GOST": 3, "SHA-384": 4,
		"SHA384": 4}
	hashAlgorithms   = map[string]uint16{"SHA-1": 1}
	certificateTypes = map[string]uint16{
		"PKIX": 1, "SPKI": 2, "PGP": 3, "IPKIX": 4, "ISPKI": 5, "IPGP": 6, "ACPKIX": 7, "IACPKIX": 8, "URI": 253, "OID": 254,
	}
	dsyncSchemes = map[string]uint16{"NOTIFY": 1}
	keyProtocols = map[string]uint16{"NONE": 0, "TLS": 1, "EMAIL": 2, "DNSSEC": 3, "IPSEC": 4, "ALL": 255}
	// keyFlagBits are those of RFC 2535 3.1.2, and the key signing key of RFC 4034.
	keyFlagBits = map[string]uint16{
		"NOCONF": 0x4000, "NOAUTH": 0x8000, "NOKEY": 0xc000, "FLAG2": 0x2000, "EXTEND": 0x1000, "FLAG4": 0x0800,
		"FLAG5": 0x0400,
		"USER":  0, "ZONE": 0x0100, "HOST": 0x0200, "NTYP3": 0x0300,
		"FLAG8": 0x0080, "FLAG9": 0x0040, "FLAG10": 0x0020, "FLAG11": 0x0010,
		"SIG0": 0, "SIG1": 1, "SIG2": 2, "SIG3": 3, "SIG4": 4, "SIG5": 5, "SIG6": 6, "SIG7": 7,
		"SIG8": 8, "SIG9": 9, "SIG10": 10, "SIG11": 11, "SIG12": 12, "SIG13": 13, "SIG14": 14, "SIG15": 15, "KSK": 1,
	}
)

// mnemonic appends a number of so many bits, given as such or as a word.
func (s *scanner) mnemonic(what string, words map[string]uint16, bits int) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	number, known := words[strings.ToUpper(f.text)]
	if !known {
		parsed, err := strconv.ParseUint(f.text, 10, bits)
		number, known = uint16(parsed), err == nil
	}
	if !known || f.quoted {
		s.fail(f.pos, "%s %s is neither a number from 0 to %d nor a word for one", what, excerpt(f.text), 1<<bits-1)
		return
	}
	if bits == 8 {
		s.out = append(s.out, byte(number))
		return
	}
	s.out = binary.BigEndian.AppendUint16(s.out, number)
}

// flags appends the flags of a key, given as a number or as words with bars between.
func (s *scanner) flags(what string) {
	f := s.next(what)
	if s.err != nil {
		return
	}
	flags := uint16(0)
	number, err := strconv.ParseUint(f.text, 10, 16)
	if err == nil {
		flags = uint16(number)
	} else {
		for _, name := range strings.Split(f.text, "|") {
			bits, known := keyFlagBits[strings.ToUpper(name)]
			if !known {
				s.fail(f.pos, "%s %s are neither a number nor words for them", what, excerpt(f.text))
				return
			}
			flags |= bits
		}
	}
	s.out = binary.BigEndian.AppendUint16(s.out, flags)
}

// The words of WKS records. Ports have other names too, which few files have ever had.
var (
	protocols = map[string]uint16{"ICMP": 1, "TCP": 6, "UDP": 17}
	ports     = map[string]uint16{
		"ECHO": 7, "DISCARD": 9, "SYSTAT": 11, "DAYTIME": 13, "NETSTAT": 15, "QOTD": 17, "CHARGEN": 19, "FTP-DATA": 20,
		"FTP": 21,
		"SSH": 22, "TELNET": 23, "SMTP": 25, "TIME": 37, "RLP": 39, "NAMESERVER": 42, "NICNAME": 43, "WHOIS": 43,
		"TACACS": 49,
		"DOMAIN": 53, "BOOTPS": 67, "BOOTPC": 68, "TFTP": 69, "GOPHER": 70, "FINGER": 79, "HTTP": 80, "KERBEROS": 88,
		"HOSTNAME": 101, "HOSTNAMES": 101, "ISO-TSAP": 102, "RTELNET": 107, "POP2": 109, "POP3": 110, "SUNRPC": 111,
		"AUTH": 113, "SFTP": 115, "UUCP-PATH": 117, "NNTP": 119, "NTP": 123, "NETBIOS-NS": 137, "NETBIOS-DGM": 138,
		"NETBIOS-SSN": 139, "IMAP2": 143, "IMAP": 143, "SNMP": 161, "SNMP-TRAP": 162, "BGP": 179, "IRC": 194, "LDAP": 389,
		"HTTPS": 443,
	}
)

// services appends address, protocol and a bitmap of ports (RFC 1035 3.4.2).
func (s *scanner) services() {
	s.address(4)
	s.mnemonic("protocol", protocols, 8)
	var set [1 << 16 / 8]byte
	length := 0
	for s.more() {
		at := len(s.out)
		s.mnemonic("port", ports, 16)
		if s.err != nil {
			return
		}
		port := binary.BigEndian.Uint16(s.out[at:])
		s.out = s.out[:at]
		set[port/8] |= 0x80 >> (port % 8)
		length = max(length, int(port/8)+1)
	}
	s.out = append(s.out, set[:length]...)
}
