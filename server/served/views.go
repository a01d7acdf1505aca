package served

import (
	"context"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
)

// Views are who sees what, for people.
type Views struct{ Resolver *resolver.Resolver }

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
	wire, t, err := resolver.ParseQuestion(name, rrtype)
	if err != nil {
		return nil, err
	}
	zone.Lower(wire)
	return v.Resolver.Across(ctx, wire, t)
}
