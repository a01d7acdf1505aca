package rdata

import "github.com/miekg/dns"

// kind is how one field of rdata stands in text and on the wire.
type kind uint8

const (
	number8 kind = iota + 1
	number16
	number32
	period          // 32 bits of seconds; master files also write 1h30m
	domain          // a domain name
	text            // a character string of RFC 1035 3.3
	texts           // character strings to the end, at least one
	optionalText    // a character string, or nothing
	octets          // one string without a length of its own, to the end
	propertyTag     // of CAA: a character string that is a word
	ipv4            // 4 octets, dotted
	ipv6            // 16 octets
	hexadecimal     // to the end, at least one octet
	dottedHex       // to the end: 0x, dots between digits as one likes (RFC 1706)
	base64Text      // to the end, at least one octet
	base64Key       // to the end, perhaps nothing: a key that there is none of
	coveredType     // a record type
	typeBitmap      // record types to the end, perhaps none (RFC 4034 4.1.2)
	typeBitmapSome  // the same, at least one
	typeBitmapOld   // record types below 128 to the end (RFC 2535 5.2)
	algorithm       // of DNSSEC, by number or mnemonic
	digestType      // of DS
	hashAlgorithm   // of NSEC3
	certificateType // of CERT
	keyFlags        // of KEY and DNSKEY
	keyProtocol     // of KEY and DNSKEY
	moment          // seconds since 1970, or YYYYMMDDHHMMSS
	salt            // a length and octets, hexadecimal, "-" for none
	hashedName      // a length and octets, base32hex
	location        // LOC (RFC 1876)
	prefixes        // APL (RFC 3123)
	gateway         // type, algorithm, gateway and key of IPSECKEY (RFC 4025)
	relay           // discovery bit, type and relay of AMTRELAY (RFC 8777)
	hostIdentity    // HIP (RFC 8005)
	eui48           // 6 octets with hyphens
	eui64           // 8 octets with hyphens
	locator         // 8 octets as four groups with colons (RFC 6742)
	services        // address, protocol and ports of WKS
	prefixedName    // A6 (RFC 2874)
	atmAddress      // ATMA: a format, and octets in hexadecimal or digits after a plus sign
	dsyncScheme     // of DSYNC (RFC 9859)
	serviceKeys     // the parameters of SVCB and HTTPS (RFC 9460)
)

// field is one field of a type's rdata; what names it in errors.
type field struct {
	kind kind
	what string
}

// layout returns the fields of the types that have a form of their own; nil for all others,
// which are written in the generic form of RFC 3597.
func layout(rrtype uint16) []field { return layouts[rrtype] }

var (
	oneName   = []field{{domain, "name"}}
	twoNames  = []field{{domain, "name"}, {domain, "second name"}}
	preferred = []field{{number16, "preference"}, {domain, "name"}}
	manyTexts = []field{{texts, "string"}}
	publicKey = []field{
		{keyFlags, "flags"}, {keyProtocol, "protocol"}, {algorithm, "algorithm"}, {base64Key, "public key"},
	}
	signature = []field{
		{coveredType, "type covered"}, {algorithm, "algorithm"}, {number8, "labels"}, {period, "original TTL"},
		{moment, "expiration"}, {moment, "inception"}, {number16, "key tag"}, {domain, "signer"}, {base64Text, "signature"},
	}
	delegation = []field{
		{number16, "key tag"}, {algorithm, "algorithm"}, {digestType, "digest type"}, {hexadecimal, "digest"},
	}
	association = []field{
		{number8, "certificate usage"}, {number8, "selector"}, {number8, "matching type"}, {hexadecimal, "certificate data"},
	}
	serviceBound = []field{{number16, "priority"}, {domain, "target"}, {serviceKeys, "parameter"}}
	anyHex       = []field{{hexadecimal, "data"}}
	anyBase64    = []field{{base64Text, "data"}}
	nodeLocator  = []field{{number16, "preference"}, {locator, "locator"}}
)

