package admin

import "time"

// Trends are what the last hour was like.
type Trends interface{ Trend() Trend }

// Trend is the body of /trend. Its lists have a number for each span of EverySeconds, the last
// one of the span that ended last; null is what isn't known.
type Trend struct {
	EverySeconds float64         `json:"every_seconds"`
	Until        time.Time       `json:"until"`
	Results      []Series        `json:"results"` // queries a second, by result
	HitRatio     []*float64      `json:"hit_ratio"`
	P50          []*float64      `json:"p50_seconds"`
	P99          []*float64      `json:"p99_seconds"`
	Upstreams    []UpstreamTrend `json:"upstreams"`
	Health       []Flip          `json:"health"` // the newest first
}

// Series is one line of a drawing.
type Series struct {
	Name   string     `json:"name"`
	Values []*float64 `json:"values"`
}

// UpstreamTrend is what one upstream was like.
type UpstreamTrend struct {
	Name    string     `json:"name"`
	Queries []*float64 `json:"queries"` // a second
	Failed  []*float64 `json:"failed"`  // a second: timeouts, errors and malformed answers
	P99     []*float64 `json:"p99_seconds"`
}

// Flip is a health check, or a load balancer, that became healthy or unhealthy.
type Flip struct {
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Healthy bool      `json:"healthy"`
	Why     string    `json:"why"`
}
