package served

import (
	"context"
	"slices"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"

	"golang.org/x/sync/errgroup"
)

// Views are who sees what, for people.
type Views struct {
	Resolver *resolver.Resolver
	Records  *Records
}

// addressWords are the ways of translating addresses, as the configuration has them.
func addressWords() [3]string { return [...]string{"auto", "private", "public"} }

// Views implements [admin.Views].
func (v *Views) Views() []admin.View {
	snap, counts := v.Resolver.Snapshot(), v.Resolver.Counts().Views
	out := make([]admin.View, len(snap.Views))
	examples := snap.Examples()
	for i, view := range snap.Views {
		out[i] = admin.View{
			Name: view.Name, Clients: []string{}, VPCs: append([]string{}, view.VPCs...), Region: view.Region,
			Addresses: addressWords()[view.Addresses], Queries: counts[view.Name].Queries,
		}
		for _, p := range snap.ClientsOf(i) {
			out[i].Clients = append(out[i].Clients, p.String())
		}
		if examples[i].IsValid() {
			out[i].Client = examples[i].String()
		}
	}
	return out
}

// Answers implements [admin.Views].
func (v *Views) Answers(ctx context.Context, name, rrtype string) (any, error) {
	return v.across(ctx, name, rrtype)
}

func (v *Views) across(ctx context.Context, name, rrtype string) ([]resolver.ViewAnswer, error) {
	wire, t, err := resolver.ParseQuestion(name, rrtype)
	if err != nil {
		return nil, err
	}
	zone.Lower(wire)
	return v.Resolver.Across(ctx, wire, t)
}

// answersAtOnce is how many questions wait for upstreams at the same time.
const answersAtOnce = 8

// ZoneAnswers implements [admin.Views].
func (v *Views) ZoneAnswers(ctx context.Context, q admin.RecordQuery,
	differing bool) (part []admin.NameAnswers, total int, err error) {
	names, total, err := v.Records.Records(q)
	if err != nil {
		return nil, 0, err
	}
	all := make([][]resolver.ViewAnswer, len(names))
	var g errgroup.Group
	g.SetLimit(answersAtOnce)
	for i, r := range names {
		g.Go(func() (err error) {
			all[i], err = v.across(ctx, r.Name, r.Type)
			return err
		})
	}
	err = g.Wait()
	if err != nil {
		return nil, 0, err
	}
	part = []admin.NameAnswers{}
	for i, answers := range all {
		if !differing || slices.ContainsFunc(answers, func(a resolver.ViewAnswer) bool { return a.Differs }) {
			part = append(part, admin.NameAnswers{Name: names[i].Name, Type: names[i].Type, Answers: answers})
		}
	}
	return part, total, nil
}
