package wire

// The header (RFC 1035 section 4.1.1): offsets of its fields.
const (
	HeaderSize = 12

	AtID         = 0
	AtFlags      = 2 // QR, opcode, AA, TC, RD
	AtRcode      = 3 // RA, AD, CD, response code
	AtQuestions  = 4
	AtAnswers    = 6
	AtAuthority  = 8
	AtAdditional = 10
)

// The bits of the octet at AtFlags.
const (
	FlagQR     = 0x80
	MaskOpcode = 0x78
	FlagAA     = 0x04
	FlagTC     = 0x02
	FlagRD     = 0x01

	ShiftOpcode = 3
)

// The bits of the octet at AtRcode (RFC 4035 section 3.2 for AD and CD).
const (
	FlagRA    = 0x80
	FlagAD    = 0x20
	FlagCD    = 0x10
	MaskRcode = 0x0f
)

// Bounds (RFC 1035 section 2.3.4, section 4.1.4 and section 4.2.2).
const (
	MaxMessage = 65535
	MaxName    = 255 // octets, the root label's too
	MaxLabels  = 127 // that a name of MaxName octets can have, without the root label
	MaxLabel   = 63
	MaxPointer = 0x3fff // the farthest offset that a compression pointer reaches
	// MinUDP is what any client takes by UDP.
	MinUDP = 512
)

// Records: what stands between owner and rdata is type, class, TTL and length of the rdata
// (RFC 1035 section 4.1.3), what stands behind the name of a question is type and class.
const (
	RecordFixed   = 10
	QuestionFixed = 4
	// PackedHeader is the size of a record before its rdata when its owner is a pointer.
	PackedHeader = 2 + RecordFixed
	// OPTSize is that of an OPT record without options (RFC 6891 section 6.1.2).
	OPTSize = 1 + RecordFixed
	// OptionFixed is code and length of an EDNS option.
	OptionFixed = 4
)

// FlagDO is the bit of the third octet of an OPT record's TTL (RFC 3225).
const FlagDO = 0x80

// Types of records and questions.
const (
	TypeA        = 1
	TypeNS       = 2
	TypeMD       = 3
	TypeMF       = 4
	TypeCNAME    = 5
	TypeSOA      = 6
	TypeMB       = 7
	TypeMG       = 8
	TypeMR       = 9
	TypePTR      = 12
	TypeHINFO    = 13
	TypeMINFO    = 14
	TypeMX       = 15
	TypeTXT      = 16
	TypeRP       = 17
	TypeAFSDB    = 18
	TypeRT       = 21
	TypeNSAPPTR  = 23
	TypeSIG      = 24
	TypePX       = 26
	TypeAAAA     = 28
	TypeNXT      = 30
	TypeSRV      = 33
	TypeNAPTR    = 35
	TypeKX       = 36
	TypeDNAME    = 39
	TypeOPT      = 41
	TypeDS       = 43
	TypeSSHFP    = 44
	TypeIPSECKEY = 45
	TypeRRSIG    = 46
	TypeNSEC     = 47
	TypeDNSKEY   = 48
	TypeNSEC3    = 50
	TypeTLSA     = 52
	TypeHIP      = 55
	TypeTALINK   = 58
	TypeSVCB     = 64
	TypeHTTPS    = 65
	TypeSPF      = 99
	TypeLP       = 107
	TypeTKEY     = 249
	TypeTSIG     = 250
	TypeIXFR     = 251
	TypeAXFR     = 252
	TypeANY      = 255
	TypeCAA      = 257
	TypeAMTRELAY = 260
)

// Classes.
const (
	ClassIN    = 1
	ClassCHAOS = 3
	ClassANY   = 255
)

// Opcodes.
const (
	OpcodeQuery  = 0
	OpcodeNotify = 4
	OpcodeUpdate = 5
)

// Response codes (RFC 1035, RFC 2136, RFC 6891).
const (
	RcodeNoError  = 0
	RcodeFormErr  = 1
	RcodeServFail = 2
	RcodeNXDomain = 3
	RcodeNotImp   = 4
	RcodeRefused  = 5
	RcodeYXDomain = 6
	RcodeNotAuth  = 9
	RcodeBadVers  = 16
)

// EDNS options.
const (
	OptionNSID      = 3
	OptionSubnet    = 8
	OptionCookie    = 10
	OptionKeepAlive = 11
	OptionPadding   = 12
	OptionEDE       = 15
)

// Extended errors (RFC 8914 section 4 and the registry).
const (
	EDEOther         = 0
	EDEStale         = 3
	EDENotReady      = 14
	EDEFiltered      = 17
	EDEProhibited    = 18
	EDEStaleNXDomain = 19
	EDENotAuth       = 20
	EDENoReachable   = 22
	EDENetwork       = 23
	EDEInvalidData   = 24
	EDESynthesized   = 29
	// NoEDE stands for the lack of one; the registry gives it for private use.
	NoEDE = 0xffff
)

// Parameters of SVCB and HTTPS records that readers have to know (RFC 9460 section 14.3.2).
const (
	ParamMandatory = 0
	ParamIPv4Hint  = 4
	ParamIPv6Hint  = 6
)

// ProbeZone is what the questions end in by which the server asks itself whether it answers: no
// zone holds it, and nobody forwards it (RFC 6761 section 6.4). No metric counts them.
const ProbeZone = "\x06health\x08inside53\x07invalid\x00"
