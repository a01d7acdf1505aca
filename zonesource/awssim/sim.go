package awssim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options say what a simulator holds and how it behaves. The zero value is an empty account with the
// limits of AWS.
type Options struct {
	// Data is a data directory (see the package documentation). Nil is an empty one.
	Data fs.FS
	// Account is the 12-digit id of the base account: every access key that AssumeRole did not hand out. Empty:
	// 123456789012.
	Account string
	// ExternalIDs are the external ids that roles of an account (the key) demand.
	ExternalIDs map[string]string
	// Log takes a line a request at debug level. Nil discards.
	Log *slog.Logger

	// The token buckets, each per account: Route 53's reads, its changes, its GetHealthCheckStatus, and
	// everything of EC2, ELB, STS and CloudWatch. The zero Limit is AWS's own: 10/s with a burst of 50 for Route 53
	// and its changes, 1/s with 4 for GetHealthCheckStatus, 20/s with 100 for the rest. See Unlimited.
	Reads, Changes, HealthStatus, Inventory Limit

	// SyncDelay is how long a change stays PENDING. Zero: the first GetChange finds INSYNC.
	SyncDelay time.Duration
	// ChangeWork is how long a zone refuses further batches with PriorRequestNotComplete after one.
	ChangeWork time.Duration
	// PageSize bounds the pages of EC2, ELB and CloudWatch calls also where the client asks for no paging. Zero: only
	// the service's own maximum (1000, ELB 400, CloudWatch 500). The calls that AWS does not page are not paged either.
	PageSize int
}

// Limit is a token bucket.
type Limit struct {
	PerSecond float64
	Burst     int
}

// Unlimited is the Limit that never throttles.
func Unlimited() Limit { return Limit{PerSecond: math.Inf(1), Burst: 1} }

func (l Limit) or(d Limit) Limit {
	if l == (Limit{}) {
		return d
	}
	return l
}

func (l Limit) validate(name string) error {
	if !(l.PerSecond > 0) || l.Burst < 1 {
		return fmt.Errorf("limit %s: %g a second with a burst of %d never lets a request through", name, l.PerSecond, l.Burst)
	}
	return nil
}

// Sim is one simulated AWS. It is an http.Handler; all methods may be called at the same time.
type Sim struct {
	options Options
	models  map[string]*model
	log     *slog.Logger

	mu       sync.Mutex
	base     *dataSet
	accounts map[string]*dataSet // those with a data set of their own
	sessions map[string]session  // access key -> assumed role
	buckets  map[bucketKey]*rate.Limiter
	faults   []*fault
	cleared  chan struct{}                // closed and renewed when faults are cleared: hanging requests go on
	hidden   map[string]map[position]bool // listing -> what the fault "changing" took out
	calls    map[string]int
	rounds   map[string]round
	queues   map[string]*queue // by account and name
	events   EventSwitch
	rules    []*rule
	trails   []*trailState
	ids      uint64 // numbers the ids handed out

	eventCounts EventCounts
}

// New loads the data and checks all of it; the error joins every fault, with file and path.
// It starts nothing.
func New(o Options) (*Sim, error) {
	o.Reads = o.Reads.or(Limit{10, 50})
	o.Changes = o.Changes.or(Limit{10, 50})
	o.HealthStatus = o.HealthStatus.or(Limit{1, 4})
	o.Inventory = o.Inventory.or(Limit{20, 100})
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	err := o.validate()
	if err != nil {
		return nil, err
	}
	s := &Sim{
		options:  o,
		log:      o.Log,
		sessions: map[string]session{},
		buckets:  map[bucketKey]*rate.Limiter{},
		cleared:  make(chan struct{}),
		hidden:   map[string]map[position]bool{},
		calls:    map[string]int{},
		rounds:   map[string]round{},
		queues:   map[string]*queue{},
	}
	s.models, err = loadModels()
	if err != nil {
		return nil, err
	}
	s.base, s.accounts, err = readData(o.Data, s.models)
	return s, err
}

// readData reads a data directory; nil is an empty one. The error joins every fault.
func readData(dir fs.FS, models map[string]*model) (*dataSet, map[string]*dataSet, error) {
	base := newDataSet(models)
	if dir == nil {
		return base, nil, nil
	}
	accounts, err := loadAccounts(dir, models)
	return base, accounts, errors.Join(base.loadAll(dir), err)
}

// Reload reads the data directory again, in place of what was read before and of what was written since. What no
// directory has stays: S3's objects, changes that are asked for by id, queues, rules, trails and faults. The error
// joins every fault of the directory; then all is as it was.
func (s *Sim) Reload() error {
	base, accounts, err := readData(s.options.Data, s.models)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	base.buckets, base.changes = s.base.buckets, s.base.changes
	for name, old := range s.accounts {
		if d := accounts[name]; d != nil {
			d.buckets, d.changes = old.buckets, old.changes
		}
	}
	s.base, s.accounts = base, accounts
	clear(s.hidden)
	return nil
}

func (o *Options) validate() error {
	var errs []error
	if !accountName.MatchString(o.Account) {
		errs = append(errs, fmt.Errorf("account %q: want 12 digits", o.Account))
	}
	if o.SyncDelay < 0 || o.ChangeWork < 0 || o.PageSize < 0 {
		errs = append(errs, errors.New("delays and the page size cannot be negative"))
	}
	errs = append(errs, o.Reads.validate("reads"), o.Changes.validate("changes"),
		o.HealthStatus.validate("health status"), o.Inventory.validate("inventory"))
	return errors.Join(errs...)
}

// Run serves HTTP on l until ctx ends, then closes l and every connection, hanging requests
// included, and returns nil; or it returns why serving ended before.
func (s *Sim) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving the AWS simulator: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := server.Shutdown(closing)
	if err != nil {
		_ = server.Close()
	}
	<-ended
	return nil
}

// data is the data set of an account. Call it with mu held.
func (s *Sim) data(account string) *dataSet {
	d, own := s.accounts[account]
	if own {
		return d
	}
	return s.base
}
