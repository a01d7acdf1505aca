package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Hands is what people do to a running server, and what they look at first.
type Hands interface {
	Status() Status
	// Parts returns everything that is read from somewhere: what a page has of them, and how
	// many are wanted in all.
	Parts(p *Page) (parts []Part, total int)
	// Flush forgets what the cache has of a name, and with tree of all below it, and returns how
	// many answers went. An error is of the name.
	Flush(name string, tree bool) (removed int, err error)
	// Refresh has a zone or region read now, "" for all. Its errors are a [Refusal].
	Refresh(zone string) (Scheduled, error)
}

// Status is the body of /status.
type Status struct {
	Version          string            `json:"version"`
	Config           string            `json:"config"` // hash of the configuration in force
	Started          time.Time         `json:"started"`
	Ready            bool              `json:"ready"`
	Reasons          []string          `json:"reasons"`
	Degraded         []string          `json:"degraded"`
	QueriesPerSecond float64           `json:"queries_per_second"`
	HitRatio         float64           `json:"hit_ratio"`                // 0 also where nobody asked the cache
	CacheAsked       float64           `json:"cache_queries_per_second"` // questions that hit_ratio is of
	ServfailPerSec   float64           `json:"servfail_per_second"`
	Sources          map[string]Source `json:"sources"`
	Upstreams        []Upstream        `json:"upstreams"`
	Fleet            FleetStatus       `json:"fleet"`
}

// Upstream is how an upstream is.
type Upstream struct {
	Name   string    `json:"name"`
	Up     bool      `json:"up"`
	Since  time.Time `json:"since"`
	RTT    *float64  `json:"rtt_seconds"` // nil: not known yet
	Failed uint64    `json:"failed"`      // errors and time-outs since the start
}

// FleetStatus is the version of the data that is served, and who leads.
type FleetStatus struct {
	Version uint64 `json:"version"`
	Leader  string `json:"leader"`
}

// Part is one entry of /parts. Times that aren't known are nil.
type Part struct {
	Key         string     `json:"key"`
	Source      string     `json:"source"`
	Zone        string     `json:"zone"`
	Account     string     `json:"account,omitempty"`
	Records     int        `json:"records"`
	AgeSeconds  *float64   `json:"age_seconds"`
	Error       string     `json:"error"`
	NextSeconds *float64   `json:"next_seconds"`
	Shrunk      *LostNames `json:"shrunk,omitempty"`
	Saved       bool       `json:"saved"` // whether state_dir has it

	// These are of secondary zones.
	Primary       string   `json:"primary,omitempty"`
	Serial        *uint32  `json:"serial,omitempty"`
	ContactSecs   *float64 `json:"contact_seconds,omitempty"`
	ExpireSeconds *float64 `json:"expire_seconds,omitempty"`
}

// LostNames is a listing that lost much and waits to be confirmed, with what would go.
type LostNames struct {
	Before int      `json:"before"`
	Now    int      `json:"now"`
	Names  []string `json:"names"`
}

// Flushed is the answer of /flush.
type Flushed struct {
	Removed int `json:"removed"`
}

// Scheduled is the answer of /refresh.
type Scheduled struct {
	Scheduled   []string `json:"scheduled"` // keys of parts
	WaitSeconds float64  `json:"wait_seconds"`
}

// partParameters are those of /parts.
const partParameters = "zone, source, account, failing"

// serveStatus says how the server is, on one screen.
func (s *Server) serveStatus(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.opts.Hands.Status())
}

// serveFlush forgets what the cache has of a name.
func (s *Server) serveFlush(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	err := knownParameters(v, "name", "tree")
	tree := false
	if err == nil && v.Has("tree") {
		tree, err = strconv.ParseBool(v.Get("tree"))
	}
	name := v.Get("name")
	if err == nil && name == "" {
		err = fmt.Errorf("which name? POST /flush?name=NAME&tree=true")
	}
	removed := 0
	if err == nil {
		removed, err = s.opts.Hands.Flush(name, tree)
	}
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusBadRequest))
		return
	}
	s.opts.Log.Info("cache flushed", "name", name, "tree", tree, "removed", removed)
	writeJSON(w, http.StatusOK, Flushed{removed})
}

// serveRefresh has a zone, or everything, read now.
func (s *Server) serveRefresh(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	err := knownParameters(v, "zone")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	scheduled, err := s.opts.Hands.Refresh(v.Get("zone"))
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusInternalServerError))
		return
	}
	s.opts.Log.Info("reading asked for", "zone", v.Get("zone"), "scheduled", len(scheduled.Scheduled))
	writeJSON(w, http.StatusAccepted, scheduled)
}

// knownParameters is the error of a parameter that is unknown, or given more than once.
func knownParameters(v url.Values, known ...string) error {
	for key, values := range v {
		found := false
		for _, k := range known {
			found = found || k == key
		}
		if !found {
			return fmt.Errorf("parameter %q: there are %v", key, known)
		}
		if len(values) > 1 {
			return fmt.Errorf("parameter %q: more than one", key)
		}
	}
	return nil
}
