package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/external-dns/endpoint"
	"sigs.k8s.io/external-dns/pkg/apis/externaldns"
	"sigs.k8s.io/external-dns/plan"
	"sigs.k8s.io/external-dns/provider/rfc2136"
	"sigs.k8s.io/external-dns/registry/txt"
)

func main() {
	err := round(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "externaldns:", err)
		os.Exit(1)
	}
}

// round is what the controller of external-dns does in RunOnce.
func round(ctx context.Context) error {
	config := externaldns.NewConfig()
	err := config.ParseFlags(os.Args[1:])
	if err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	var desired []*endpoint.Endpoint
	err = json.NewDecoder(os.Stdin).Decode(&desired)
	if err != nil {
		return fmt.Errorf("reading the endpoints: %w", err)
	}
	filter := endpoint.NewDomainFilter(config.DomainFilter)
	provider, err := rfc2136.New(ctx, config, filter)
	if err != nil {
		return fmt.Errorf("making the provider: %w", err)
	}
	registry, err := txt.New(config, provider)
	if err != nil {
		return fmt.Errorf("making the registry: %w", err)
	}
	current, err := registry.Records(ctx)
	if err != nil {
		return fmt.Errorf("listing the records: %w", err)
	}
	desired, err = registry.AdjustEndpoints(desired)
	if err != nil {
		return fmt.Errorf("adjusting the endpoints: %w", err)
	}
	p := (&plan.Plan{
		Policies: []plan.Policy{plan.Policies[config.Policy]}, Current: current, Desired: desired,
		DomainFilter:   endpoint.MatchAllDomainFilters{filter, registry.GetDomainFilter()},
		ManagedRecords: config.ManagedDNSRecordTypes, OwnerID: registry.OwnerID(),
	}).Calculate()
	fmt.Printf("create %d, update %d, delete %d\n", len(p.Changes.Create), len(p.Changes.UpdateNew), len(p.Changes.Delete))
	if !p.Changes.HasChanges() {
		return nil
	}
	err = registry.ApplyChanges(ctx, p.Changes)
	if err != nil {
		return fmt.Errorf("applying the changes: %w", err)
	}
	return nil
}
