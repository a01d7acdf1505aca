package config

import "testing"

// TestFleetSection reads the section fleet.
func TestFleetSection(t *testing.T) {
	const ok = "route53:\nkeys: [{name: fleet, secret: MDEyMzQ1Njc4OWFiY2RlZg==}]\n"
	c := parseGood(t, ok+"fleet: {store: s3://bucket/a/b/, keys: [fleet]}\n")
	if c.Fleet.Store.String() != "s3://bucket/a/b" || c.Fleet.Poll.String() != "5s" || c.Fleet.Address.IsValid() {
		t.Errorf("%+v", c.Fleet)
	}
	c = parseGood(t, ok+"fleet: {store: s3://bucket, keys: [fleet], address: '10.0.0.9', name: a, poll: 1s}\n")
	if c.Fleet.Store.String() != "s3://bucket" || c.Fleet.Address.String() != "10.0.0.9:53" {
		t.Errorf("%+v", c.Fleet)
	}
}
