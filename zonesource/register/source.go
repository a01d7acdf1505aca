package register

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/update"
)

// Grant is what names instances may have in one zone.
type Grant struct {
	Apex  []byte    // of the zone, in lower-case wire form
	Names []Pattern // relative to it
	TTL   time.Duration
}

// Pattern is a name relative to its zone, in which {id} stands for the instance's id, or all
// names below one: "*.dyn", "*".
type Pattern string

// Options make a Source.
type Options struct {
	Grants []Grant
	// Regions returns the inventory as it was listed last.
	Regions func() []*zonesource.Region
	// Unlisted reports whether regions are to come that have never been listed.
	Unlisted func() bool
	// VPCs returns the VPCs of the view that an address has; all says that it is every one.
	VPCs func(netip.Addr) (ids []string, all bool)
	// Taken returns whether a name is one of tags or of a record, and whose: the id of an
	// instance, "" for another owner.
	Taken func(name []byte) (owners []string, taken bool)
	// Saved returns the part that was delivered last, also by another process; nil for none.
	Saved func(zonesource.Key) *zonesource.Part
	// Served reports whether a part that was delivered is served.
	Served func(zonesource.Key, *zone.Zone) bool
	// StateDir is where the file is.
	StateDir string
	Log      *slog.Logger // nil discards
}

const (
	// mostNames is how many names one instance may have.
	mostNames = 4
	// mostWaiting bounds the updates that wait.
	mostWaiting = 256
	// servedWithin is how long an answer waits until what was registered is served.
	servedWithin = 5 * time.Second
	// pruneEach is how often is looked for instances that are gone.
	pruneEach = 10 * time.Second
)

// entry is one registered name.
type entry struct {
	Apex     []byte
	Name     []byte
	Instance string
	At       time.Time
}

// place is a region of an account.
type place struct{ account, region string }

// request is one update that waits.
type request struct {
	client  netip.Addr
	apex    []byte
	message *update.Message
	done    func(update.Result)
}

// Source has the names that instances have registered.
type Source struct {
	options  Options
	log      *slog.Logger
	requests chan request
	path     string

	// Of the goroutine of Run.
	names map[string]entry // by name
	at    time.Time        // of the last change
	// ran are the regions in which instances with names have been seen to run.
	ran map[string]place
}

// New returns a source; it reads nothing yet.
func New(o Options) (*Source, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, g := range o.Grants {
		var labels zone.Labels
		if labels.Parse(g.Apex) < 0 {
			return nil, errors.New("registered names: their zone is not a domain name")
		}
	}
	return &Source{options: o, log: o.Log, requests: make(chan request, mostWaiting), names: map[string]entry{},
		ran: map[string]place{}, path: filepath.Join(o.StateDir, "register.json")}, nil
}

// Submit hands an update without a signature over. done is called once, from any goroutine, when
// the result is there: with NoError after what was registered is kept and served. It doesn't
// block. The message has passed [update.Message.Check].
func (s *Source) Submit(client netip.Addr, apex []byte, m *update.Message, done func(update.Result)) {
	select {
	case s.requests <- request{client, apex, m, done}:
	default:
		done(update.Result{Rcode: update.ServFail, Text: "too many updates wait"})
	}
}

// Run implements zonesource.Source.
func (s *Source) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	s.load()
	for _, g := range s.options.Grants {
		s.deliver(g.Apex, deliver)
	}
	prune := time.NewTicker(pruneEach)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			for len(s.requests) > 0 {
				(<-s.requests).done(update.Result{Rcode: update.ServFail, Text: "the server ends"})
			}
			return ctx.Err()
		case <-prune.C:
			s.prune(deliver)
		case r := <-s.requests:
			s.prune(deliver)
			r.done(s.register(ctx, r, deliver))
		}
	}
}

