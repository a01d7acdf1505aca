package ec2

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/nametemplate"
	"inside53/zonesource/refresh"
)

// Account is one AWS account to list.
type Account struct {
	Name   string     // as configured, "" for the base account
	ID     string     // 12 digits; empty: taken from what the account owns
	Config aws.Config // its region is not used
}

// Options configure a Source. The zero value of each field but Accounts and Regions
// is a working default.
type Options struct {
	Accounts []Account
	Regions  []string
	// Refresh is the pause between two listings of a region, spread by a tenth
	// either way. Default 30s.
	Refresh time.Duration
	// CallTimeout bounds each page, its retries included. Default 30s.
	CallTimeout time.Duration
	// Names are the templates of the names of instances, or the words that package
	// nametemplate knows. Default: the tag NameTag, else the tag Name.
	Names []string
	// NameTag is the tag of host names. Default "dns".
	NameTag string
	// LoadBalancers has the load balancers listed, to tell whose interface it is
	// where the interface's description doesn't.
	LoadBalancers bool
	// Affinity has network load balancers asked whether their addresses lead to the targets of
	// all zones.
	Affinity bool
	// Health says who is asked for the health of instances: [StatusHealth], [TargetHealth],
	// [LifecycleHealth]. Default nobody.
	Health []string
	// Kept returns the last good part of a key: a region whose pages are the same isn't
	// decoded, and one that was listed less than Refresh ago isn't listed at the start. Nil:
	// nothing is known.
	Kept func(zonesource.Key) (zonesource.Part, bool)
	// Served returns the part of a key as it is served, with what was read out of turn over the
	// last listing: numbers that instances have are kept. Nil: that of Kept.
	Served func(zonesource.Key) (zonesource.Part, bool)
	// Program is the hash of the program, default zonesource.Program.
	Program func() zonesource.Sum
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default none
	// OnCall, when not nil, is called after each request to AWS, retries included,
	// from any goroutine. code is "ok", the API's error code, or "error" where none
	// came back.
	OnCall func(operation, code string)

	templates []nametemplate.Template // of Names
}

// Source lists the inventory. Make one with New.
type Source struct {
	o     Options
	plans map[zonesource.Key]*refresh.Plan // of each region; constant
	room  room                             // for pages
}

// type check
var _ zonesource.Planner = (*Source)(nil)

// regionName is the form of a region's name, Local Zones and Outposts excluded.
var regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

// New checks the options; the error joins all that is wrong with them.
func New(o Options) (*Source, error) {
	var errs []error
	if len(o.Accounts) == 0 {
		errs = append(errs, errors.New("no accounts to list"))
	}
	if len(o.Regions) == 0 {
		errs = append(errs, errors.New("no regions to list"))
	}
	for i, a := range o.Accounts {
		if slices.ContainsFunc(o.Accounts[:i], func(b Account) bool { return b.Name == a.Name }) {
			errs = append(errs, fmt.Errorf("account %q: is given twice", a.Name))
		}
	}
	for i, r := range o.Regions {
		if !regionName.MatchString(r) {
			errs = append(errs, fmt.Errorf("region %q: want the like of eu-west-1", r))
		}
		if slices.Contains(o.Regions[:i], r) {
			errs = append(errs, fmt.Errorf("region %q: is given twice", r))
		}
	}
	for _, h := range o.Health {
		if h != StatusHealth && h != TargetHealth && h != LifecycleHealth {
			errs = append(errs, fmt.Errorf("health of %q: want %s, %s or %s", h, StatusHealth, TargetHealth, LifecycleHealth))
		}
	}
	if o.Refresh < 0 || o.CallTimeout < 0 {
		errs = append(errs, errors.New("refresh and call timeout can't be negative"))
	}
	o.setDefaults()
	var err error
	o.templates, err = nametemplate.ParseAll(o.Names, o.NameTag)
	if err != nil {
		errs = append(errs, fmt.Errorf("names: %w", err))
	}
	s := &Source{o: o, plans: map[zonesource.Key]*refresh.Plan{}, room: room{most: mostRemembered}}
	for _, a := range o.Accounts {
		for _, name := range o.Regions {
			s.plans[keyOf(a, name)] = refresh.NewPlan()
		}
	}
	return s, errors.Join(errs...)
}

// Next implements [zonesource.Planner].
func (s *Source) Next(key zonesource.Key) time.Time { return s.plans[key].Next() }

// Soonest implements [zonesource.Planner].
func (s *Source) Soonest() (source string, at time.Time) {
	return "ec2", refresh.Soonest(slices.Collect(maps.Values(s.plans)))
}

// Hasten implements [zonesource.Planner]. The calls of EC2 have no budget of their own.
func (s *Source) Hasten(keys []zonesource.Key) (scheduled []zonesource.Key, wait time.Duration) {
	for _, key := range keys {
		plan := s.plans[key]
		if plan != nil {
			plan.Hasten()
			scheduled = append(scheduled, key)
		}
	}
	return scheduled, 0
}

