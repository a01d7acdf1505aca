package awssim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// Fault is something to go wrong.
type Fault struct {
	// Operation is the API operation that fails, e.g. ListResourceRecordSets. Empty or "*": all.
	Operation string `json:"operation"`
	// Fault is one of these; PUT /_sim/faults takes AWS's names of them too
	//
	//	500            HTTP 500 InternalFailure
	//	throttle       HTTP 400 Throttling (EC2: 503 RequestLimitExceeded)
	//	access-denied  HTTP 403 AccessDenied (EC2: UnauthorizedOperation)
	//	expired-token  HTTP 403 ExpiredToken (EC2: 400 RequestExpired)
	//	hang           no answer until the client goes or the fault is cleared (then the true answer)
	//	fail           half an answer, then a broken connection
	//	empty          a listing without items and without a next page
	//	changing       after a page that has a next one, an item of it vanishes; the next time it comes back
	//	stuck          a page whose next page is itself
	//	prior-request  HTTP 400 PriorRequestNotComplete
	//	409            HTTP 409 ConditionalRequestConflict of S3 (others: OperationAborted)
	//	lost           done, and the connection breaks without an answer
	Fault string `json:"fault"`
	// Page is the page of a listing that fails, from 1. 0: every page.
	Page int `json:"page"`
	// Count is the number of requests that fail. 0: until cleared.
	Count int `json:"count"`
}

type fault struct {
	Fault
	left int // requests still to fail; -1 = no end
}

func (f Fault) validate() error {
	kinds := []string{"500", "throttle", "access-denied", "expired-token", "hang", "fail", "empty", "changing", "stuck",
		"prior-request", "409", "lost"}
	if !slices.Contains(kinds, f.Fault) {
		return fmt.Errorf("fault %q: want one of %q", f.Fault, kinds)
	}
	if f.Page < 0 || f.Count < 0 {
		return errors.New("page and count cannot be negative")
	}
	if f.Operation != "" && f.Operation != "*" && !slices.Contains(operationNames(), f.Operation) {
		return fmt.Errorf("operation %q: the simulator has no such operation", f.Operation)
	}
	return nil
}

// AddFaults arms faults beside those armed already. Each request fails by the first that fits it.
func (s *Sim) AddFaults(faults ...Fault) error {
	for _, f := range faults {
		err := f.validate()
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		left := f.Count
		if left == 0 {
			left = -1
		}
		s.faults = append(s.faults, &fault{f, left})
	}
	return nil
}

// ClearFaults disarms all faults, lets hanging requests go on and brings back what "changing" hid.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	s.hidden = map[string]map[position]bool{}
	close(s.cleared)
	s.cleared = make(chan struct{})
}

// disarm takes away the faults armed for an operation; all for "" and "*".
func (s *Sim) disarm(operation string) {
	var left []Fault
	for _, f := range s.Faults() {
		if operation != "" && operation != "*" && f.Operation != operation {
			left = append(left, f)
		}
	}
	s.ClearFaults()
	_ = s.AddFaults(left...) // they were armed before, so they are valid
}

// Faults lists the faults still armed; Count is what is left of it.
func (s *Sim) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Fault, 0, len(s.faults))
	for _, f := range s.faults {
		left := f.Fault
		left.Count = max(f.left, 0)
		list = append(list, left)
	}
	return list
}

// meetFault lets the call fail by the first armed fault that fits it at this page. empty tells a
// listing to have no items; the error errCut tells the caller to go on, and to return it beside the answer.
func (c *call) meetFault(page int) (empty bool, err error) {
	f, cleared := c.sim.useFault(c.operation, page)
	switch f {
	case "500":
		if c.service == "s3" {
			return false, &apiError{http.StatusInternalServerError, "InternalError",
				"We encountered an internal error. Please try again."}
		}
		return false, &apiError{http.StatusInternalServerError, "InternalFailure",
			"The request processing has failed because of an unknown error, exception or failure."}
	case "throttle":
		return false, c.throttled()
	case "access-denied":
		return false, c.denied()
	case "expired-token":
		return false, c.expired()
	case "prior-request":
		return false, errPriorRequest()
	case "409":
		return false, c.conflict()
	case "fail":
		return false, errCut
	case "lost":
		return false, errLost
	case "hang":
		return false, c.hang(cleared)
	case "changing":
		c.shifting = true
	case "stuck":
		c.stuck = true
	}
	return f == "empty", nil
}

// useFault uses up one count of the fault that fits.
func (s *Sim) useFault(operation string, page int) (kind string, cleared <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Operation != "" && f.Operation != "*" && f.Operation != operation || f.Page != 0 && f.Page != page {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		if f.left == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f.Fault.Fault, s.cleared
	}
	return "", nil
}

// hang waits for the client to go, or the faults to be cleared.
func (c *call) hang(cleared <-chan struct{}) error {
	select {
	case <-c.ctx.Done():
		return c.ctx.Err()
	case <-cleared:
		return nil
	}
}

func (c *call) conflict() error {
	if c.service == "s3" && (c.request.Get("If-Match") != "" || c.request.Get("If-None-Match") != "") {
		return &apiError{http.StatusConflict, "ConditionalRequestConflict",
			"The conditional request cannot succeed due to a conflicting operation against this resource."}
	}
	return &apiError{http.StatusConflict, "OperationAborted",
		"A conflicting conditional operation is currently in progress against this resource. Please try again."}
}

func (c *call) expired() error {
	if c.service == "ec2" {
		return &apiError{http.StatusBadRequest, "RequestExpired", "Request has expired."}
	}
	return &apiError{http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"}
}

func (c *call) denied() error {
	identity := c.sim.callerARN(c.key, c.account)
	if c.service == "ec2" {
		return &apiError{http.StatusForbidden, "UnauthorizedOperation",
			fmt.Sprintf("You are not authorized to perform this operation. User: %s is not authorized to perform: ec2:%s",
				identity, c.operation)}
	}
	service := c.service
	if service == metricService {
		service = "cloudwatch" // as policies name it
	}
	return &apiError{http.StatusForbidden, "AccessDenied",
		fmt.Sprintf("User: %s is not authorized to perform: %s:%s", identity, service, c.operation)}
}
