package server

import (
	"maps"
	"time"

	"inside53/zonesource"
)

// keepers are the one of what is served and, while this server reads for its fleet, the one of what it reads:
// that one knows what became of the last readings, and what it holds back.
type keepers struct {
	served  *zonesource.Keeper
	leading func() *zonesource.Keeper // nil while another server reads, and without a fleet
}

// Brief is how the data stand; at the leader of a fleet with what its listings say.
func (k *keepers) Brief() zonesource.Brief {
	b, reading := k.served.Brief(), k.leading()
	if reading == nil {
		return b
	}
	b.Sources = maps.Clone(b.Sources)
	for name, of := range reading.Brief().Sources {
		is := b.Sources[name]
		is.Err, is.Failing, is.Pending = of.Err, of.Failing, of.Pending
		b.Sources[name] = is
	}
	return b
}

// Status is the same of each part.
func (k *keepers) Status() zonesource.Status {
	s, reading := k.served.Status(), k.leading()
	if reading == nil {
		return s
	}
	of := map[zonesource.Key]zonesource.PartStatus{}
	for _, p := range reading.Status().Parts {
		of[p.Key] = p
	}
	for i := range s.Parts {
		p, there := of[s.Parts[i].Key]
		if there {
			s.Parts[i].Err, s.Parts[i].Tried = p.Err, p.Tried
			s.Parts[i].Pending, s.Parts[i].Vanished = p.Pending, p.Vanished
		}
	}
	return s
}

// Waiting are the parts that are held back, here or by what this server reads for its fleet.
func (k *keepers) Waiting() []zonesource.PartStatus {
	all := k.served.Waiting()
	if lead := k.leading(); lead != nil {
		all = append(all, lead.Waiting()...)
	}
	return all
}

// Soonest is when each source reads something next.
func (k *keepers) Soonest() map[string]time.Time {
	next := k.served.Soonest()
	if lead := k.leading(); lead != nil {
		maps.Copy(next, lead.Soonest())
	}
	return next
}
