package served

import (
	"maps"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
)

// Keepers are the one of what is served and, while this server reads for its fleet, the one of what it reads:
// that one knows what became of the last readings, and what it holds back.
type Keepers struct {
	Served  *zonesource.Keeper
	Leading func() *zonesource.Keeper // nil while another server reads, and without a fleet
}

// Brief is how the data stand; at the leader of a fleet with what its listings say.
func (k *Keepers) Brief() zonesource.Brief {
	b, reading := k.Served.Brief(), k.Leading()
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
func (k *Keepers) Status() zonesource.Status {
	s, reading := k.Served.Status(), k.Leading()
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
func (k *Keepers) Waiting() []zonesource.PartStatus {
	all := k.Served.Waiting()
	if lead := k.Leading(); lead != nil {
		all = append(all, lead.Waiting()...)
	}
	return all
}

// Soonest is when each source reads something next.
func (k *Keepers) Soonest() map[string]time.Time {
	next := k.Served.Soonest()
	if lead := k.Leading(); lead != nil {
		maps.Copy(next, lead.Soonest())
	}
	return next
}

// Hosted are the hosted zones as they were listed last, with the changes that were accepted: at the leader of a fleet
// those that it reads.
func (k *Keepers) Hosted() []*zone.Zone {
	if lead := k.Leading(); lead != nil {
		return lead.Hosted()
	}
	return k.Served.Hosted()
}
