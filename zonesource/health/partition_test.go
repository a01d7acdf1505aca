package health

import "testing"

// TestMetricRegion: the metrics of health checks are in the home region of Route 53 of each
// partition, from whatever region of it they are asked for.
func TestMetricRegion(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1": "us-east-1", "us-east-1": "us-east-1", "": "us-east-1",
		"cn-north-1": "cn-northwest-1", "us-gov-east-1": "us-gov-west-1",
		"us-iso-west-1": "us-iso-east-1", "us-isob-west-1": "us-isob-east-1", "eu-isoe-west-1": "eu-isoe-west-1",
		"us-isof-east-1": "us-isof-south-1", "eusc-de-east-1": "eusc-de-east-1",
	} {
		if got := metricRegion(region); got != want {
			t.Errorf("metrics for %q are in %s, want %s", region, got, want)
		}
	}
}
