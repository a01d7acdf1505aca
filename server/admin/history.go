package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Past is what names were. What it returns is printed as JSON. An error that is no
// [Refusal] is a fault of the question.
type Past interface {
	History(ctx context.Context, q PastQuery) (changes any, err error)
}

// PastQuery is what /history is asked.
type PastQuery struct {
	Name, Zone   string // as people write them; "" is any
	Since, Until string // RFC 3339, a date, or how long ago; "" is no bound
	Limit        int    // changes at most
	Version      uint64 // that one alone; 0 is any
}

const (
	// historyWithin bounds the time that the past is read for.
	historyWithin = 30 * time.Second
	// historyLimit is how many changes are shown without a limit.
	historyLimit = 1000
	// historyMost is how many changes are shown at most.
	historyMost = 100_000
)

// serveHistory says what has changed, the newest first.
func (s *Server) serveHistory(w http.ResponseWriter, r *http.Request) {
	q, err := pastQueryOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), historyWithin)
	defer cancel()
	changes, err := s.opts.Past.History(ctx, q)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusBadRequest))
		return
	}
	writeJSON(w, http.StatusOK, changes)
}

func pastQueryOf(v url.Values) (PastQuery, error) {
	q := PastQuery{
		Name: v.Get("name"), Zone: v.Get("zone"), Since: v.Get("since"), Until: v.Get("until"), Limit: historyLimit,
	}
	for key, values := range v {
		switch key {
		case "name", "zone", "since", "until", "limit", "version":
		default:
			return q, fmt.Errorf("parameter %q: there are name, zone, since, until, limit, version", key)
		}
		if len(values) > 1 {
			return q, fmt.Errorf("parameter %q: more than one", key)
		}
	}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > historyMost {
			return q, fmt.Errorf("limit %q: write a number from 1 to %d", text, historyMost)
		}
		q.Limit = n
	}
	if text := v.Get("version"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 {
			return q, errors.New("version: write its number")
		}
		q.Version = n
	}
	return q, nil
}
