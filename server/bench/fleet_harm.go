//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"inside53/zonesource/awssim"
)

const (
	// fleetDivisor is what the ages of what is kept are divided by: an hour is 3 s, a day 72 s.
	fleetDivisor = 1200
	// clocksApart bounds by how many seconds a clock is wrong; signatures bear 300.
	clocksApart = 120
	// failpoints bounds how many requests further a process is killed.
	failpoints = 14
	// A process is stopped for so long.
	shortestStop = 100 * time.Millisecond
	longestStop  = 30 * time.Second
)

// harm does one server, or the store, some harm.
func (r *fleetRun) harm(ctx context.Context, s *fleetServer, under *sync.WaitGroup) error {
	later := func(what string, from, to time.Duration, do, undo func()) {
		r.note(what, s.name)
		do()
		under.Go(func() {
			_ = sleep(ctx, r.between(from, to)) // it is undone at the end too
			undo()
		})
	}
	linked := func(what string, to time.Duration, do func(l *link)) {
		later(what, 500*time.Millisecond, to, func() { s.link.set(do) }, s.link.mend)
	}
	switch r.random(16) {
	case 0:
		return r.restart(ctx, s)
	case 1, 2:
		r.failpoint(ctx, s, under)
	case 3, 4:
		long := r.stopFor()
		if r.lead().server == s {
			r.events.freeze(long)
		}
		later("stopped", long, long+time.Millisecond, func() {
			s.setBusy(true)
			s.signal(syscall.SIGSTOP)
		}, func() {
			s.signal(syscall.SIGCONT)
			under.Go(func() { _ = s.awaitReady(context.WithoutCancel(ctx)) })
		})
	case 5:
		linked("cut off S3", 12*time.Second, func(l *link) { l.cut = true })
	case 6:
		linked("S3: made, no answers", 12*time.Second, func(l *link) { l.deaf = true })
	case 7:
		delay := r.between(100*time.Millisecond, 5*time.Second)
		linked("S3 late by up to 5 s", 8*time.Second, func(l *link) { l.delay = delay })
	case 8:
		linked("S3: 500 and 409", 8*time.Second, func(l *link) { l.broken = 50 })
	case 9:
		linked("S3: answers to PUT lost", 8*time.Second, func(l *link) { l.lost = 300 })
	case 10:
		r.note("Route 53: fault")
		kinds := []string{"500", "throttle", "fail"}
		return r.sim.AddFaults(awssim.Fault{Operation: "ChangeResourceRecordSets", Fault: kinds[r.random(len(kinds))],
			Count: 1 + r.random(2)})
	case 11:
		ahead := time.Duration(2*r.random(2)-1) * time.Hour
		later("clock jumps by an hour", time.Second, 10*time.Second, func() { s.setClock(ahead) },
			func() { s.setClock(time.Duration(r.random(2*clocksApart)-clocksApart) * time.Second) })
	case 12:
		later("disk full", time.Second, 8*time.Second, func() { _ = s.disk.fill() }, func() { _ = s.disk.mend() })
	case 13:
		r.cutMembers(s, later)
	case 14:
		if !r.rollback {
			return nil
		}
		r.note("lease deleted")
		return r.bucket.Delete(ctx, "lease")
	case 15:
		if r.rollback {
			return r.rollBack(ctx)
		}
	}
	return nil
}

// failpoint kills a server between two of its requests to S3: before one is made, or when it is.
func (r *fleetRun) failpoint(ctx context.Context, s *fleetServer, under *sync.WaitGroup) {
	r.note("killed at a request to S3", s.name)
	left, then := 1+r.random(failpoints), r.random(2) == 0
	s.setBusy(true)
	s.link.set(func(l *link) {
		l.left, l.then = left, then
		l.kill = func() { s.signal(syscall.SIGKILL) }
	})
	under.Go(func() {
		for end := time.Now().Add(8 * time.Second); s.link.counts() && time.Now().Before(end); {
			if sleep(ctx, again) != nil {
				break
			}
		}
		_ = r.restart(context.WithoutCancel(ctx), s) // one that doesn't start is found at the end
	})
}

// stopFor draws for how long a process is stopped: from a tenth of a second to 30 s, each half of which is as likely by
// its logarithm, so that short stops, of which a lease is just not lost, are as many as long ones.
func (r *fleetRun) stopFor() time.Duration {
	share := float64(r.random(1000)) / 1000
	return time.Duration(float64(shortestStop) * math.Pow(float64(longestStop)/float64(shortestStop), share))
}

// setClock has the clock of a server be wrong.
func (s *fleetServer) setClock(ahead time.Duration) {
	path := filepath.Join(s.dir, "clock")
	fresh := path + ".new"
	err := os.WriteFile(fresh, fmt.Appendf(nil, "%s %d\n", ahead, fleetDivisor), 0o600)
	if err == nil {
		_ = os.Rename(fresh, path) // else it stays as it was
	}
}

// cutMembers cuts what a server sends to another, one way or both.
func (r *fleetRun) cutMembers(s *fleetServer, later func(string, time.Duration, time.Duration, func(), func())) {
	other := r.all[r.random(len(r.all))]
	if other == s || r.cuts == nil {
		return
	}
	there := direction{s.dns().Addr(), other.dns().Addr()}
	ways, what := []direction{there}, "link of two cut one way"
	if r.random(2) == 0 {
		ways, what = append(ways, direction{there.to, there.from}), "link of two cut both ways"
	}
	later(what, time.Second, 8*time.Second, func() { r.fail(r.cuts.set(ways, true)) },
		func() { r.fail(r.cuts.set(ways, false)) })
}

// fail notes what the test itself couldn't do.
func (r *fleetRun) fail(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, err)
}

// rollBack sets head back to one that there was, or empties the bucket.
func (r *fleetRun) rollBack(ctx context.Context) error {
	r.fleetWorld.mu.Lock()
	defer r.fleetWorld.mu.Unlock()
	n := len(r.heads)
	if n < 12 || r.heads[n-1].Set {
		return nil
	}
	if r.random(2) == 0 {
		at := n - 2 - r.random(4)
		if r.heads[at].Set {
			return nil
		}
		_, tag, err := r.bucket.Get(ctx, "head", "", 1<<20)
		if err == nil {
			_, err = r.bucket.Put(ctx, "head", r.heads[at].body, tag)
		}
		if err == nil { // else another time
			r.note("head set back")
			r.setHead(r.heads[at])
		}
		return nil
	}
	return r.empty()
}

// setHead notes that head isn't what a server has written last, but one before, or none. The caller holds mu.
func (r *fleetRun) setHead(is seenHead) {
	r.heads = append(r.heads, seenHead{Set: true, At: time.Since(r.began), Version: is.Version, Epoch: is.Epoch,
		Leader: is.Leader, Commit: is.Commit})
	r.sets++
}

// empty empties the bucket. The caller holds mu.
func (r *fleetRun) empty() error {
	r.note("bucket emptied")
	top := filepath.Join(r.store, fleetBucket, fleetPrefix)
	// What S3 knows of the objects goes too, and what is written meanwhile.
	var err error
	for range 20 {
		err = os.RemoveAll(filepath.Join(r.dir, "sidecar", fleetBucket, fleetPrefix))
		entries, listErr := os.ReadDir(top)
		err = errors.Join(err, listErr)
		for _, e := range entries {
			err = errors.Join(err, os.RemoveAll(filepath.Join(top, e.Name())))
		}
		if err == nil {
			break
		}
	}
	r.setHead(seenHead{})
	return err
}
