package zonesource

import "maps"

// Reconfigure publishes the parts that there are under another configuration, at
// once and as a whole. Parts that it doesn't want are let go. After an error
// everything is as before. An unknown Self keeps the one that was known.
//
// To reload, call Reconfigure, and [Keeper.Switch] with the new sources: meanwhile the
// published data stay.
func (k *Keeper) Reconfigure(cfg Config) error {
	k.work.Lock()
	defer k.work.Unlock()
	if cfg.Self == (Self{}) {
		cfg.Self = k.cfg.Self
	}
	return k.reconfigure(cfg)
}

// SetSelf tells where inside53 runs, once that is known.
func (k *Keeper) SetSelf(self Self) error {
	k.work.Lock()
	defer k.work.Unlock()
	if self == (Self{}) || self == k.cfg.Self {
		return nil
	}
	cfg := k.cfg
	cfg.Self = self
	return k.reconfigure(cfg)
}

// reconfigure compiles under cfg and takes it if that works. The caller holds work.
func (k *Keeper) reconfigure(cfg Config) error {
	parts, wanted := maps.Clone(k.parts), cfg.wanted()
	maps.DeleteFunc(parts, func(_ Key, p Part) bool { return !wanted.wants(p) })
	c, err := guarded(func() (*Compiled, error) {
		return Compile(k.compiled, cfg, k.withStandings(&cfg, parts), k.now())
	})
	if err != nil {
		return err
	}
	k.touched = map[Key]bool{}
	k.publishLoaded(c)
	for key := range k.parts {
		_, there := parts[key]
		if !there {
			k.endAmendments(key)
			delete(k.readings, key)
			k.note(key, Part{}, ByConfiguration())
		}
	}
	k.parts = parts
	k.handOn()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wanted = wanted
	k.cfg, k.compiled = cfg, c
	for key := range k.held {
		_, there := parts[key]
		if !there {
			k.letGo(key)
		}
	}
	return nil
}
