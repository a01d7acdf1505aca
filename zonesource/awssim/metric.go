package awssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// CloudWatch, by the name that signatures have for it.
const (
	metricService = "monitoring"
	metricTarget  = "GraniteServiceVersion20100801."
	metricPath    = "/service/GraniteServiceVersion20100801/operation/"
	metricRegion  = "us-east-1" // where Route 53 writes its metrics
	mostQueries   = 500
	mostPoints    = 1440 // of one query: minutes of a day
)

// routeMetrics finds the operation of CloudWatch, in the protocols of the SDKs (Smithy RPC v2 CBOR) and
// of the CLI (AWS JSON 1.0, and the query protocol before).
func (c *call) routeMetrics(r *http.Request) (handler, bool, error) {
	c.json = r.Header.Get("X-Amz-Target") != ""
	isCBOR := r.URL.Path == metricPath+"GetMetricData" && r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor"
	isQuery := c.isMetricQuery(r) && c.form.Get("Action") == "GetMetricData"
	if r.Method == http.MethodPost && (isCBOR || isQuery || r.Header.Get("X-Amz-Target") == metricTarget+"GetMetricData") {
		c.operation = "GetMetricData"
		return getMetricData, true, nil
	}
	return nil, false, &apiError{http.StatusNotFound, "UnknownOperationException",
		"The simulator has no operation for " + r.Method + " " + r.URL.Path +
			"; of CloudWatch it has GetMetricData, in CBOR, JSON and the query protocol"}
}

// metricError is an error in the caller's protocol.
func (c *call) metricError(e *apiError) []byte {
	fault := "Sender"
	if e.status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	c.header.Set("X-Amzn-Query-Error", e.code+";"+fault)
	return c.metricAnswer(map[string]any{"__type": e.code, "message": e.message})
}

// metricAnswer encodes our own values: text, numbers, times, lists and objects of them, which always can be.
func (c *call) metricAnswer(v map[string]any) []byte {
	switch {
	case c.query:
		return c.metricXML(v)
	case !c.json:
		return appendCBOR(nil, v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("awssim: encoding an answer: %v", err))
	}
	return text
}

// metricInput decodes the request.
func (c *call) metricInput() (map[string]any, error) {
	if c.query {
		return metricForm(c.form)
	}
	var v any
	var err error
	if c.json {
		err = json.Unmarshal(c.body, &v)
	} else {
		v, err = readCBOR(c.body)
	}
	in, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, &apiError{http.StatusBadRequest, "SerializationException",
			fmt.Sprintf("The request body is no object: %v", err)}
	}
	return in, nil
}

// setMetricHeader names the protocol of the answer.
func (c *call) setMetricHeader() {
	if c.json {
		c.header.Set("Content-Type", "application/x-amz-json-1.0")
		return
	}
	c.header.Set("Content-Type", "application/cbor")
	c.header.Set("Smithy-Protocol", "rpc-v2-cbor")
}

// metricRequest is what GetMetricData is asked for.
type metricRequest struct {
	start, end time.Time
	ascending  bool
	token      string
	queries    []metricQuery
}

type metricQuery struct {
	id, namespace, name string
	period              int64 // seconds
	dimensions          map[string]string
}

// getMetricData answers one result a query; one of a metric that isn't there has no points.
func getMetricData(c *call) ([]byte, error) {
	in, err := c.metricInput()
	if err != nil {
		return nil, err
	}
	request, err := readMetricRequest(in)
	if err != nil {
		return nil, err
	}
	l := listing[metricQuery]{call: c, name: c.account + " metrics", items: request.queries,
		place: func(q metricQuery) position { return position{id: q.id} }}
	l.visible()
	c.form = url.Values{"NextToken": {request.token}}
	start, err := c.token("NextToken", "InvalidNextToken")
	if err != nil {
		return nil, err
	}
	size := mostQueries
	if c.sim.options.PageSize > 0 {
		size = min(size, c.sim.options.PageSize)
	}
	w, err := l.page(start, size)
	results := []any{}
	for _, q := range w.items {
		results = append(results, c.metricResult(q, &request))
	}
	out := map[string]any{"MetricDataResults": results, "Messages": []any{}}
	if w.next >= 0 {
		out["NextToken"] = tokenOf(w.next)
	}
	return c.metricAnswer(out), err
}

