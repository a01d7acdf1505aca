package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Views are who sees what.
type Views interface {
	// Views returns the views in their order.
	Views() []View
	// Answers answers a question in every view, and is printed as JSON. An error that is no
	// [Refusal] is a fault of the question.
	Answers(ctx context.Context, name, rrtype string) (answers any, err error)
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

// answersWithin bounds the time that /answers may wait for upstreams, all views together.
const answersWithin = 10 * time.Second

// serveAnswers says what each view is answered.
func (s *Server) serveAnswers(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	err := known(values, "name, type")
	if err == nil && values.Get("name") == "" {
		err = errNoName
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answersWithin)
	defer cancel()
	answers, err := s.opts.Views.Answers(ctx, values.Get("name"), typeOf(values))
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusBadRequest))
		return
	}
	writeJSON(w, http.StatusOK, answers)
}

// typeOf is the type of a question: A where none is named.
func typeOf(values url.Values) string {
	if values.Get("type") == "" {
		return "A"
	}
	return values.Get("type")
}
