package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Watcher is what sees the queries as they come.
type Watcher interface {
	// Top returns who or what is asked most, by one of the words of [TopBy].
	Top(by string, limit int) Top
	// Usage returns when the record sets of a zone, or of a name in it, were asked for last: what a
	// page has of them, and how many there are. Its errors are a [Refusal], or of the question.
	Usage(p *Page) (sets []Usage, total int, err error)
	// Tail returns the queries from now on. Its errors are a [Refusal], or of the question.
	Tail(q TailQuery) (Lines, error)
}

// TopBy is what /top counts.
func TopBy() []string { return []string{"name", "client", "nxdomain", "servfail", "slow"} }

// Top is the body of /top.
type Top struct {
	Since time.Time `json:"since"`
	// Sampled says that at least one in so many queries was looked at; counts are of all.
	Sampled int      `json:"sampled"`
	Rows    []TopRow `json:"rows"`
}

// TopRow is one row of /top.
type TopRow struct {
	Key       string  `json:"key"`
	Count     uint64  `json:"count"`
	PerSecond float64 `json:"per_second"`
}

// Usage is one entry of /usage.
type Usage struct {
	Zone  string    `json:"zone"` // id
	Name  string    `json:"name"`
	Type  string    `json:"type"`
	Since time.Time `json:"since"` // from when on everything that is asked for is noted
	// Last is nil where nobody has asked for it since, for certain. Else it was asked for then or up
	// to WithinSeconds later; that may be another record set's, by chance.
	Last          *time.Time `json:"last"`
	WithinSeconds float64    `json:"within_seconds"`
	Count         uint64     `json:"count"` // about, from a sample; 0 where others made it forgotten
	Clients       []UsedBy   `json:"clients"`
}

// UsedBy is a client that asks for a record set.
type UsedBy struct {
	Address  string    `json:"address"`
	Instance string    `json:"instance"` // "" for none that is known
	Name     string    `json:"name"`     // of the instance
	Count    uint64    `json:"count"`    // about
	Last     time.Time `json:"last"`
}

// usageLimit is how many record sets are shown at most.
const usageLimit = 1000

// serveUsage says when record sets were asked for last, and by whom.
func (s *Server) serveUsage(w http.ResponseWriter, r *http.Request) {
	p, err := pageOf(r.URL.Query(), "zone, name")
	if err == nil && p.Zone == "" {
		err = errors.New("which zone? GET /usage?zone=NAME or ID&name=NAME")
	}
	if p.Limit == 0 || p.Limit > usageLimit {
		p.Limit = usageLimit
	}
	var sets []Usage
	total := 0
	if err == nil {
		sets, total, err = s.opts.Watcher.Usage(&p)
	}
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusBadRequest))
		return
	}
	w.Header().Set(totalHeader, strconv.Itoa(total))
	writeJSON(w, http.StatusOK, sets)
}

// TailQuery says which queries are wanted. The zero value wants all.
type TailQuery struct {
	Client netip.Prefix
	Name   string // and all below it, as people write it
	Rcode  string // as NXDOMAIN
	Slow   time.Duration
}

// Lines are lines of JSON that come.
type Lines interface {
	// Next waits for lines, each with its end. They are borrowed until the next call. The error is
	// ctx's.
	Next(ctx context.Context) ([]byte, error)
	Close()
}

const (
	topLimit = 20
	topMost  = 1000
	// tailStall is how long the reader of a tail may take nothing at all.
	tailStall = 5 * time.Minute
)

// serveTop says who or what is asked most.
func (s *Server) serveTop(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	err := knownParameters(v, "by", "limit")
	by, limit := v.Get("by"), topLimit
	if by == "" {
		by = TopBy()[0]
	}
	if err == nil && !slices.Contains(TopBy(), by) {
		err = fmt.Errorf("by %q: there are %s", by, strings.Join(TopBy(), ", "))
	}
	if err == nil && v.Has("limit") {
		limit, err = strconv.Atoi(v.Get("limit"))
		if err != nil || limit < 1 || limit > topMost {
			err = fmt.Errorf("limit %q: write a number from 1 to %d", v.Get("limit"), topMost)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusOK, s.opts.Watcher.Top(by, limit))
}

// serveTail writes a line a query, until the client closes or its time is over.
func (s *Server) serveTail(w http.ResponseWriter, r *http.Request) {
	q, lasts, err := tailQueryOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	lines, err := s.opts.Watcher.Tail(q)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusBadRequest))
		return
	}
	defer lines.Close()
	ctx := r.Context()
	if lasts > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lasts)
		defer cancel()
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // nothing more is read; the bound of requests would end it
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	for err = control.Flush(); err == nil; err = control.Flush() {
		text, ended := lines.Next(ctx)
		if ended != nil {
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(tailStall))
		_, err = w.Write(text)
		if err != nil {
			return
		}
	}
}

// tailQueryOf reads client, name, rcode, slow and for.
func tailQueryOf(v url.Values) (q TailQuery, lasts time.Duration, err error) {
	err = knownParameters(v, "client", "name", "rcode", "slow", "for")
	if err != nil {
		return q, 0, err
	}
	q.Name, q.Rcode = v.Get("name"), strings.ToUpper(v.Get("rcode"))
	q.Client, err = clientsOf(v.Get("client"))
	for key, to := range map[string]*time.Duration{"slow": &q.Slow, "for": &lasts} {
		if text := v.Get(key); text != "" && err == nil {
			*to, err = time.ParseDuration(text)
			if err != nil || *to < 0 {
				err = fmt.Errorf("%s %q: not a duration like 100ms or 5m", key, text)
			}
		}
	}
	return q, lasts, err
}

// clientsOf reads an address or a prefix; "" is any.
func clientsOf(text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, nil
	}
	addr, err := netip.ParseAddr(text)
	if err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p != p.Masked() {
		return p, fmt.Errorf("client %q: neither an address nor a prefix like 10.1.0.0/16", text)
	}
	return p, nil
}