func (o *Options) setDefaults() {
	if o.Refresh == 0 {
		o.Refresh = 30 * time.Second
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = 30 * time.Second
	}
	if len(o.Names) == 0 {
		o.Names = []string{nametemplate.WordTag, nametemplate.WordName}
	}
	if o.NameTag == "" {
		o.NameTag = "dns"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Kept == nil {
		o.Kept = func(zonesource.Key) (zonesource.Part, bool) { return zonesource.Part{}, false }
	}
	if o.Program == nil {
		o.Program = zonesource.Program
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// served returns the part of a key as it is served.
func (o *Options) served(key zonesource.Key) zonesource.Part {
	of := o.Served
	if of == nil {
		of = o.Kept
	}
	part, _ := of(key)
	return part
}

// maxListings bounds the regions that are listed at the same time.
const maxListings = 4

// Run lists all regions until ctx ends and delivers a part of each after each
// listing. It returns ctx.Err().
func (s *Source) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	slots := make(chan struct{}, maxListings)
	var group errgroup.Group
	for _, acc := range s.o.Accounts {
		for _, name := range s.o.Regions {
			r := s.newRegion(acc, name)
			group.Go(func() error { return r.run(ctx, slots, deliver) })
		}
	}
	return group.Wait()
}

// region is one region of one account, with what outlives a listing.
type region struct {
	o         *Options
	account   Account
	name      string
	api       api
	log       *slog.Logger
	peerings  []zonesource.Peering   // the last good ones
	balancers balancers              // likewise
	vitals    []zonesource.Vital     // likewise
	crossing  map[string]crossing    // what network load balancers are set to
	hasCards  bool                   // network interfaces have been listed here
	remembers bool                   // peerings and balancers are those of what is kept
	found     *zonesource.Region     // what the last listing came to: it isn't kept at once when it has shrunk
	last      map[string]*remembered // the pages of the last listing, by their operations
	seed      maphash.Seed           // of the hashes of ids
	room      *room                  // for these pages
	taken     int                    // of it
	salt      zonesource.Sum         // of its pages; of run
	plan      *refresh.Plan
}

func (s *Source) newRegion(a Account, name string) *region {
	return &region{
		o: &s.o, account: a, name: name, plan: s.plans[keyOf(a, name)],
		api: newAPI(a.Config, name, s.o.OnCall), seed: maphash.MakeSeed(), room: &s.room,
		log: s.o.Log.With("source", "ec2", "account", a.Name, "region", name),
	}
}

// maxPause is the longest pause that throttling leads to, unless Refresh is longer.
const maxPause = 10 * time.Minute

func (r *region) run(ctx context.Context, slots chan struct{}, deliver func(zonesource.Part)) error {
	r.salt = r.o.saltOf(r.account)
	loop := refresh.Loop{
		Start: r.startAfter(), Every: r.o.Refresh, Rest: true, Most: maxPause, Plan: r.plan, NowPause: time.Second,
	}
	return loop.Run(ctx, func(ctx context.Context) refresh.Next {
		part, err := r.inTurn(ctx, slots)
		if ctx.Err() != nil {
			return refresh.Next{}
		}
		deliver(part)
		return refresh.Next{Result: resultOf(err)}
	})
}

// key is that of the region's part.
func (r *region) key() zonesource.Key { return keyOf(r.account, r.name) }

func keyOf(a Account, region string) zonesource.Key {
	return zonesource.Key{Source: "ec2", Name: a.Name + "/" + region}
}

// kept returns the last good part, if it was made of the same by this program.
func (r *region) kept() (zonesource.Part, bool) {
	p, known := r.o.Kept(r.key())
	return p, known && p.Region != nil && p.Sum == r.salt && r.salt != zonesource.Sum{}
}

// startAfter is the pause before the first listing: none, unless what is saved is younger
// than a refresh.
func (r *region) startAfter() time.Duration {
	p, known := r.kept()
	age := r.o.Now().Sub(p.Listed)
	if !known || age < 0 {
		return 0
	}
	return max(0, r.o.Refresh-age)
}

// resultOf is what the error of a listing says of the next one.
func resultOf(err error) refresh.Result {
	switch {
	case err == nil:
		return refresh.Done
	case awscall.IsThrottled(err):
		return refresh.Throttled
	}
	return refresh.Failed
}

// inTurn lists the region when a slot is free.
func (r *region) inTurn(ctx context.Context, slots chan struct{}) (zonesource.Part, error) {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return zonesource.Part{}, ctx.Err()
	}
	defer func() { <-slots }()
	part := zonesource.Part{
		Key:    r.key(),
		Listed: r.o.Now(),
	}
	l := listing{region: r, pages: pages{salt: r.salt}}
	kept, known := r.kept()
	if known {
		l.pages.known, l.last = kept.Pages, kept
		r.remembers = r.remembers && kept.Region == r.found
	}
	found, err := l.list(ctx)
	if err != nil {
		r.remembers = false // it may have taken some of what it found
		part.Err = fmt.Errorf("listing the inventory of %s: %w", r.title(), err)
		r.log.Debug("listing the inventory", "error", err)
		return part, err
	}
	part.Sum = r.salt
	l.keepPages()
	r.remembers = r.remembers || !l.pages.failed
	if found == nil {
		part.Region, part.Problems, part.Pages = kept.Region, kept.Problems, kept.Pages
		r.found = kept.Region
		r.log.Debug("the inventory is unchanged", "pages", len(kept.Pages))
		return part, nil
	}
	part.Region, part.Problems, part.Pages = found, l.problems, l.pages.list()
	r.found = found
	r.log.Debug("listed the inventory", "vpcs", len(found.VPCs), "interfaces", len(found.Interfaces), "hosts",
		len(found.Hosts))
	return part, nil
}

// title names the region for people.
func (r *region) title() string { return strings.TrimPrefix(r.account.Name+"/"+r.name, "/") }
