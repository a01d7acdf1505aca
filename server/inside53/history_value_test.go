package main

import "testing"

// TestPlainValue: people read words, in the order that they are kept in.
func TestPlainValue(t *testing.T) {
	for value, want := range map[string]string{
		"10.0.0.1":    "10.0.0.1",
		"{not JSON":   "{not JSON",
		`"{\"a\":1}"`: `"{\"a\":1}"`,
		"{}":          "",
		`{"B": "b", "A": [], "C": null, "D": "", "E": {"Z": "z", "A": ["a", "b"]}, "F": 7, "G": true}`: "B b, E z a b, " +
			"F 7, G true",
		`{"Instance":"i-1","VPC":"vpc-1","Names":[{"Text":"web","From":"dns tag"},{"Text":"web-2","From":"dns tag"}],` +
			`"Private":"10.0.2.21","Public":"","IPv6":null}`: "Instance i-1, VPC vpc-1, Names web dns tag web-2 dns tag, " +
			"Private 10.0.2.21",
	} {
		if got := plainValue(value); got != want {
			t.Errorf("%s\nreads  %s\nwanted %s", value, got, want)
		}
	}
}
