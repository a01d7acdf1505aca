package observe

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"inside53/resolver"
	"inside53/resolver/wire"
	"inside53/resolver/zone"

	"github.com/miekg/dns"
)

// Filter says which answers are wanted. The zero value wants all.
type Filter struct {
	Clients []netip.Prefix
	Names   [][]byte // in lower-case wire form, each with all below it
	Rcodes  []uint8
	Slower  time.Duration // those that took so long at least
}

// wants reports whether an answer is wanted.
func (f *Filter) wants(o *resolver.Observed) bool {
	within := func(p netip.Prefix) bool { return p.Contains(o.Client) }
	below := func(name []byte) bool { return len(o.Name) > 0 && wire.SuffixAt(o.Name, name) >= 0 }
	return (len(f.Clients) == 0 || slices.ContainsFunc(f.Clients, within)) &&
		(len(f.Names) == 0 || slices.ContainsFunc(f.Names, below)) &&
		(len(f.Rcodes) == 0 || slices.Contains(f.Rcodes, o.Rcode)) && o.Took >= f.Slower
}

// ParseRcode returns the number of a response code, as NXDOMAIN.
func ParseRcode(text string) (uint8, bool) {
	code, known := dns.StringToRcode[text]
	return uint8(code), known && code <= wire.RcodeBadVers
}

// line is an answer as it is told.
type line struct {
	At        time.Time `json:"at"`
	Client    string    `json:"client"`
	View      string    `json:"view"`
	Transport string    `json:"transport"`
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Rcode     string    `json:"rcode"`
	Result    string    `json:"result"`
	Upstream  string    `json:"upstream"`
	Seconds   float64   `json:"seconds"`
}

func lineOf(o *resolver.Observed) line {
	l := line{
		At: time.Unix(0, o.At).UTC(), Client: o.Client.String(), View: o.View, Transport: o.Transport.String(),
		Rcode: rcodeText(o.Rcode), Result: o.Result.String(), Upstream: o.Upstream, Seconds: o.Took.Seconds(),
	}
	if len(o.Name) > 0 { // else there was no question that could be read
		l.Name, l.Type = zone.String(o.Name), dns.Type(o.Type).String()
	}
	return l
}

func rcodeText(rcode uint8) string {
	if rcode == wire.RcodeBadVers {
		return "BADVERS"
	}
	return dns.RcodeToString[int(rcode)]
}

// attributes are what the query log has of an answer.
func (l *line) attributes() []slog.Attr {
	return []slog.Attr{
		slog.String("client", l.Client), slog.String("view", l.View), slog.String("transport", l.Transport),
		slog.String("name", l.Name), slog.String("type", l.Type), slog.String("rcode", l.Rcode),
		slog.String("result", l.Result), slog.String("upstream", l.Upstream), slog.Float64("seconds", l.Seconds),
	}
}
