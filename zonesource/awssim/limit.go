package awssim

import (
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// bucketKey names one token bucket.
type bucketKey struct{ account, class string }

// admit takes a token for the call, or says what AWS says when there is none.
func (c *call) admit() error {
	class, limit := c.sim.bucketOf(c)
	s := c.sim
	s.mu.Lock()
	b := s.buckets[bucketKey{c.account, class}]
	if b == nil {
		b = rate.NewLimiter(rate.Limit(limit.PerSecond), limit.Burst)
		s.buckets[bucketKey{c.account, class}] = b
	}
	allowed := b.AllowN(time.Now(), 1)
	s.mu.Unlock()
	if allowed {
		return nil
	}
	return c.throttled()
}

func (s *Sim) bucketOf(c *call) (class string, l Limit) {
	switch {
	case c.service == "s3", c.service == queueService:
		return c.service, Limit{PerSecond: 3500, Burst: 3500}
	case c.service != "route53":
		return c.service, s.options.Inventory
	case c.operation == "GetHealthCheckStatus":
		return "status", s.options.HealthStatus
	case c.operation == "ChangeResourceRecordSets":
		return "change", s.options.Changes
	}
	return "read", s.options.Reads
}

// throttled is the service's own way to say so.
func (c *call) throttled() error {
	switch c.service {
	case "ec2":
		return &apiError{http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded."}
	case "s3":
		return &apiError{http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."}
	}
	return &apiError{http.StatusBadRequest, "Throttling", "Rate exceeded"}
}
