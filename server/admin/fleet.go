package admin

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Fleet is the servers that share what is read from AWS. Its errors are of the kind [Refusal]
// where the order can't be followed here.
type Fleet interface {
	// State returns how the fleet stands, as this server sees it.
	State() (FleetState, error)
	// StepDown has another server lead.
	StepDown(ctx context.Context) error
	// AcceptStore takes what the store has, though it was rolled back.
	AcceptStore(ctx context.Context) error
}

// FleetState is the body of /fleet.
type FleetState struct {
	Version uint64        `json:"version"` // that this server serves
	Epoch   uint64        `json:"epoch"`
	Leader  string        `json:"leader"` // "" while nobody is known to lead
	Members []FleetMember `json:"members"`
}

// FleetMember is one server of a fleet.
type FleetMember struct {
	Name         string  `json:"name"`
	Address      string  `json:"address"`
	Version      uint64  `json:"version"`
	Build        string  `json:"build"`
	Zone         string  `json:"zone"`
	HeardSeconds float64 `json:"heard_seconds"`
	// ConfigDiffers says that it reads by another configuration than the newest version was.
	ConfigDiffers bool `json:"config_differs"`
	// Failed are the parts that it can't serve, and why.
	Failed map[string]string `json:"failed,omitempty"`
	// Twin is the address of another server that has its name, "" for none.
	Twin string `json:"twin,omitempty"`
}

// orderWithin bounds the time that an order to the fleet may take.
const orderWithin = 20 * time.Second

// serveFleet says how the fleet stands.
func (s *Server) serveFleet(w http.ResponseWriter, _ *http.Request) {
	state, err := s.opts.Fleet.State()
	if err != nil {
		http.Error(w, err.Error(), statusOf(err, http.StatusInternalServerError))
		return
	}
	writeJSON(w, http.StatusOK, state)
}

// order makes the handler of an order to the fleet.
func order(do func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), orderWithin)
		defer cancel()
		err := do(ctx)
		if err != nil {
			http.Error(w, err.Error(), statusOf(err, http.StatusInternalServerError))
			return
		}
		_, _ = io.WriteString(w, "done\n")
	}
}
