//go:build linux

package main

import "testing"

func TestChangesAreSeen(t *testing.T) {
	c, err := measureChanges(t.Context(), 100, 2, true)
	if err != nil {
		t.Fatal(err)
	}
	if c.one.least <= 0 || c.listing.least <= 0 {
		t.Errorf("changes took no time: %+v", c)
	}
}