// layouts is not written to.
var layouts = map[uint16][]field{
	dns.TypeA:     {{ipv4, "address"}},
	dns.TypeNS:    oneName,
	dns.TypeCNAME: oneName,
	dns.TypeSOA: {
		{domain, "primary server"}, {domain, "mailbox"}, {number32, "serial"},
		{period, "refresh"}, {period, "retry"}, {period, "expire"}, {period, "minimum"},
	},
	dns.TypeMB:      oneName,
	dns.TypeMG:      oneName,
	dns.TypeMR:      oneName,
	typeWKS:         {{services, "service"}},
	dns.TypePTR:     oneName,
	dns.TypeHINFO:   {{text, "CPU"}, {text, "system"}},
	dns.TypeMINFO:   twoNames,
	dns.TypeMX:      {{number16, "preference"}, {domain, "mail server"}},
	dns.TypeTXT:     manyTexts,
	dns.TypeRP:      twoNames,
	dns.TypeAFSDB:   {{number16, "subtype"}, {domain, "name"}},
	dns.TypeX25:     {{text, "address"}},
	dns.TypeISDN:    {{text, "address"}, {optionalText, "subaddress"}},
	dns.TypeRT:      preferred,
	typeNSAP:        {{dottedHex, "address"}},
	dns.TypeNSAPPTR: oneName,
	dns.TypeSIG:     signature,
	dns.TypeKEY:     publicKey,
	dns.TypePX:      {{number16, "preference"}, {domain, "name"}, {domain, "second name"}},
	dns.TypeGPOS:    {{text, "longitude"}, {text, "latitude"}, {text, "altitude"}},
	dns.TypeAAAA:    {{ipv6, "address"}},
	dns.TypeLOC:     {{location, "location"}},
	dns.TypeNXT:     {{domain, "next name"}, {typeBitmapOld, "type"}},
	dns.TypeEID:     anyHex,
	dns.TypeNIMLOC:  anyHex,
	dns.TypeSRV:     {{number16, "priority"}, {number16, "weight"}, {number16, "port"}, {domain, "target"}},
	dns.TypeNAPTR: {
		{number16, "order"}, {number16, "preference"}, {text, "flags"}, {text, "service"},
		{text, "regular expression"}, {domain, "replacement"},
	},
	dns.TypeKX:   preferred,
	dns.TypeATMA: {{atmAddress, "address"}},
	dns.TypeCERT: {{certificateType, "type"}, {number16, "key tag"}, {algorithm, "algorithm"},
		{base64Text, "certificate"}},
	typeA6:           {{prefixedName, "address"}},
	dns.TypeDNAME:    oneName,
	typeSINK:         {{number8, "meaning"}, {number8, "coding"}, {number8, "subcoding"}, {base64Key, "data"}},
	dns.TypeAPL:      {{prefixes, "prefix"}},
	dns.TypeDS:       delegation,
	dns.TypeSSHFP:    {{number8, "algorithm"}, {number8, "fingerprint type"}, {hexadecimal, "fingerprint"}},
	dns.TypeIPSECKEY: {{number8, "precedence"}, {gateway, "gateway"}},
	dns.TypeRRSIG:    signature,
	dns.TypeNSEC:     {{domain, "next name"}, {typeBitmapSome, "type"}},
	dns.TypeDNSKEY:   publicKey,
	dns.TypeDHCID:    anyBase64,
	dns.TypeNSEC3: {
		{hashAlgorithm, "hash algorithm"}, {number8, "flags"}, {number16, "iterations"}, {salt, "salt"},
		{hashedName, "next hashed name"}, {typeBitmap, "type"},
	},
	dns.TypeNSEC3PARAM: {{hashAlgorithm, "hash algorithm"}, {number8, "flags"}, {number16, "iterations"}, {salt, "salt"}},
	dns.TypeTLSA:       association,
	dns.TypeSMIMEA:     association,
	dns.TypeHIP:        {{hostIdentity, "host identity"}},
	dns.TypeNINFO:      manyTexts,
	dns.TypeRKEY:       publicKey,
	dns.TypeTALINK:     twoNames,
	dns.TypeCDS:        delegation,
	dns.TypeCDNSKEY:    publicKey,
	dns.TypeOPENPGPKEY: anyBase64,
	dns.TypeCSYNC:      {{number32, "serial"}, {number16, "flags"}, {typeBitmap, "type"}},
	dns.TypeZONEMD:     {{number32, "serial"}, {number8, "scheme"}, {number8, "hash algorithm"}, {hexadecimal, "digest"}},
	typeHHIT:           anyBase64,
	typeBRID:           anyBase64,
	typeDSYNC:          {{coveredType, "type"}, {dsyncScheme, "scheme"}, {number16, "port"}, {domain, "target"}},
	dns.TypeSVCB:       serviceBound,
	dns.TypeHTTPS:      serviceBound,
	dns.TypeSPF:        manyTexts,
	dns.TypeNID:        nodeLocator,
	dns.TypeL32:        {{number16, "preference"}, {ipv4, "locator"}},
	dns.TypeL64:        nodeLocator,
	dns.TypeLP:         preferred,
	dns.TypeEUI48:      {{eui48, "address"}},
	dns.TypeEUI64:      {{eui64, "address"}},
	dns.TypeURI:        {{number16, "priority"}, {number16, "weight"}, {octets, "target"}},
	dns.TypeCAA:        {{number8, "flags"}, {propertyTag, "tag"}, {octets, "value"}},
	dns.TypeAVC:        manyTexts,
	dns.TypeAMTRELAY:   {{number8, "precedence"}, {relay, "relay"}},
	dns.TypeTA:         delegation,
	dns.TypeDLV:        delegation,
	dns.TypeRESINFO:    manyTexts,
	typeDOA: {{number32, "enterprise"}, {number32, "type"}, {number8, "location"}, {text, "media type"},
		{base64Key, "data"}},
	typeWALLET: manyTexts,
}

// Types that the library has no word for.
const (
	typeWKS    uint16 = 11
	typeNSAP   uint16 = 22
	typeA6     uint16 = 38
	typeSINK   uint16 = 40
	typeDSYNC  uint16 = 66
	typeHHIT   uint16 = 67
	typeBRID   uint16 = 68
	typeDOA    uint16 = 259
	typeWALLET uint16 = 262
)

// otherTypes are their mnemonics.
var otherTypes = map[string]uint16{
	"WKS": typeWKS, "NSAP": typeNSAP, "A6": typeA6, "SINK": typeSINK, "DSYNC": typeDSYNC, "HHIT": typeHHIT,
	"BRID": typeBRID,
	"DOA":  typeDOA, "WALLET": typeWALLET,
}
