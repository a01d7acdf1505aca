package resolver

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"inside53/resolver/zone"
)

// ViewAnswer is what clients of one view are answered.
type ViewAnswer struct {
	View   string   `json:"view"`
	Client string   `json:"client"` // whose answer it is, as an example; "" where no client may ask
	Rcode  string   `json:"rcode"`
	EDE    string   `json:"ede,omitempty"`
	Result string   `json:"result"`
	Answer []string `json:"answer"`
	// Error says why the answer isn't known.
	Error string `json:"error,omitempty"`
	// Differs says that the answer has other records, TTLs aside, or another response code than
	// that of most views.
	Differs bool `json:"differs"`
	// Outside marks the answer of Route 53 to the internet, which isn't of a view of ours.
	Outside bool `json:"outside,omitempty"`
}

// Across answers a question in every view, in their order, and last as Route 53 would outside,
// where that is known. All answers are of one snapshot and by the same draws. It waits for
// upstreams until ctx ends; the views that are left then have an error. The question is one
// that [ParseQuestion] has read.
func (r *Resolver) Across(ctx context.Context, name []byte, rrtype uint16) ([]ViewAnswer, error) {
	st, random := r.state.Load(), rand.Uint64()
	out := make([]ViewAnswer, 0, len(st.snap.Views)+1)
	for i, client := range st.snap.Examples() {
		a := ViewAnswer{View: st.snap.Views[i].Name, Answer: []string{}}
		if !client.IsValid() {
			a.Error = "no client of it is allowed"
			out = append(out, a)
			continue
		}
		a.Client = client.String()
		err := r.traceInto(ctx, &a, st, &ExplainRequest{Name: name, Type: rrtype, Client: client}, random, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	if st.snap.Outside != nil {
		a := ViewAnswer{View: "the internet", Client: "by Route 53", Outside: true, Answer: []string{}}
		req := &ExplainRequest{Name: name, Type: rrtype, Client: netip.IPv4Unspecified()}
		err := r.traceInto(ctx, &a, st, req, random, st.snap.Outside)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	markDifferences(out)
	return out, nil
}

// traceInto fills in one answer. The error is of the question.
func (r *Resolver) traceInto(ctx context.Context, a *ViewAnswer, st *state, req *ExplainRequest, random uint64,
	outside *zone.View) error {
	pkt, err := req.packet()
	if err != nil {
		return err
	}
	e, err := r.trace(ctx, st, pkt, req, random, outside)
	if err != nil {
		a.Error = err.Error()
		return nil
	}
	a.Rcode, a.EDE, a.Result, a.Answer = e.Rcode, e.EDE, e.Result, e.Answer
	return nil
}

// markDifferences marks the answers that aren't that of most views; of two that are as
// many, the first is that of most.
func markDifferences(all []ViewAnswer) {
	counts, most := map[string]int{}, ""
	for i := range all {
		key := all[i].content()
		counts[key]++
		if all[i].Outside || all[i].Error != "" {
			counts[key]-- // it is compared, and no measure
		}
	}
	for i := range all {
		key := all[i].content()
		if counts[key] > counts[most] {
			most = key
		}
	}
	for i := range all {
		all[i].Differs = all[i].Error == "" && most != "" && all[i].content() != most
	}
}

// content is what of an answer makes it another one: not its TTLs, which go down in a cache.
func (a *ViewAnswer) content() string {
	lines := []string{}
	for _, record := range a.Answer {
		words := strings.SplitN(record, " ", 3)
		if len(words) == 3 {
			words[1] = ""
		}
		lines = append(lines, strings.Join(words, " "))
	}
	slices.Sort(lines)
	return a.Rcode + "\n" + strings.Join(lines, "\n")
}
