package awssim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"inside53/examples"
)

// TestMetricQuery asks by CloudWatch's older protocol.
func TestMetricQuery(t *testing.T) {
	s := newSim(t, Options{Data: examples.Demo()})
	ask := func(form string) (int, string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+
			"AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	member := func(n, id, check string) string {
		of := "&MetricDataQueries.member." + n
		stat := of + ".MetricStat."
		return of + ".Id=" + id + stat + "Period=60" + stat + "Stat=Minimum" + stat + "Metric.Namespace=AWS%2FRoute53" +
			stat + "Metric.MetricName=HealthCheckStatus" + stat + "Metric.Dimensions.member.1.Name=HealthCheckId" +
			stat + "Metric.Dimensions.member.1.Value=" + check
	}
	const check = "0b6f8a1e-2c47-4d0e-9a51-7d3c5e8f1a20"
	const head = "Action=GetMetricData&Version=2010-08-01&StartTime=2026-01-01T00:00:30Z&EndTime=2026-01-01T00%3A02%3A00Z"
	status, body := ask(head + member("10", "b", "unknown") + member("2", "a", check))
	want := `<MetricDataResults><member><Id>a</Id><Label>HealthCheckStatus</Label><StatusCode>Complete</StatusCode>` +
		`<Timestamps><member>2026-01-01T00:01:00.000Z</member><member>2026-01-01T00:00:00.000Z</member></Timestamps>` +
		`<Values><member>1</member><member>1</member></Values></member>` +
		`<member><Id>b</Id><Label>HealthCheckStatus</Label><StatusCode>Complete</StatusCode>` +
		`<Timestamps></Timestamps><Values></Values></member></MetricDataResults>`
	if status != http.StatusOK || !strings.Contains(body, want) || !strings.Contains(body, metricNamespace) {
		t.Errorf("%d %s", status, body)
	}
	for form, want := range map[string]string{
		head + "&" + strings.Repeat("a.", 1<<20) + "a=1": "is no member",
		head: "The parameter MetricDataQueries is required.",
		strings.Replace(head, "T00:00:30Z", "", 1) + member("1", "a", check):                       "StartTime",
		head + strings.Replace(member("1", "a", check), "Period=60", "Period=x", 1):                "Period",
		head + "&MaxDatapoints=3" + member("1", "a", check):                                        "MaxDatapoints",
		strings.Replace(head, "GetMetricData", "ListMetrics", 1):                                   "UnknownOperation",
		head + "&MetricDataQueries.member.1=x" + member("1", "a", check):                           "",
		head + member("1", "a", check) + "&MetricDataQueries.member.1.MetricStat.Metric=something": "",
	} {
		status, body := ask(form)
		if want == "" && status != http.StatusOK {
			t.Errorf("%s: %d %s", form, status, body)
		}
		if want != "" && (status < 400 || !strings.Contains(body, "<ErrorResponse") || !strings.Contains(body, want)) {
			t.Errorf("%s: %d %s", form, status, body)
		}
	}
}
