package server

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"inside53/server/admin"
	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/secondary"
)

// secondaries makes the sources of zones that come from other servers, and hands NOTIFY
// to those that run.
type secondaries struct {
	log    *slog.Logger
	keeper *zonesource.Keeper
	byApex atomic.Pointer[map[string]notifiable]
}

// notifiable is a zone that comes from other servers, which tell of changes.
type notifiable interface {
	Apex() []byte
	HasPrimary(from netip.Addr) bool
	Notify(from netip.Addr, key string) (refused string)
}

// options are those of the zones that come from other servers.
func (s *secondaries) options(c *config.Config) ([]secondary.Config, error) {
	keys, err := newKeyring(c)
	if err != nil && len(c.Secondary) > 0 {
		return nil, err
	}
	var all []secondary.Config
	for _, entry := range c.Secondary {
		options := secondary.Config{Apex: wireName(entry.Zone)}
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
func (s *secondaries) build(options secondary.Config) (*secondary.Source, error) {
	options.Saved = func() *zonesource.Part { return s.saved(secondary.PartKey(options.Apex)) }
	return secondary.New(options, s.log)
}

// saved returns the part of a key that the keeper has; nil for none.
func (s *secondaries) saved(key zonesource.Key) *zonesource.Part {
	for _, p := range s.keeper.Parts(key.Source) {
		if p.Key == key {
			return &p
		}
	}
	return nil
}

// use makes those among the running sources the ones that NOTIFY is for.
func (s *secondaries) use(sources []zonesource.Source) {
	byApex := map[string]notifiable{}
	for _, source := range sources {
		zone, ok := source.(notifiable)
		if ok {
			byApex[string(zone.Apex())] = zone
		}
	}
	s.byApex.Store(&byApex)
}

// isPrimary reports whether a zone comes from other servers, one of which has that address.
func (s *secondaries) isPrimary(apex []byte, from netip.Addr) bool {
	source := s.of(apex)
	return source != nil && source.HasPrimary(from)
}

// notified hands NOTIFY to the zone that it is for, or returns why it is refused.
func (s *secondaries) notified(apex []byte, from netip.Addr, key string) (refused string) {
	source := s.of(apex)
	if source == nil {
		return "zone"
	}
	return source.Notify(from, key)
}

// of returns the source of a zone; nil when it doesn't come from other servers.
func (s *secondaries) of(apex []byte) notifiable {
	byApex := s.byApex.Load()
	if byApex == nil {
		return nil
	}
	return (*byApex)[string(apex)]
}

// describe adds what is known of a zone that comes from other servers.
func (s *secondaries) describe(apex []byte, key zonesource.Key, to *admin.Part, now time.Time) {
	source, ok := s.of(apex).(*secondary.Source)
	if !ok || key != secondary.PartKey(apex) {
		return
	}
	standing := source.Standing()
	to.Primary, to.Serial = standing.Primary.String(), &standing.Serial
	to.ContactSecs, to.ExpireSeconds = secondsTo(now, standing.Contact), secondsTo(standing.Expires, now)
}
