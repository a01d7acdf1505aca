package sources

import (
	"log/slog"
	"net/netip"
	"sync/atomic"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/policy"
	"inside53/zonesource"
	"inside53/zonesource/secondary"
)

// Secondaries makes the sources of zones that come from other servers, and hands NOTIFY
// to those that run.
type Secondaries struct {
	Log    *slog.Logger
	Keeper *zonesource.Keeper
	byApex atomic.Pointer[map[string]notifiable]
}

// notifiable is a zone that comes from other servers, which tell of changes.
type notifiable interface {
	Apex() []byte
	HasPrimary(from netip.Addr) bool
	Notify(from netip.Addr, key string) (refused string)
}

// options are those of the zones that come from other servers.
func (s *Secondaries) options(c *config.Config) ([]secondary.Config, error) {
	keys, err := policy.Keyring(c)
	if err != nil && len(c.Secondary) > 0 {
		return nil, err
	}
	var all []secondary.Config
	for _, entry := range c.Secondary {
		options := secondary.Config{Apex: zone.MustName(string(entry.Zone))}
		for _, p := range entry.Primaries {
			options.Primaries = append(options.Primaries, p.AddrPort)
		}
		if entry.Key != "" {
			k := keys[string(entry.Key)]
			options.Key = &secondary.Key{Name: k.Name, Algorithm: k.Algorithm, Secret: k.Secret}
		}
		all = append(all, options)
	}
	return all, nil
}

// build makes the source of a zone that comes from other servers.
func (s *Secondaries) build(options secondary.Config) (*secondary.Source, error) {
	options.Saved = func() *zonesource.Part { return s.saved(secondary.PartKey(options.Apex)) }
	return secondary.New(options, s.Log)
}

// saved returns the part of a key that the keeper has; nil for none.
func (s *Secondaries) saved(key zonesource.Key) *zonesource.Part {
	for _, p := range s.Keeper.Parts(key.Source) {
		if p.Key == key {
			return &p
		}
	}
	return nil
}

// Use makes those among the running sources the ones that NOTIFY is for.
func (s *Secondaries) Use(sources []zonesource.Source) {
	byApex := map[string]notifiable{}
	for _, source := range sources {
		zone, ok := source.(notifiable)
		if ok {
			byApex[string(zone.Apex())] = zone
		}
	}
	s.byApex.Store(&byApex)
}

// IsPrimary reports whether a zone comes from other servers, one of which has that address.
func (s *Secondaries) IsPrimary(apex []byte, from netip.Addr) bool {
	source := s.of(apex)
	return source != nil && source.HasPrimary(from)
}

// Notified hands NOTIFY to the zone that it is for, or returns why it is refused.
func (s *Secondaries) Notified(apex []byte, from netip.Addr, key string) (refused string) {
	source := s.of(apex)
	if source == nil {
		return "zone"
	}
	return source.Notify(from, key)
}

// of returns the source of a zone; nil when it doesn't come from other servers.
func (s *Secondaries) of(apex []byte) notifiable {
	byApex := s.byApex.Load()
	if byApex == nil {
		return nil
	}
	return (*byApex)[string(apex)]
}

// Standing returns what is known of a zone that comes from other servers; false where key isn't
// that of one.
func (s *Secondaries) Standing(apex []byte, key zonesource.Key) (secondary.Standing, bool) {
	source, ok := s.of(apex).(*secondary.Source)
	if !ok || key != secondary.PartKey(apex) {
		return secondary.Standing{}, false
	}
	return source.Standing(), true
}
