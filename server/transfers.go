package server

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"inside53/resolver"
	"inside53/resolver/forward"
	"inside53/resolver/zone"
	"inside53/server/transfer"
	"inside53/zonesource"
	"inside53/zonesource/secondary"

	"github.com/miekg/dns"
)

// assembleTransfers makes what serves secondaries, whether the configuration has any or
// not: a reload may bring some.
func (a *App) assembleTransfers(c *Config) error {
	policy, err := newTransferPolicy(c)
	if err != nil {
		return err
	}
	a.transfers = transfer.New(transfer.Options{
		Resolver: a.resolver, Ask: a.askAlias, Notified: a.notified, Count: a.metrics.transfer,
		CountNotify: a.metrics.notify, StateDir: c.StateDir, Log: a.log,
	})
	a.transfers.SetPolicy(policy)
	return nil
}

// newTransferPolicy is the sections keys and transfers; nil where nothing is transferred. It
// reads the secrets of the keys.
func newTransferPolicy(c *Config) (*transfer.Policy, error) {
	if len(c.Transfers) == 0 && len(c.Secondary) == 0 {
		return nil, nil
	}
	keys, err := newKeyring(c)
	if err != nil {
		return nil, err
	}
	p := &transfer.Policy{Keys: keys}
	for _, t := range c.Transfers {
		e := &transfer.Entry{View: t.View, Zones: t.Zones.Has, Clients: t.Clients, Journal: int(t.Journal)}
		if e.View == "" {
			e.View = "rest"
		}
		for _, k := range t.Keys {
			e.Keys = append(e.Keys, string(k))
		}
		for _, n := range t.Notify {
			e.Notify = append(e.Notify, n.AddrPort)
		}
		if t.Catalog != "" {
			e.Catalog = wireName(DomainName(t.Catalog))
		}
		p.Entries = append(p.Entries, e)
	}
	return p, nil
}

// publishLive makes a table of health the one that queries and secondaries see.
func (a *App) publishLive(live *zone.Live) {
	a.resolver.PublishLive(live)
	a.transfers.Wake()
}

// newSecondaries makes the sources of the zones that come from other servers.
func (a *App) newSecondaries(c *Config) ([]zonesource.Source, error) {
	keys, err := newKeyring(c)
	if err != nil && len(c.Secondary) > 0 {
		return nil, err
	}
	var sources []zonesource.Source
	for _, s := range c.Secondary {
		config := secondary.Config{Apex: wireName(s.Zone)}
		for _, p := range s.Primaries {
			config.Primaries = append(config.Primaries, p.AddrPort)
		}
		if s.Key != "" {
			k := keys[string(s.Key)]
			config.Key = &secondary.Key{Name: k.Name, Algorithm: k.Algorithm, Secret: k.Secret}
		}
		config.Saved = func() *zonesource.Part { return a.savedPart(secondary.PartKey(config.Apex)) }
		source, err := secondary.New(config, a.log)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// savedPart returns the part of a key that the keeper has; nil for none.
func (a *App) savedPart(key zonesource.Key) *zonesource.Part {
	for _, p := range a.keeper.Parts(key.Source) {
		if p.Key == key {
			return &p
		}
	}
	return nil
}

// useSecondaries makes those among the running sources the ones that NOTIFY is for.
func (a *App) useSecondaries(sources []zonesource.Source) {
	byApex := map[string]*secondary.Source{}
	for _, s := range sources {
		source, ok := s.(*secondary.Source)
		if ok {
			byApex[string(source.Apex())] = source
		}
	}
	a.secondaries.Store(&byApex)
}

// notified hands NOTIFY to the zone that it is for, or returns why it is refused.
func (a *App) notified(apex []byte, from netip.Addr, key string) (refused string) {
	byApex := a.secondaries.Load()
	if byApex == nil || (*byApex)[string(apex)] == nil {
		return "zone"
	}
	return (*byApex)[string(apex)].Notify(from, key)
}

// askAlias asks upstreams for the records of one type of a name, at the end of CNAMEs. The
// zero RRset says that there are none.
func (a *App) askAlias(ctx context.Context, upstreams []string, name []byte, rrtype uint16) (zone.RRset, error) {
	group, err := a.forwarder.Group(forward.GroupSpec{Upstreams: upstreams})
	if err != nil {
		return zone.RRset{}, err
	}
	defer a.forwarder.Release(group)
	message, err := a.forwarder.Resolve(ctx, group, &forward.Question{Name: name, Type: rrtype})
	if err != nil {
		return zone.RRset{}, fmt.Errorf("resolving %s: %w", zone.String(name), err)
	}
	var rdata [][]byte
	for _, data := range message.Data(rrtype) {
		rdata = append(rdata, slices.Clone(data))
	}
	if len(rdata) == 0 {
		return zone.RRset{}, nil
	}
	slices.SortFunc(rdata, slices.Compare)
	return zone.NewRecords(rrtype, transfer.TargetTTL, rdata...)
}

// transfersInfo is what /transfers says.
type transfersInfo struct {
	Zones    []transferInfo `json:"zones"`
	Catalogs []transferInfo `json:"catalogs"`
	Pending  int            `json:"notifies_pending"`
}

// transferInfo is one zone that is transferred.
type transferInfo struct {
	View         string        `json:"view,omitempty"`
	Zone         string        `json:"zone"`
	Serial       uint32        `json:"serial"`
	Records      int           `json:"records"`
	Journal      int           `json:"journal"`
	JournalBytes int           `json:"journal_bytes"`
	Findings     []findingInfo `json:"findings"`
}

// findingInfo is a record that secondaries get otherwise than clients, or not at all.
type findingInfo struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// serveTransfers lists the zones that secondaries may have.
func (a *App) serveTransfers(w http.ResponseWriter, _ *http.Request) {
	zones, catalogs := a.transfers.Zones()
	info := transfersInfo{Zones: []transferInfo{}, Catalogs: []transferInfo{}, Pending: a.transfers.Pending()}
	snap := a.resolver.Snapshot()
	for _, z := range zones {
		i := describeTransfer(z)
		for _, v := range snap.Views {
			apex := v.Apex(z.Apex)
			if v.Name == z.View && apex != nil {
				i.addFindings(resolver.ForwardedBelow(snap, v, apex))
			}
		}
		info.Zones = append(info.Zones, i)
	}
	for _, z := range catalogs {
		info.Catalogs = append(info.Catalogs, describeTransfer(z))
	}
	writeJSON(w, http.StatusOK, info)
}

func describeTransfer(z transfer.Zone) transferInfo {
	info := transferInfo{
		View: z.View, Zone: zone.String(z.Apex), Serial: z.Serial, Records: z.Records,
		Journal: z.Journal, JournalBytes: z.JournalBytes, Findings: []findingInfo{},
	}
	info.addFindings(z.Findings)
	return info
}

func (i *transferInfo) addFindings(findings []resolver.Finding) {
	for _, f := range findings {
		i.Findings = append(i.Findings, findingInfo{zone.String(f.Name), dns.Type(f.Type).String(), f.Reason})
	}
}

// transfers reads what secondaries may have.
func (r reading) transfers(a *App) {
	zones, _ := a.transfers.Zones()
	count, bytes := map[string]int{}, map[string]int{}
	for _, z := range zones {
		count[z.View]++
		bytes[z.View] += z.JournalBytes
	}
	for view, n := range count {
		r.gauge("inside53_transfer_zones", float64(n), view)
		r.gauge("inside53_transfer_journal_bytes", float64(bytes[view]), view)
	}
	r.gauge("inside53_notifies_pending", float64(a.transfers.Pending()))
}
