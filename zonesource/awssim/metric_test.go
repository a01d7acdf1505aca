package awssim

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// checkFiles are health checks of each kind; observed has checkers that see it down.
func checkFiles() fstest.MapFS {
	check := func(id, config string) string {
		return fmt.Sprintf(`{"Id":%q,"CallerReference":%q,"HealthCheckConfig":{%s},"HealthCheckVersion":1}`, id, id, config)
	}
	down := `{"Region":"us-east-1","IPAddress":"192.0.2.9","StatusReport":{"Status":"Failure: ` +
		`refused","CheckedTime":"2026-11-21T10:00:00Z"}}`
	up := strings.Replace(down, "Failure: refused", "Success: HTTP Status Code 200, OK", 1)
	observed := func(lines ...string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{"HealthCheckObservations":[` + strings.Join(lines, ",") + `]}`)}
	}
	return fstest.MapFS{
		"route53/list-health-checks.json": &fstest.MapFile{Data: []byte(`{"HealthChecks":[` + strings.Join([]string{
			check("plain", `"Type":"TCP","IPAddress":"192.0.2.1","Port":80`),
			check("other", `"Type":"TCP","IPAddress":"192.0.2.2","Port":80`),
			check("inverted", `"Type":"TCP","IPAddress":"192.0.2.1","Port":80,"Inverted":true`),
			check("disabled", `"Type":"TCP","IPAddress":"192.0.2.1","Port":80,"Disabled":true`),
			check("off", `"Type":"TCP","IPAddress":"192.0.2.1","Port":80,"Disabled":true,"Inverted":true`),
			check("both", `"Type":"CALCULATED","HealthThreshold":2,"ChildHealthChecks":["plain","other"]`),
			check("either", `"Type":"CALCULATED","HealthThreshold":1,"ChildHealthChecks":["plain","other"]`),
			check("loop", `"Type":"CALCULATED","HealthThreshold":1,"ChildHealthChecks":["loop"]`),
			check("few", `"Type":"TCP","IPAddress":"192.0.2.1","Port":80`),
			check("enough", `"Type":"TCP","IPAddress":"192.0.2.1","Port":80`),
		}, ",") + `]}`)},
		"route53/few/get-health-check-status.json":    observed(up, down, down, down, down, down), // 16.7 %
		"route53/enough/get-health-check-status.json": observed(up, down, down, down, down),       // 20 %
	}
}

// metricClient is the real SDK against s.
func metricClient(s *Sim, region string) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(aws.Config{
		Region: region, Credentials: staticKey("AKIAIOSFODNN7EXAMPLE"), HTTPClient: inProcess{s},
		BaseEndpoint: aws.String("http://sim.invalid"), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	})
}

func statusQueries(ids ...string) *cloudwatch.GetMetricDataInput {
	now := time.Now()
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(now.Add(-5 * time.Minute)),
		EndTime: aws.Time(now.Add(time.Minute))}
	for i, id := range ids {
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
			Id: aws.String(fmt.Sprintf("q%d", i)),
			MetricStat: &types.MetricStat{Period: aws.Int32(60), Stat: aws.String("Minimum"), Metric: &types.Metric{
				Namespace: aws.String("AWS/Route53"), MetricName: aws.String("HealthCheckStatus"),
				Dimensions: []types.Dimension{{Name: aws.String("HealthCheckId"), Value: aws.String(id)}},
			}},
		})
	}
	return in
}

func TestHealthCheckStatusMetric(t *testing.T) {
	s := newSim(t, Options{Data: checkFiles()})
	ids := []string{"plain", "other", "inverted", "disabled", "off", "both", "either", "loop", "few", "enough"}
	for _, tt := range []struct {
		down string // set down, those before it too
		want string // a digit each
	}{
		{"", "1101011101"},
		{"plain", "0101001101"},
		{"inverted", "0111001101"},
		{"other", "0011000101"},
		{"disabled", "0011000101"},
		{"enough", "0011000100"},
	} {
		if tt.down != "" {
			err := s.SetHealth(tt.down, false)
			if err != nil {
				t.Fatal(err)
			}
		}
		out, err := metricClient(s, "us-east-1").GetMetricData(t.Context(), statusQueries(append(ids, "none")...))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, r := range out.MetricDataResults[:len(ids)] {
			if *r.Id != fmt.Sprintf("q%d", i) || r.StatusCode != types.StatusCodeComplete || len(r.Values) < 5 ||
				len(r.Values) != len(r.Timestamps) {
				t.Fatalf("result %d: %+v", i, r)
			}
			if age := time.Since(r.Timestamps[0]); age < 0 || age > time.Minute || !r.Timestamps[0].After(r.Timestamps[1]) {
				t.Errorf("the newest point comes first, and is %s old", age)
			}
			got += fmt.Sprint(r.Values[0])
		}
		if got != tt.want {
			t.Errorf("with %q down: %s, want %s", tt.down, got, tt.want)
		}
		if last := out.MetricDataResults[len(ids)]; len(last.Values) != 0 || last.StatusCode != types.StatusCodeComplete {
			t.Errorf("a check that isn't there has points: %+v", last)
		}
		for i, id := range ids {
			if s.Health()[id] != (tt.want[i] == '1') {
				t.Errorf("with %q down: Health says otherwise of %s", tt.down, id)
			}
		}
	}
	out, err := metricClient(s, "eu-west-1").GetMetricData(t.Context(), statusQueries("plain"))
	if err != nil || len(out.MetricDataResults[0].Values) != 0 {
		t.Errorf("another region has the metric: %+v, %v", out, err)
	}
}

func TestMetricPages(t *testing.T) {
	s := newSim(t, Options{Data: checkFiles(), PageSize: 2})
	in, client := statusQueries("plain", "other", "both", "none", "loop"), metricClient(s, "us-east-1")
	in.ScanBy = types.ScanByTimestampAscending
	var ids []string
	for range 3 {
		out, err := client.GetMetricData(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.MetricDataResults {
			ids = append(ids, *r.Id)
			if len(r.Timestamps) > 1 && !r.Timestamps[0].Before(r.Timestamps[1]) {
				t.Error("not in ascending order")
			}
		}
		in.NextToken = out.NextToken
	}
	if in.NextToken != nil || !slices.Equal(ids, []string{"q0", "q1", "q2", "q3", "q4"}) ||
		s.Calls()["GetMetricData"] != 3 {
		t.Errorf("%v, %v, %v", ids, in.NextToken, s.Calls())
	}
}

func TestMetricFaults(t *testing.T) {
	s := newSim(t, Options{Data: checkFiles()})
	client := metricClient(s, "us-east-1")
	many := make([]string, 501)
	for i := range many {
		many[i] = "plain"
	}
	twice := statusQueries("plain", "other")
	twice.MetricDataQueries[1].Id = twice.MetricDataQueries[0].Id
	second := statusQueries("plain")
	second.MetricDataQueries[0].MetricStat.Period = aws.Int32(1)
	sum := statusQueries("plain")
	sum.MetricDataQueries[0].MetricStat.Stat = aws.String("Sum")
	backwards := statusQueries("plain")
	backwards.StartTime, backwards.EndTime = backwards.EndTime, backwards.StartTime
	limited := statusQueries("plain")
	limited.MaxDatapoints = aws.Int32(1)
	token := statusQueries("plain")
	token.NextToken = aws.String("other")
	for _, tt := range []struct {
		name, fault, code string
		in                *cloudwatch.GetMetricDataInput
	}{
		{"too many", "", "ValidationError", statusQueries(many...)},
		{"one id twice", "", "ValidationError", twice},
		{"a second", "", "ValidationError", second},
		{"no such statistic", "", "ValidationError", sum},
		{"backwards", "", "ValidationError", backwards},
		{"what isn't simulated", "", "ValidationError", limited},
		{"another's token", "", "InvalidNextToken", token},
		{"500", "500", "InternalFailure", statusQueries("plain")},
		{"throttled", "throttle", "Throttling", statusQueries("plain")},
		{"denied", "access-denied", "AccessDenied", statusQueries("plain")},
		{"right", "", "", statusQueries("plain")},
	} {
		if tt.fault != "" {
			err := s.AddFaults(Fault{Operation: "GetMetricData", Fault: tt.fault, Count: 1})
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err := client.GetMetricData(t.Context(), tt.in)
		wantCode(t, tt.name, err, tt.code)
		if tt.fault == "access-denied" && !strings.Contains(err.Error(), "cloudwatch:GetMetricData") {
			t.Errorf("the action isn't named: %v", err)
		}
	}
	_, err := client.ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{})
	wantCode(t, "another operation", err, "UnknownOperationException")
}

func TestHealthControl(t *testing.T) {
	s := newSim(t, Options{Data: checkFiles()})
	for _, tt := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"GET", "", 200, `"plain":true`},
		{"PUT", `{"id":"plain","healthy":false}`, 200, `"plain":false`},
		{"PUT", `{"id":"plain","healthy":true}`, 200, `"plain":true`},
		{"PUT", `{"id":"none","healthy":true}`, 400, "no account has such a health check"},
		{"PUT", `{"id":"plain"}`, 400, "healthy is missing"},
		{"PUT", `{"id":"plain","healthy":true,"why":""}`, 400, "unknown field"},
		{"PUT", `[]`, 400, "cannot unmarshal"},
		{"POST", `{}`, 404, "/_sim/health"},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(tt.method, "/_sim/health", strings.NewReader(tt.body)))
		body, err := io.ReadAll(w.Result().Body)
		if err != nil || w.Code != tt.status || !strings.Contains(string(body), tt.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.method, tt.body, w.Code, body, tt.status, tt.want)
		}
	}
}

// TestCBOR reads the forms that clients may use and the simulator doesn't write.
func TestCBOR(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"\x18\xff", "255"}, {"\x19\x01\x00", "256"}, {"\x1a\x00\x01\x00\x00", "65536"},
		{"\x1b\x00\x00\x00\x01\x00\x00\x00\x00", "4.294967296e+09"},
		{"\x20", "-1"}, {"\x38\x63", "-100"},
		{"\xf4", "false"}, {"\xf5", "true"}, {"\xf6", "<nil>"}, {"\xf7", "<nil>"},
		{"\xfa\x3f\x80\x00\x00", "1"}, {"\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5"},
		{"\x63abc", "abc"}, {"\x7f\x61a\x62bc\xff", "abc"}, {"\x43abc", "abc"},
		{"\x82\x01\x02", "[1 2]"}, {"\x9f\x01\x02\xff", "[1 2]"},
		{"\xa1\x61a\x01", "map[a:1]"}, {"\xbf\x61a\x01\xff", "map[a:1]"}, {"\xc1\x0a", "10"},
		{"", "unexpected EOF"}, {"\x19\x01", "unexpected EOF"}, {"\x63ab", "unexpected EOF"},
		{"\x7b\xff\xff\xff\xff\xff\xff\xff\xff", "unexpected EOF"},
		{"\x9f\x01", "unexpected EOF"}, {"\x9b\x0f\xff\xff\xff\xff\xff\xff\xff\x01", "unexpected EOF"},
		{"\xa1\x01\x01", "1 is no key"},
		{"\x01\x01", "more follows after the first value"}, {"\x1c", "28 is no length"}, {"\x1f", "31 is no length"},
		{"\xff", "31 is no length"},
		{"\xe0", "no rule for the simple value 0"}, {"\x7f\x01\xff", "a text in parts has another value in it"},
		{strings.Repeat("\x81", 50) + "\x01", "nested too deeply"},
	} {
		v, err := readCBOR([]byte(tt.text))
		got := fmt.Sprint(v)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%x: %s, want %s", tt.text, got, tt.want)
		}
	}
	long := strings.Repeat("x", 70000)
	for _, text := range []string{"", "a", long[:23], long[:24], long[:255], long[:256], long[:65535], long} {
		v, err := readCBOR(appendCBOR(nil, map[string]any{"k": []any{text, 1.5, epoch(7)}}))
		if err != nil || fmt.Sprint(v) != fmt.Sprintf("map[k:[%s 1.5 7]]", text) {
			t.Errorf("%d octets don't come back: %v", len(text), err)
		}
	}
	w := httptest.NewRecorder()
	newSim(t, Options{}).ServeHTTP(w,
		signed(httptest.NewRequest(http.MethodPost, metricPath+"GetMetricData", strings.NewReader("\x01"))))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "SerializationException") {
		t.Errorf("no object: %d %s", w.Code, w.Body)
	}
}

// signed makes a request one of CloudWatch.
func signed(r *http.Request) *http.Request {
	r.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/us-east-1/monitoring/aws4_request, Signature=x")
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	return r
}
