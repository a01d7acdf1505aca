package awssim

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CloudWatch's older protocol, the query one, which the AWS CLI of Debian 12 speaks.
const metricNamespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"

// deepestMember is more names than a parameter has:
// MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name.
const deepestMember = 16

// isMetricQuery reports whether a request to CloudWatch is of the query protocol, and reads its parameters.
func (c *call) isMetricQuery(r *http.Request) bool {
	if r.URL.Path != "/" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return false
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return false
	}
	c.form, c.query = form, true
	return true
}

// metricForm makes of parameters what the other protocols bring: MetricDataQueries.member.1.Id is the member Id of the
// first object of a list.
func metricForm(form url.Values) (map[string]any, error) {
	in := map[string]any{}
	for _, name := range sortedKeys(form) {
		if name == "Action" || name == "Version" {
			continue
		}
		text := form.Get(name)
		var value any = text
		path := strings.Split(name, ".")
		if len(path) > deepestMember {
			return nil, metricFault("%s... is no member", name[:min(len(name), 100)])
		}
		switch path[len(path)-1] {
		case "StartTime", "EndTime":
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return nil, metricFault("%s: %v", name, err)
			}
			value = float64(at.UnixMilli()) / 1000
		case "Period":
			seconds, err := strconv.Atoi(text)
			if err != nil {
				return nil, metricFault("%s: %v", name, err)
			}
			value = float64(seconds)
		}
		putMember(in, path, value)
	}
	orderLists(in)
	return in, nil
}

// putMember puts a value where a path of names leads. A list's are "member" and a number, which are in order: it is an
// object of them until orderLists.
func putMember(in map[string]any, path []string, value any) {
	for len(path) > 1 {
		inner, there := in[path[0]].(map[string]any)
		if !there {
			inner = map[string]any{}
			in[path[0]] = inner
		}
		in, path = inner, path[1:]
	}
	in[path[0]] = value
}

// orderLists makes lists of objects that are called member.
func orderLists(v any) any {
	in, ok := v.(map[string]any)
	if !ok {
		return v
	}
	members, isList := in["member"].(map[string]any)
	if !isList {
		for name, inner := range in {
			in[name] = orderLists(inner)
		}
		return in
	}
	var list []any
	for _, number := range slices.SortedFunc(maps.Keys(members), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) // they are numbers
	}) {
		list = append(list, orderLists(members[number]))
	}
	return list
}

// metricXML is an answer that the other protocols encode as it is.
func (c *call) metricXML(out map[string]any) []byte {
	type result struct {
		ID         string    `xml:"Id"`
		Label      string    `xml:"Label"`
		StatusCode string    `xml:"StatusCode"`
		Timestamps []string  `xml:"Timestamps>member"`
		Values     []float64 `xml:"Values>member"`
	}
	var all struct {
		Results   []result `xml:"MetricDataResults>member"`
		NextToken string   `xml:",omitempty"`
	}
	all.NextToken = text(out, "NextToken")
	for _, r := range objects(out["MetricDataResults"]) {
		one := result{ID: text(r, "Id"), Label: text(r, "Label"), StatusCode: text(r, "StatusCode")}
		for i, at := range r["Timestamps"].([]any) {
			one.Timestamps = append(one.Timestamps, timestamp(time.Unix(int64(at.(epoch)), 0)))
			one.Values = append(one.Values, r["Values"].([]any)[i].(float64))
		}
		all.Results = append(all.Results, one)
	}
	return c.queryAnswer(metricNamespace, all)
}
