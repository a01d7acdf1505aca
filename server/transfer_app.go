package server

import (
	"net/http"
	"net/netip"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/secondary"

	"github.com/miekg/dns"
	"golang.org/x/time/rate"
)

// assembleTransfers makes what serves secondaries, whether the configuration has any or
// not: a reload may bring some.
func (a *App) assembleTransfers(c *Config) error {
	policy, err := newTransferPolicy(c)
	if err != nil {
		return err
	}
	a.notifier = newNotifier(a.metrics.notify, a.log)
	t := &transfers{
		queue: make(chan transferJob, transfersWaiting), count: a.metrics.transfer, log: a.log, notified: a.notified,
		faults: rate.Sometimes{First: 10, Interval: time.Second},
	}
	t.publisher = newPublisher(a.resolver, t.policy.Load, &aliases{ask: a.askAlias, targets: map[aliasTarget]*aliasState{}}, a.notifier, c.StateDir, a.log)
	t.use(policy)
	a.transfers = t
	return nil
}

// use makes a policy the one in force.
func (t *transfers) use(policy *transferPolicy) {
	t.policy.Store(policy)
	t.publisher.wake()
}

// publishLive makes a table of health the one that queries and secondaries see.
func (a *App) publishLive(live *zone.Live) {
	a.resolver.PublishLive(live)
	a.transfers.publisher.wake()
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
			config.Key = &secondary.Key{Name: k.name, Algorithm: k.algorithm, Secret: k.secret}
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
		zone, ok := s.(*secondary.Source)
		if ok {
			byApex[string(zone.Apex())] = zone
		}
	}
	a.secondaries.Store(&byApex)
}

// notified hands NOTIFY to the zone that it is for; false refuses it.
func (a *App) notified(apex []byte, from netip.Addr, key string) bool {
	byApex := a.secondaries.Load()
	if byApex == nil {
		return false
	}
	s := (*byApex)[string(apex)]
	return s != nil && s.Notify(from, key)
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
	zones, catalogs := a.transfers.publisher.list()
	info := transfersInfo{Zones: []transferInfo{}, Catalogs: []transferInfo{}, Pending: a.notifier.pending()}
	snap := a.resolver.Snapshot()
	for _, z := range zones {
		i := describeTransfer(z)
		for _, v := range snap.Views {
			apex := v.Apex(z.apex)
			if v.Name == z.view && apex != nil {
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

func describeTransfer(z *publishedZone) transferInfo {
	info := transferInfo{View: z.view, Zone: zone.String(z.apex), Findings: []findingInfo{}}
	v := z.history.Version()
	if v != nil {
		info.Serial, info.Records = v.Serial, v.Tree.Stats().Records
	}
	info.Journal, info.JournalBytes = z.history.Journal()
	info.addFindings(z.findings)
	return info
}

func (i *transferInfo) addFindings(findings []resolver.Finding) {
	for _, f := range findings {
		i.Findings = append(i.Findings, findingInfo{zone.String(f.Name), dns.Type(f.Type).String(), f.Reason})
	}
}

// transfers reads what secondaries may have.
func (r reading) transfers(a *App) {
	zones, _ := a.transfers.publisher.list()
	count, bytes := map[string]int{}, map[string]int{}
	for _, z := range zones {
		_, octets := z.history.Journal()
		count[z.view]++
		bytes[z.view] += octets
	}
	for view, n := range count {
		r.gauge("inside53_transfer_zones", float64(n), view)
		r.gauge("inside53_transfer_journal_bytes", float64(bytes[view]), view)
	}
	r.gauge("inside53_notifies_pending", float64(a.notifier.pending()))
}
