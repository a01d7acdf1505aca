package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Readiness says whether a balancer should send queries here.
type Readiness interface{ Readiness() Ready }

// Ready is the body of /readyz.
type Ready struct {
	Ready    bool              `json:"ready"`
	Reasons  []string          `json:"reasons"`
	Degraded []string          `json:"degraded"` // what does not work though ready, a word each: zones, log, state_dir, disk
	Sources  map[string]Source `json:"sources"`
}

// status is the status of HTTP that says the same.
func (r *Ready) status() int {
	if r.Ready {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// The kinds of reasons for being unready. A reason is one of them, alone or with ": " and
// what it is about.
const (
	Draining       = "draining"
	NotComplete    = "data not complete"
	TooOld         = "data too old"
	LoopSilent     = "loop silent"
	ListenerSilent = "listener silent"
)

// plainReasons are the kinds of the reasons, each once: they name nothing. What is of no
// kind is left out.
func (r *Ready) plainReasons() []string {
	kinds := []string{Draining, NotComplete, TooOld, LoopSilent, ListenerSilent}
	out := []string{}
	for _, reason := range r.Reasons {
		kind, _, _ := strings.Cut(reason, ": ")
		if slices.Contains(kinds, kind) && !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	return out
}

// PlainReady is the body of /readyz on the address of health.
type PlainReady struct {
	Ready    bool     `json:"ready"`
	Reasons  []string `json:"reasons"`
	Degraded []string `json:"degraded"`
}

// Source is what /readyz says of a source of data.
type Source struct {
	AgeSeconds *float64 `json:"age_seconds"` // nil: nothing was read yet
	Error      string   `json:"error"`
}

// Data is what is served.
type Data interface {
	// Zones returns the zones served, and those that could not be read yet: what a page has
	// of them, and how many are wanted in all.
	Zones(p *Page) (zones []Zone, total int)
	// Problems returns everything in the data that needs a look.
	Problems() []Problem
}

// Zone is one entry of /zones.
type Zone struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Visibility string       `json:"visibility"`
	Account    string       `json:"account,omitempty"`
	VPCs       []string     `json:"vpcs"`
	Records    int          `json:"records"`
	AgeSeconds *float64     `json:"age_seconds"` // nil: not read yet
	Error      string       `json:"error,omitempty"`
	Shrunk     *Shrunk      `json:"shrunk,omitempty"`
	Unservable []Unservable `json:"unservable"`
}

// Shrunk is a listing that lost much and waits to be confirmed.
type Shrunk struct {
	Before int `json:"before"`
	Now    int `json:"now"`
}

// Unservable is a record that exists and can't be served.
type Unservable struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// Problem is one entry of /report.
type Problem struct {
	Zone   string `json:"zone"`
	Name   string `json:"name"`
	Type   string `json:"type,omitempty"`
	Reason string `json:"reason"`
}

// Accepter believes a shrunken listing of a zone, by its name or id. Its errors are a
// [Refusal].
type Accepter interface{ Accept(zone string) error }

// Explainer says why the answer to a question is what it is. The explanation is printed as
// JSON. An error that is no [Refusal] is a fault of the question.
type Explainer interface {
	Explain(ctx context.Context, q Question) (explanation any, err error)
}

// Refusal is an error with its status of HTTP.
type Refusal struct {
	Status int
	Err    error
}

// Error implements error.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the error without its status.
func (r *Refusal) Unwrap() error { return r.Err }

// Health is what is watched.
type Health interface {
	HealthChecks(p *Page) (checks []HealthCheck, total int)
}

// HealthCheck is one entry of /health-checks.
type HealthCheck struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"`
	Account  string      `json:"account,omitempty"`
	Endpoint string      `json:"endpoint,omitempty"`
	Used     bool        `json:"used"`
	Healthy  bool        `json:"healthy"`
	Why      string      `json:"why"`
	AWS      Observation `json:"aws"`
	Local    Observation `json:"local"`
}

// Observation is what one place says of a health check.
type Observation struct {
	Known      bool       `json:"known"`
	Healthy    bool       `json:"healthy"`
	Why        string     `json:"why"`
	Since      *time.Time `json:"since,omitempty"`
	AgeSeconds *float64   `json:"age_seconds,omitempty"`
}

// Secondaries are served transfers.
type Secondaries interface {
	Transfers(p *Page) (transfers Transfers, total int)
}

// Transfers is the body of /transfers.
type Transfers struct {
	Zones    []Transfer `json:"zones"`
	Catalogs []Transfer `json:"catalogs"`
	Pending  int        `json:"notifies_pending"`
}

// Transfer is one zone that is transferred.
type Transfer struct {
	View         string    `json:"view,omitempty"`
	Zone         string    `json:"zone"`
	Serial       uint32    `json:"serial"`
	Records      int       `json:"records"`
	Journal      int       `json:"journal"`
	JournalBytes int       `json:"journal_bytes"`
	Findings     []Finding `json:"findings"`
}

// Finding is a record that secondaries get otherwise than clients, or not at all.
type Finding struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

// SecondsTo is the time from one moment to a later one; nil where one of them isn't known.
func SecondsTo(later, earlier time.Time) *float64 {
	if later.IsZero() || earlier.IsZero() {
		return nil
	}
	seconds := max(0, later.Sub(earlier).Seconds())
	return &seconds
}
