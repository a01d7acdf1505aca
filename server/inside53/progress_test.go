package main

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"inside53/server"
)

// TestProgressBelowLog: lines of the log stand above the one that says how far it is.
func TestProgressBelowLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		u := &underLog{to: &out}
		_, _ = u.Write([]byte("one\n"))
		readings := make(chan server.Reading, 1)
		last := server.Reading{}
		ended := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			defer close(ended)
			u.watch(ctx, func() server.Reading {
				select {
				case last = <-readings:
				default:
				}
				return last
			})
		}()
		next := func(r server.Reading) {
			readings <- r
			time.Sleep(2 * progressPause)
		}
		time.Sleep(2 * progressPause)
		next(server.Reading{Done: 2, Missing: []string{"zone \x1b.example.", "zone b.example."}})
		_, _ = u.Write([]byte("two\n"))
		next(server.Reading{Done: 3, Missing: []string{"zone b.example."}})
		next(server.Reading{Done: 4, Complete: true})
		<-ended
		const gone = "\r\x1b[K"
		const want = "one\n" + "reading what there is ..." + gone + "read 2 of 4 parts, next zone ?.example." + gone +
			"two\n" + "read 2 of 4 parts, next zone ?.example." + gone + "read 3 of 4 parts, next zone b.example." + gone
		if out.String() != want {
			t.Errorf("%q, want\n%q", out.String(), want)
		}
	})
}
