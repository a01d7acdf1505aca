package awssim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"
)

// serveControl answers /_sim/faults, /_sim/calls, /_sim/health, /_sim/events and /_sim/reload, in JSON.
func (s *Sim) serveControl(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/_sim/") {
	case "GET faults":
		writeJSON(w, s.Faults())
	case "PUT faults":
		err := s.putFaults(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, map[string]string{"error": err.Error()})
			return
		}
		writeJSON(w, s.Faults())
	case "DELETE faults":
		s.ClearFaults()
		writeJSON(w, s.Faults())
	case "PUT health":
		err := s.putHealth(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, map[string]string{"error": err.Error()})
			return
		}
		writeJSON(w, s.Health())
	case "GET health":
		writeJSON(w, s.Health())
	case "PUT events":
		err := s.putEvents(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, map[string]string{"error": err.Error()})
			return
		}
		writeJSON(w, s.eventState())
	case "GET events":
		writeJSON(w, s.eventState())
	case "POST reload":
		err := s.Reload()
		if err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			writeJSON(w, map[string]string{"error": err.Error()})
			return
		}
		writeJSON(w, map[string]bool{"reloaded": true})
	case "GET calls":
		writeJSON(w, s.Calls())
	case "DELETE calls":
		s.ResetCalls()
		writeJSON(w, s.Calls())
	default:
		w.WriteHeader(http.StatusNotFound)
		writeJSON(w, map[string]string{
			"error": "there are GET, PUT, DELETE /_sim/faults, GET, DELETE /_sim/calls, GET, PUT /_sim/health, " +
				"GET, PUT /_sim/events and POST /_sim/reload"})
	}
}

func writeJSON(w io.Writer, v any) {
	_ = json.NewEncoder(w).Encode(v) // the client's going is not ours to report
}

// putFaults takes one fault, added to those armed, or an array, which replaces them: the empty one clears
// all. One of no kind ("", none) disarms those of its operation, or all.
func (s *Sim) putFaults(body io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the faults: %w", err)
	}
	if !strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		var one faultOrder
		err = decodeStrict(text, &one)
		if err != nil {
			return fmt.Errorf("reading the fault: %w", err)
		}
		if one.Fault == "" {
			s.disarm(one.Operation)
			return nil
		}
		return s.AddFaults(one.fault())
	}
	var orders []faultOrder
	err = decodeStrict(text, &orders)
	if err != nil {
		return fmt.Errorf("reading the faults: %w", err)
	}
	faults := make([]Fault, len(orders))
	for i, o := range orders {
		faults[i] = o.fault()
		err = faults[i].validate()
		if err != nil {
			return err
		}
	}
	s.ClearFaults()
	return s.AddFaults(faults...)
}

// Calls counts the requests since the start or ResetCalls by operation: every one that arrived signed
// and named an operation, throttled and failed ones included.
func (s *Sim) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// ResetCalls sets all counts to zero.
func (s *Sim) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.rounds = map[string]int{}, map[string]round{}
}

// Rounds counts, by operation, the calls that came after so long without one of that operation: who reads again and
// again makes one of them a reading, however many calls a reading is.
func (s *Sim) Rounds() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]int, len(s.rounds))
	for operation, r := range s.rounds {
		out[operation] = r.n
	}
	return out
}

// roundPause parts two rounds: less than the second that readings have between them at least, and more than the
// calls of one.
const roundPause = 300 * time.Millisecond

// round is how often an operation was called after a pause, and when it was called last.
type round struct {
	n    int
	last time.Time
}

func (s *Sim) count(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
	r, now := s.rounds[operation], time.Now()
	if now.Sub(r.last) >= roundPause {
		r.n++
	}
	r.last = now
	s.rounds[operation] = r
}
