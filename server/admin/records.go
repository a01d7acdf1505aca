package admin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Records are what zones hold.
type Records interface {
	// Records returns the records of a zone in their order: what q asks for of them, and how
	// many of them there are.
	Records(q RecordQuery) (records []Record, total int, err error)
}

// RecordQuery is what /records is asked.
type RecordQuery struct {
	Zone, Apex string // id or name of the zone; of several with one id, the name of its apex
	Text       string // in the name, whatever its letter case; "" is any
	Type       string // "" is any
	Unservable bool   // those alone that can't be served
	// Merged asks for the names and types of all zones of that name, each once, without values.
	Merged        bool
	Offset, Limit int
}

// Record is one entry of /records: a record set, or a member of a routing policy.
type Record struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	TTL    uint32   `json:"ttl"`
	Values []string `json:"values"`
	Set    string   `json:"set,omitempty"`    // which member of which policy
	Reason string   `json:"reason,omitempty"` // why it can't be served
}

// recordsLimit is how many records are shown at once, at most.
const recordsLimit = 1000

var (
	errNoName = errors.New("which name? name=NAME")
	errNoZone = errors.New("which zone? GET /records?zone=NAME or ID")
)

// known says which parameter is unknown or there twice; names are in a list with commas.
func known(values url.Values, names string) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(strings.Split(names, ", "), key) {
			return fmt.Errorf("no parameter %q here: %s", key, names)
		}
		if len(values[key]) > 1 {
			return fmt.Errorf("parameter %q: more than one", key)
		}
	}
	return nil
}

// recordQueryOf reads the parameters of /records.
func recordQueryOf(values url.Values) (RecordQuery, error) {
	q := RecordQuery{
		Zone: values.Get("zone"), Apex: values.Get("apex"), Text: values.Get("text"), Type: values.Get("type"),
		Limit: recordsLimit,
	}
	err := known(values, "zone, apex, text, type, unservable, merged, offset, limit")
	if err == nil && q.Zone == "" {
		err = errNoZone
	}
	if err != nil {
		return q, err
	}
	for key, read := range map[string]func(string) error{
		"offset": func(text string) (err error) { q.Offset, err = natural(text); return err },
		"limit":  func(text string) (err error) { q.Limit, err = natural(text); return err },
		"unservable": func(text string) (err error) {
			q.Unservable, err = strconv.ParseBool(text)
			return err
		},
		"merged": func(text string) (err error) { q.Merged, err = strconv.ParseBool(text); return err },
	} {
		text := values.Get(key)
		if text == "" {
			continue
		}
		err := read(text)
		if err != nil {
			return q, fmt.Errorf("parameter %s: %q: %w", key, text, err)
		}
	}
	if q.Limit == 0 || q.Limit > recordsLimit {
		q.Limit = recordsLimit
	}
	return q, nil
}

// serveRecords says what a zone holds.
func (s *Server) serveRecords(w http.ResponseWriter, r *http.Request) {
	q, err := recordQueryOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	records, total, err := s.opts.Records.Records(q)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusNotFound))
		return
	}
	w.Header().Set(totalHeader, strconv.Itoa(total))
	writeJSON(w, http.StatusOK, records)
}
