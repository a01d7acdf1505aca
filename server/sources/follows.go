package sources

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"

	"inside53/resolver/zone"
	"inside53/server/config"
	"inside53/server/policy"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/follow"
	"inside53/zonesource/route53"
	"inside53/zonesource/secondary"
)

// follows are the zones of other servers that a configuration brings into Route 53: what each
// source is made of, without what is the App's.
func follows(c *config.Config) ([]follow.Options, error) {
	if len(c.Follow) == 0 {
		return nil, nil
	}
	keys, err := policy.Keyring(c)
	if err != nil {
		return nil, err
	}
	all := make([]follow.Options, len(c.Follow))
	for i, entry := range c.Follow {
		o := &all[i]
		o.Into, o.StateDir = string(entry.Into), c.StateDir
		o.Master = secondary.Config{Apex: zone.MustName(string(entry.Zone))}
		for _, p := range entry.Primaries {
			o.Master.Primaries = append(o.Master.Primaries, p.AddrPort)
		}
		if entry.Key != "" {
			k := keys[string(entry.Key)]
			o.Master.Key = &secondary.Key{Name: k.Name, Algorithm: k.Algorithm, Secret: k.Secret}
		}
		for _, n := range entry.Names {
			text, below := strings.CutPrefix(string(n), "*.")
			pattern := follow.Pattern{Below: below}
			if n != "*" {
				pattern.Name = zone.MustName(text)
			}
			o.Names = append(o.Names, pattern)
		}
	}
	return all, nil
}

// FollowOptions are those of one followed zone of a configuration, for a look at what it would
// do; false where none has the name.
func FollowOptions(c *config.Config, apex []byte) (follow.Options, bool, error) {
	all, err := follows(c)
	if err != nil {
		return follow.Options{}, false, err
	}
	at := slices.IndexFunc(all, func(o follow.Options) bool { return bytes.Equal(o.Master.Apex, apex) })
	if at < 0 {
		return follow.Options{}, false, nil
	}
	return all[at], true, nil
}

// newFollow makes the source of a followed zone.
func (b *Builder) newFollow(o follow.Options, accounts []*awsclient.Account, log *slog.Logger) (*follow.Source,
	error,
) {
	o.Accounts, o.HostedSource, o.OnCall, o.Log = accounts, route53.Name, b.OnCall, log
	key := follow.PartKey(o.Master.Apex)
	if b.Keeper != nil { // a check has none
		o.Hosted, o.Amend, o.Synced = b.Keeper.Hosted, b.Keeper.Amend, b.Keeper.Synced
		o.Saved = func() *zonesource.Part { return b.Secondaries.saved(key) }
		o.Begun = func() *zonesource.Part { return b.Secondaries.saved(follow.BegunKey(o.Master.Apex)) }
		o.Committed = b.Committed
	}
	return follow.New(o)
}
