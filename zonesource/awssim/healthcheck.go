package awssim

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// healthCheck is one check in the API's shape, and what its checkers say.
type healthCheck struct {
	ID                 string            `json:"Id" xml:"Id"`
	CallerReference    string            `json:"CallerReference" xml:"CallerReference"`
	LinkedService      *linkedService    `json:"LinkedService,omitempty" xml:"LinkedService,omitempty"`
	HealthCheckConfig  healthCheckConfig `json:"HealthCheckConfig" xml:"HealthCheckConfig"`
	HealthCheckVersion int64             `json:"HealthCheckVersion" xml:"HealthCheckVersion"`

	Alarm *alarm `json:"CloudWatchAlarmConfiguration,omitempty" xml:"CloudWatchAlarmConfiguration,omitempty"`

	observations []observation // nil: checkers of three regions, all content
	down         bool          // what AWS looks at is down, as SetHealth said
	tags         []tag
}

type healthCheckConfig struct {
	IPAddress                string `json:"IPAddress,omitempty" xml:"IPAddress,omitempty"`
	Port                     *int64 `json:"Port,omitempty" xml:"Port,omitempty"`
	Type                     string `json:"Type" xml:"Type"`
	ResourcePath             string `json:"ResourcePath,omitempty" xml:"ResourcePath,omitempty"`
	FullyQualifiedDomainName string `json:"FullyQualifiedDomainName,omitempty" xml:"FullyQualifiedDomainName,omitempty"`
	SearchString             string `json:"SearchString,omitempty" xml:"SearchString,omitempty"`
	RequestInterval          *int64 `json:"RequestInterval,omitempty" xml:"RequestInterval,omitempty"`
	FailureThreshold         *int64 `json:"FailureThreshold,omitempty" xml:"FailureThreshold,omitempty"`
	MeasureLatency           *bool  `json:"MeasureLatency,omitempty" xml:"MeasureLatency,omitempty"`
	Inverted                 *bool  `json:"Inverted,omitempty" xml:"Inverted,omitempty"`
	Disabled                 *bool  `json:"Disabled,omitempty" xml:"Disabled,omitempty"`
	HealthThreshold          *int64 `json:"HealthThreshold,omitempty" xml:"HealthThreshold,omitempty"`

	ChildHealthChecks []string `json:"ChildHealthChecks,omitempty" xml:"ChildHealthChecks>ChildHealthCheck,omitempty"`

	EnableSNI       *bool            `json:"EnableSNI,omitempty" xml:"EnableSNI,omitempty"`
	Regions         []string         `json:"Regions,omitempty" xml:"Regions>Region,omitempty"`
	AlarmIdentifier *alarmIdentifier `json:"AlarmIdentifier,omitempty" xml:"AlarmIdentifier,omitempty"`

	InsufficientData string `json:"InsufficientDataHealthStatus,omitempty" xml:"InsufficientDataHealthStatus,omitempty"`

	RoutingControlARN string `json:"RoutingControlArn,omitempty" xml:"RoutingControlArn,omitempty"`
}

// MarshalXML leaves out the lists that are empty, as AWS does.
func (h healthCheckConfig) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	type plain healthCheckConfig
	type children struct{ ChildHealthCheck []string }
	type regions struct{ Region []string }
	config := struct {
		plain
		ChildHealthChecks *children
		Regions           *regions
	}{plain: plain(h)}
	if len(h.ChildHealthChecks) > 0 {
		config.ChildHealthChecks = &children{h.ChildHealthChecks}
	}
	if len(h.Regions) > 0 {
		config.Regions = &regions{h.Regions}
	}
	return e.EncodeElement(config, start)
}

type alarmIdentifier struct {
	Region string `json:"Region" xml:"Region"`
	Name   string `json:"Name" xml:"Name"`
}

type alarm struct {
	EvaluationPeriods  int64       `json:"EvaluationPeriods" xml:"EvaluationPeriods"`
	Threshold          float64     `json:"Threshold" xml:"Threshold"`
	ComparisonOperator string      `json:"ComparisonOperator" xml:"ComparisonOperator"`
	Period             int64       `json:"Period" xml:"Period"`
	MetricName         string      `json:"MetricName" xml:"MetricName"`
	Namespace          string      `json:"Namespace" xml:"Namespace"`
	Statistic          string      `json:"Statistic" xml:"Statistic"`
	Dimensions         []dimension `json:"Dimensions,omitempty" xml:"Dimensions>Dimension,omitempty"`
}

