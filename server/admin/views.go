package admin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Views are who sees what.
type Views interface {
	// Views returns the views in their order.
	Views() []View
	// Answers answers a question in every view, and is printed as JSON. An error that is no
	// [Refusal] is a fault of the question.
	Answers(ctx context.Context, name, rrtype string) (answers any, err error)
	// ZoneAnswers answers the questions for a part of the names and types of all zones of a name in every view,
	// and says how many of them there are. With differing, those alone are there that views answer differently.
	ZoneAnswers(ctx context.Context, q RecordQuery, differing bool) (part []NameAnswers, total int, err error)
}

// NameAnswers is what each view is answered to one question.
type NameAnswers struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Answers any    `json:"answers"`
}

// View is one entry of /views.
type View struct {
	Name      string   `json:"name"`
	Clients   []string `json:"clients"` // prefixes; none for the view of everybody else
	Client    string   `json:"client"`  // an example: an address that has it; "" where none may ask
	VPCs      []string `json:"vpcs"`
	Region    string   `json:"region"`
	Addresses string   `json:"addresses"`
	Queries   uint64   `json:"queries"`
}

const (
	// answersWithin bounds the time that /answers may wait for upstreams, all views together.
	answersWithin = 10 * time.Second
	// answersLimit is how many questions are answered at once, at most.
	answersLimit = 100
)

// serveAnswers says what each view is answered: to one question, or to those of a part of a zone.
func (s *Server) serveAnswers(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	ctx, cancel := context.WithTimeout(r.Context(), answersWithin)
	defer cancel()
	if values.Has("zone") {
		s.serveZoneAnswers(ctx, w, values)
		return
	}
	err := known(values, "name, type")
	if err == nil && values.Get("name") == "" {
		err = errNoName
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answers, err := s.opts.Views.Answers(ctx, values.Get("name"), typeOf(values))
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusBadRequest))
		return
	}
	writeJSON(w, http.StatusOK, answers)
}

// serveZoneAnswers says what each view is answered to the questions for a part of a zone.
func (s *Server) serveZoneAnswers(ctx context.Context, w http.ResponseWriter, values url.Values) {
	differing := false
	err := known(values, "zone, text, type, differing, offset, limit")
	if err == nil && values.Get("differing") != "" {
		differing, err = strconv.ParseBool(values.Get("differing"))
		if err != nil {
			err = fmt.Errorf("parameter differing: %q: %w", values.Get("differing"), err)
		}
	}
	values.Del("differing")
	var q RecordQuery
	if err == nil {
		q, err = recordQueryOf(values)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q.Merged, q.Limit = true, min(q.Limit, answersLimit)
	part, total, err := s.opts.Views.ZoneAnswers(ctx, q, differing)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusNotFound))
		return
	}
	w.Header().Set(totalHeader, strconv.Itoa(total))
	writeJSON(w, http.StatusOK, part)
}

// typeOf is the type of a question: A where none is named.
func typeOf(values url.Values) string {
	if values.Get("type") == "" {
		return "A"
	}
	return values.Get("type")
}