func (c *call) metricResult(q metricQuery, r *metricRequest) map[string]any {
	times, values := []any{}, []any{}
	if q.namespace == "AWS/Route53" && q.name == "HealthCheckStatus" && len(q.dimensions) == 1 &&
		c.region == metricRegion {
		c.sim.mu.Lock()
		up, known := c.sim.data(c.account).status(q.dimensions["HealthCheckId"], nil)
		c.sim.mu.Unlock()
		if known {
			times, values = points(r, q.period, up)
		}
	}
	return map[string]any{
		"Id": q.id, "Label": q.name, "StatusCode": "Complete",
		"Timestamps": times, "Values": values,
	}
}

// points are those of a metric that has always had the value it has now.
func points(r *metricRequest, period int64, up bool) (times, values []any) {
	step := time.Duration(period) * time.Second
	value := 0.0
	if up {
		value = 1
	}
	end := r.end
	if now := time.Now(); now.Before(end) {
		end = now
	}
	times, values = []any{}, []any{}
	for at := r.start.Truncate(step); at.Before(end) && len(times) < mostPoints; at = at.Add(step) {
		times = append(times, epoch(at.Unix()))
		values = append(values, value)
	}
	if !r.ascending {
		slices.Reverse(times)
	}
	return times, values
}

// readMetricRequest reads the members that matter here; others are refused, since the
// answer would be another.
func readMetricRequest(in map[string]any) (metricRequest, error) {
	var r metricRequest
	for name, value := range in {
		var err error
		switch name {
		case "StartTime":
			r.start, err = metricTime(value)
		case "EndTime":
			r.end, err = metricTime(value)
		case "ScanBy":
			r.ascending = value == "TimestampAscending"
		case "NextToken":
			r.token, _ = value.(string)
		case "MetricDataQueries":
			r.queries, err = readMetricQueries(value)
		default:
			err = fmt.Errorf("the simulator doesn't know the member %s", name)
		}
		if err != nil {
			return r, metricFault("%s: %v", name, err)
		}
	}
	switch {
	case r.start.IsZero() || r.end.IsZero():
		return r, metricFault("The parameters StartTime and EndTime are required.")
	case !r.start.Before(r.end):
		return r, metricFault("The parameter StartTime must be less than the parameter EndTime.")
	case len(r.queries) == 0:
		return r, metricFault("The parameter MetricDataQueries is required.")
	case len(r.queries) > mostQueries:
		return r, metricFault("The collection MetricDataQueries must not have a size greater than %d.", mostQueries)
	}
	return r, nil
}

func metricFault(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "ValidationError", fmt.Sprintf(format, args...)}
}

func readMetricQueries(v any) ([]metricQuery, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("is no list")
	}
	var all []metricQuery
	for _, item := range list {
		in, _ := item.(map[string]any)
		stat, _ := in["MetricStat"].(map[string]any)
		metric, _ := stat["Metric"].(map[string]any)
		q := metricQuery{id: text(in, "Id"), namespace: text(metric, "Namespace"), name: text(metric, "MetricName"),
			dimensions: map[string]string{}}
		for _, d := range objects(metric["Dimensions"]) {
			q.dimensions[text(d, "Name")] = text(d, "Value")
		}
		period, _ := stat["Period"].(float64)
		q.period = int64(period)
		switch {
		case q.id == "" || metric == nil:
			return nil, errors.New("a query needs an Id and a MetricStat; the simulator has no expressions")
		case slices.ContainsFunc(all, func(other metricQuery) bool { return other.id == q.id }):
			return nil, fmt.Errorf("the Id %s is used twice", q.id)
		case q.period < 60 || q.period%60 != 0:
			return nil, fmt.Errorf("the Period of %s is no multiple of 60", q.id)
		case !slices.Contains([]string{"Minimum", "Average", "Maximum"}, text(stat, "Stat")):
			return nil, fmt.Errorf("the Stat of %s is none that the metric has", q.id)
		}
		all = append(all, q)
	}
	return all, nil
}

// metricTime reads seconds, with fractions.
func metricTime(v any) (time.Time, error) {
	seconds, ok := v.(float64)
	if !ok {
		return time.Time{}, errors.New("is no time")
	}
	return time.UnixMilli(int64(seconds * 1000)), nil
}
