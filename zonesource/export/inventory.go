package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/ec2"
)

// inventorySource is the name of the source in keys.
const inventorySource = "ec2"

// InventoryOptions say which instances there are to know.
type InventoryOptions struct {
	Accounts []*awsclient.Account
	Regions  []string
	Names    []string      // see ec2.Options
	NameTag  string        // see ec2.Options
	Refresh  time.Duration // of a watch; see ec2.Options
	// MaxShrink is the share of its hosts, 0 to 1, that a region may lose from one
	// listing to the next before a second one has to say the same, in a watch.
	MaxShrink float64
	// Again is when a watch calls changed again after it has returned an error; 0: the error
	// ends the watch.
	Again time.Duration
	// Numbered returns the region of a key as a server has it, from whom instances have their
	// numbers in their groups; nil: they are numbered anew, and in a watch keep their numbers.
	Numbered func(zonesource.Key) (zonesource.Part, bool)
	Log      *slog.Logger // nil discards
	// Progress, when not nil, hears how many regions of how many have been read.
	Progress func(read, all int)
}

// source makes the source. listed returns what it has delivered last.
func (o *InventoryOptions) source(listed func(zonesource.Key) (zonesource.Part, bool)) (*ec2.Source, error) {
	options := ec2.Options{Regions: o.Regions, Refresh: o.Refresh, Names: o.Names, NameTag: o.NameTag, Log: o.Log,
		Kept: func(key zonesource.Key) (zonesource.Part, bool) { return o.numbers(key, listed) }}
	for _, a := range o.Accounts {
		options.Accounts = append(options.Accounts, ec2.Account{Name: a.Name, Config: a.Config})
	}
	return ec2.New(options)
}

// numbers are the instances of a region that have numbers: as the server says, else as was listed.
func (o *InventoryOptions) numbers(key zonesource.Key, listed func(zonesource.Key) (zonesource.Part, bool)) (
	zonesource.Part, bool,
) {
	own, known := listed(key)
	if o.Numbered == nil {
		return own, known
	}
	theirs, there := o.Numbered(key)
	if !there || theirs.Region == nil {
		return own, known
	}
	all := &zonesource.Region{Hosts: slices.Clone(theirs.Region.Hosts)}
	if own.Region != nil {
		all.Hosts = append(all.Hosts, own.Region.Hosts...)
	}
	slices.SortStableFunc(all.Hosts, func(a, b *zonesource.Host) int { return cmp.Compare(a.Instance, b.Instance) })
	all.Hosts = slices.CompactFunc(all.Hosts, func(a, b *zonesource.Host) bool { return a.Instance == b.Instance })
	return zonesource.Part{Key: key, Region: all}, true
}

// Inventory lists all regions once. A region that can't be listed is an error: hosts
// would be missing.
func Inventory(ctx context.Context, o InventoryOptions) ([]*zonesource.Region, []zonesource.Problem, error) {
	source, err := o.source(func(zonesource.Key) (zonesource.Part, bool) { return zonesource.Part{}, false })
	if err != nil {
		return nil, nil, err
	}
	listing, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex // guards parts
	parts := map[zonesource.Key]zonesource.Part{}
	err = source.Run(listing, func(p zonesource.Part) {
		mu.Lock()
		defer mu.Unlock()
		_, listed := parts[p.Key]
		if !listed {
			parts[p.Key] = p
			if o.Progress != nil {
				o.Progress(len(parts), len(o.Accounts)*len(o.Regions))
			}
		}
		if len(parts) == len(o.Accounts)*len(o.Regions) {
			stop()
		}
	})
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if !errors.Is(err, context.Canceled) {
		return nil, nil, err
	}
	var all []zonesource.Part
	var errs []error
	for _, p := range parts {
		errs = append(errs, p.Err)
		all = append(all, p)
	}
	err = errors.Join(errs...)
	if err != nil {
		return nil, nil, err
	}
	regions, problems := regionsOf(all)
	return regions, problems, nil
}

// regionsOf takes the regions out of parts, in the order of their keys.
func regionsOf(parts []zonesource.Part) ([]*zonesource.Region, []zonesource.Problem) {
	slices.SortFunc(parts, func(a, b zonesource.Part) int { return cmp.Compare(a.Key.Name, b.Key.Name) })
	var regions []*zonesource.Region
	var problems []zonesource.Problem
	for _, p := range parts {
		if p.Region != nil {
			regions = append(regions, p.Region)
			problems = append(problems, p.Problems...)
		}
	}
	return regions, problems
}

// WatchInventory lists all regions again and again until ctx ends, and calls changed
// with what there is: once all regions have been listed, and after each change. A
// listing that failed, or shrank beyond reason, changes nothing. Calls don't overlap.
// It returns nil when ctx ends, or the error of changed where that is not called again.
func WatchInventory(ctx context.Context, o InventoryOptions,
	changed func([]*zonesource.Region, []zonesource.Problem) error) error {
	config := zonesource.Config{EC2: true, MaxShrink: o.MaxShrink}
	for _, a := range o.Accounts {
		for _, region := range o.Regions {
			config.Expected = append(config.Expected, zonesource.Key{Source: inventorySource, Name: a.Name + "/" + region})
		}
	}
	news := make(chan struct{}, 1)
	keeper, err := zonesource.NewKeeper(zonesource.Options{Config: config, Log: o.Log, Publish: func(s *zone.Snapshot) {
		if !s.Loaded {
			return
		}
		select {
		case news <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		return err
	}
	source, err := o.source(keeper.Kept)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- keeper.Run(running, source) }()
	f := follower{again: o.Again, log: o.Log, changed: changed}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	err = f.run(running, keeper, news)
	stop()
	<-ended // ctx's error, or none
	err = errors.Join(err, keeper.Close())
	if err != nil {
		return fmt.Errorf("watching the inventory: %w", err)
	}
	return nil
}

// sayEach is how often of what fails again and again is told.
const sayEach = 30

// follower calls changed for what a keeper publishes.
type follower struct {
	again   time.Duration
	log     *slog.Logger
	changed func([]*zonesource.Region, []zonesource.Problem) error
	failed  int // times in a row
}

func (f *follower) run(ctx context.Context, keeper *zonesource.Keeper, news <-chan struct{}) error {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		case <-timer.C:
		}
		regions, problems := regionsOf(keeper.Parts(inventorySource))
		err := f.changed(regions, problems)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && f.failed > 0:
			f.failed = 0
			f.log.Warn("written again")
		case err != nil && f.again <= 0:
			return err
		case err != nil:
			if f.failed%sayEach == 0 {
				f.log.Warn("not written yet", "again_in", f.again, "error", err)
			}
			f.failed++
			timer.Reset(f.again)
		}
	}
}
