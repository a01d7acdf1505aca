package admin

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Page is which entries of a list are wanted, and which part of these. The zero value wants
// all. What a path doesn't know of it stays empty.
type Page struct {
	Zone       string // name or id of a zone
	View       string
	Source     string // of a part
	Name       string // of a record set
	Visibility string
	Account    string
	ID, Type   string // of a health check
	Failing    bool   // what needs a look alone
	Offset     int
	Limit      int // 0: all
}

// totalHeader says how many entries there are that are wanted, on this page and on others.
const totalHeader = "X-Total-Count"

// The parameters of paths besides offset and limit.
const (
	zoneParameters     = "zone, visibility, account, failing"
	checkParameters    = "id, type, failing"
	transferParameters = "view, zone"
)

// pageOf reads the parameters of a request; an error is of one that is unknown or malformed.
func pageOf(values url.Values, known string) (p Page, err error) {
	names := strings.Split(known, ", ")
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values.Get(key)
		if key != "offset" && key != "limit" && !slices.Contains(names, key) {
			return p, fmt.Errorf("no parameter %q here: %s, offset, limit", key, known)
		}
		switch key {
		case "zone":
			p.Zone = value
		case "view":
			p.View = value
		case "source":
			p.Source = value
		case "name":
			p.Name = value
		case "visibility":
			p.Visibility = value
		case "account":
			p.Account = value
		case "id":
			p.ID = value
		case "type":
			p.Type = value
		case "failing":
			p.Failing, err = strconv.ParseBool(value)
		case "offset":
			p.Offset, err = natural(value)
		case "limit":
			p.Limit, err = natural(value)
		}
		if err != nil {
			return p, fmt.Errorf("parameter %s: %q: %w", key, value, err)
		}
	}
	return p, nil
}

func natural(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

// Has reports whether a value is the one that is wanted, or none is.
func (p *Page) Has(want, is string) bool { return want == "" || want == is }

// IsZone reports whether a zone is the one that is wanted, or none is.
func (p *Page) IsZone(name, id string) bool {
	return p.Zone == "" || p.Zone == id ||
		strings.EqualFold(strings.TrimSuffix(p.Zone, "."), strings.TrimSuffix(name, "."))
}

// Cut returns the part of a list that the page has.
func Cut[T any](p *Page, list []T) []T {
	list = list[min(p.Offset, len(list)):]
	if p.Limit > 0 {
		list = list[:min(p.Limit, len(list))]
	}
	return list
}

// servePage makes the handler of a path that prints the part that is asked for of what a
// function returns, and how much there is in all.
func servePage[T any](known string, read func(*Page) (body T, total int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := pageOf(r.URL.Query(), known)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body, total := read(&p)
		w.Header().Set(totalHeader, strconv.Itoa(total))
		writeJSON(w, http.StatusOK, body)
	}
}
