package resolver

// Transport says how a query came in.
type Transport uint8

// The transports. The order is that of the metrics' label values.
const (
	UDP Transport = iota
	TCP
	Transports int = iota
)

// String returns the metric label of the transport.
func (t Transport) String() string {
	switch t {
	case UDP:
		return "udp"
	default:
		return "tcp"
	}
}

// Result classifies what became of one query, for the metrics and the query log.
type Result uint8

// The results of a query. Local ones come from our own data, Cached and
// Forwarded ones from an upstream.
const (
	Dropped Result = iota // no answer goes out: not a query, or shed under load
	Local
	LocalNoData
	LocalNXDomain
	LocalReferral
	Cached
	CachedStale
	Forwarded
	ServFail
	Refused
	FormErr
	NotImp
	BadVers
	Results int = iota
)

var resultNames = [Results]string{
	Dropped: "dropped", Local: "local", LocalNoData: "nodata", LocalNXDomain: "nxdomain",
	LocalReferral: "referral", Cached: "cached", CachedStale: "stale", Forwarded: "forwarded",
	ServFail: "servfail", Refused: "refused", FormErr: "formerr", NotImp: "notimp", BadVers: "badvers",
}

// String returns the metric label of the result.
func (r Result) String() string { return resultNames[r] }

// Suspender is the transport's side of a query that has to wait for an upstream.
type Suspender interface {
	// Suspend is called at most once, by [Worker.Serve], when the answer can't be
	// given now. It copies whatever the transport needs to answer later (the
	// packet and answer buffers are the transport's again when Serve returns) and
	// returns the function that sends the answer. That function is called exactly
	// once, from any goroutine, possibly before Serve has returned. Its answer
	// is borrowed until it returns; nil means that nothing is to be sent.
	Suspend() func(answer []byte, result Result)
}