// register makes one update.
func (s *Source) register(ctx context.Context, r request, deliver func(zonesource.Part)) update.Result {
	in, result := s.instance(r.client)
	if result.Rcode != update.NoError {
		return result
	}
	next, result := s.evaluate(in, r)
	if result.Rcode != update.NoError {
		s.log.Info("registration refused", "client", r.client.String(), "instance", in.host.Instance, "why", result.Text)
		return result
	}
	if !maps.EqualFunc(next, s.names, func(a, b entry) bool { return a.Instance == b.Instance }) {
		result = s.change(next)
		if result.Rcode != update.NoError {
			return result
		}
		s.log.Info("names registered", "client", r.client.String(), "instance", in.host.Instance, "zone", zone.String(r.apex),
			"names", s.namesOf(in.host.Instance))
	}
	z := s.deliver(r.apex, deliver)
	if z == nil {
		return update.Result{}
	}
	for end := time.Now().Add(servedWithin); !s.options.Served(partKey(r.apex), z); {
		select {
		case <-ctx.Done():
			return update.Result{Rcode: update.ServFail, Text: "the server ends"}
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(end) {
			return update.Result{Rcode: update.ServFail, Text: "what was registered isn't served yet"}
		}
	}
	return update.Result{}
}

// change keeps other names.
func (s *Source) change(next map[string]entry) update.Result {
	err := s.save(next)
	if err != nil {
		s.log.Error("registered names can't be kept", "error", err)
		return update.Result{Rcode: update.ServFail, Text: "what is registered can't be kept"}
	}
	s.names, s.at = next, time.Now()
	return update.Result{}
}

func (s *Source) namesOf(instance string) []string {
	var out []string
	for _, e := range s.names {
		if e.Instance == instance {
			out = append(out, zone.String(e.Name))
		}
	}
	slices.Sort(out)
	return out
}

// kept is the file.
type kept struct {
	At    time.Time
	Names []entry
}

func (s *Source) save(names map[string]entry) error {
	k := kept{At: time.Now(), Names: slices.Collect(maps.Values(names))}
	slices.SortFunc(k.Names, func(a, b entry) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return atomicfile.Write(s.path, func(w io.Writer) error { return json.NewEncoder(w).Encode(k) })
}

// load begins with what was kept: the file, or the parts where these are newer, as those of
// another server of a fleet are.
func (s *Source) load() {
	text, err := os.ReadFile(s.path)
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Error("registered names can't be read", "error", err)
	}
	for _, e := range k.Names {
		s.names[string(e.Name)] = e
	}
	s.at = k.At
	for _, g := range s.options.Grants {
		p := s.options.Saved(partKey(g.Apex))
		if p == nil || p.Zone == nil || !p.Listed.After(k.At.Add(time.Second)) {
			continue
		}
		maps.DeleteFunc(s.names, func(_ string, e entry) bool { return string(e.Apex) == string(g.Apex) })
		for _, r := range zonesource.Registered(p.Zone) {
			s.names[string(r.Name)] = entry{g.Apex, r.Name, r.Instance, p.Listed}
		}
		s.at = p.Listed
	}
}

// partKey is the key of the part of a zone.
func partKey(apex []byte) zonesource.Key { return zonesource.RegisterKey(apex) }

// deliver delivers the names of a zone, and returns that part's zone.
func (s *Source) deliver(apex []byte, deliver func(zonesource.Part)) *zone.Zone {
	var ttl time.Duration
	granted := false
	for _, g := range s.options.Grants {
		if string(g.Apex) == string(apex) {
			ttl, granted = g.TTL, true
		}
	}
	if !granted {
		return nil
	}
	var all []zonesource.Registration
	var report []zonesource.Problem
	for _, e := range s.names {
		if string(e.Apex) == string(apex) {
			report = append(report, zonesource.Problem{Zone: zone.String(apex), Name: zone.String(e.Name),
				Reason: "registered by " + e.Instance + " itself"})
			all = append(all, zonesource.Registration{Name: e.Name, Instance: e.Instance, TTL: ttl})
		}
	}
	z := zonesource.NewRegistered(apex, all, cmp.Or(s.at, time.Unix(0, 0)))
	slices.SortFunc(report, func(a, b zonesource.Problem) int { return strings.Compare(a.Name, b.Name) })
	deliver(zonesource.Part{Key: partKey(apex), Listed: z.Listed, Zone: z, Problems: report})
	return z
}

// prune takes the names of instances out that are gone: where the region that they were in has
// been listed, and they don't run. As long as regions are to come, who hasn't been seen to run
// may be in one of them.
func (s *Source) prune(deliver func(zonesource.Part)) {
	regions := s.options.Regions()
	if len(regions) == 0 || len(s.names) == 0 {
		return
	}
	unlisted := s.options.Unlisted()
	running, listed := map[string]place{}, map[place]bool{}
	for _, r := range regions {
		at := place{r.Account, r.Name}
		listed[at] = true
		for _, h := range r.Hosts {
			running[h.Instance] = at
		}
	}
	next, ran := maps.Clone(s.names), map[string]place{}
	var gone []string
	maps.DeleteFunc(next, func(_ string, e entry) bool {
		at, runs := running[e.Instance]
		if !runs {
			at = s.ran[e.Instance]
		}
		ran[e.Instance] = at
		isGone := !runs && (!unlisted || listed[at])
		if isGone {
			gone = append(gone, fmt.Sprintf("%s of %s", zone.String(e.Name), e.Instance))
		}
		return isGone
	})
	s.ran = ran
	if len(gone) == 0 || s.change(next).Rcode != update.NoError {
		return
	}
	slices.Sort(gone)
	s.log.Info("registered names are free again", "names", gone)
	for _, g := range s.options.Grants {
		s.deliver(g.Apex, deliver)
	}
}