type dimension struct {
	Name  string `json:"Name" xml:"Name"`
	Value string `json:"Value" xml:"Value"`
}

type observation struct {
	Region       string       `json:"Region" xml:"Region"`
	IPAddress    string       `json:"IPAddress" xml:"IPAddress"`
	StatusReport statusReport `json:"StatusReport" xml:"StatusReport"`
}

type statusReport struct {
	Status      string `json:"Status" xml:"Status"`
	CheckedTime string `json:"CheckedTime" xml:"CheckedTime"`
}

func (d *dataSet) loadHealthStatus(id string, text []byte) error {
	h := d.check(id)
	if h == nil {
		return fmt.Errorf("%s is not in list-health-checks.json", id)
	}
	var content struct{ HealthCheckObservations []observation }
	err := decodeStrict(text, &content)
	if err != nil {
		return err
	}
	for i := range content.HealthCheckObservations {
		report := &content.HealthCheckObservations[i].StatusReport
		report.CheckedTime, err = scalar("timestamp", report.CheckedTime)
		if err != nil {
			return fmt.Errorf("$.HealthCheckObservations[%d].StatusReport.CheckedTime: %w", i, err)
		}
	}
	h.observations = content.HealthCheckObservations
	return nil
}

func (d *dataSet) check(id string) *healthCheck {
	i := slices.IndexFunc(d.checks, func(h *healthCheck) bool { return h.ID == id })
	if i < 0 {
		return nil
	}
	return d.checks[i]
}

func noSuchHealthCheck(id string) error {
	return &apiError{http.StatusNotFound, "NoSuchHealthCheck", "A health check with id " + id + " does not exist."}
}

// checkID is a check's id, as markers have it.
func checkID(h healthCheck) string { return h.ID }

func listHealthChecks(c *call) ([]byte, error) {
	size, err := c.maxItems("maxitems", 1000)
	if err != nil {
		return nil, err
	}
	l := listing[healthCheck]{call: c, name: c.account + " health checks",
		place: func(h healthCheck) position { return position{id: h.ID} }}
	c.sim.mu.Lock()
	for _, h := range c.sim.data(c.account).checks {
		l.items = append(l.items, *h)
	}
	c.sim.mu.Unlock()
	l.visible()
	w, m, err := l.marked(size, "health check", checkID)
	page := struct {
		HealthChecks struct{ HealthCheck []healthCheck }
		marks
	}{marks: m}
	page.HealthChecks.HealthCheck = w.items
	return answer("ListHealthChecksResponse", page), err
}

func getHealthCheckCount(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	n := len(c.sim.data(c.account).checks)
	c.sim.mu.Unlock()
	return answer("GetHealthCheckCountResponse", struct{ HealthCheckCount int }{n}), nil
}

// healthCheck finds the check of the path, as a copy.
func (c *call) healthCheck() (healthCheck, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	h := c.sim.data(c.account).check(c.vars[0])
	if h == nil {
		return healthCheck{}, noSuchHealthCheck(c.vars[0])
	}
	return *h, nil
}

func getHealthCheck(c *call) ([]byte, error) {
	h, err := c.healthCheck()
	if err != nil {
		return nil, err
	}
	return answer("GetHealthCheckResponse", struct{ HealthCheck healthCheck }{h}), nil
}

// getHealthCheckStatus has no answer for checks without checkers, as in AWS.
func getHealthCheckStatus(c *call) ([]byte, error) {
	h, err := c.healthCheck()
	if err != nil {
		return nil, err
	}
	if t := h.HealthCheckConfig.Type; t == "CALCULATED" || t == "RECOVERY_CONTROL" {
		return nil, invalidInput("GetHealthCheckStatus does not work for health checks of type %s", t)
	}
	seen := h.observations
	if seen == nil {
		seen = observations(!h.down)
	}
	var status struct {
		HealthCheckObservations []observation `xml:"HealthCheckObservations>HealthCheckObservation"`
	}
	status.HealthCheckObservations = seen
	return answer("GetHealthCheckStatusResponse", status), nil
}

// observations are three checkers of one mind.
func observations(healthy bool) []observation {
	status := "Success: HTTP Status Code 200, OK"
	if !healthy {
		status = "Failure: Connection timed out. The endpoint or the internet connection is down, or requests are being " +
			"blocked by your firewall."
	}
	report := statusReport{status, timestamp(time.Now())}
	return []observation{
		{"eu-west-1", "54.228.16.10", report},
		{"us-east-1", "54.243.31.196", report},
		{"ap-northeast-1", "54.248.220.10", report},
	}
}
