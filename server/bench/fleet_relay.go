//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// link is what becomes of requests on their way to S3.
type link struct {
	mu     sync.Mutex
	cut    bool          // nothing gets through
	delay  time.Duration // of each request
	broken int           // so many of a thousand are answered by 500 or 409
	lost   int           // so many of a thousand PUTs are made and not answered
	deaf   bool          // all is made, and nothing answered
	left   int           // so many requests more until the process is killed; 0: it isn't
	then   bool          // by that one having been made, not before it
	kill   func()
	random func(n int) int
	since  time.Time // when that changed
}

// set changes what becomes of requests. Those that are on their way stay what they are.
func (l *link) set(change func(*link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	under := l.delay
	change(l)
	l.since = time.Now().Add(under)
}

// calm reports whether nothing was wrong since a moment.
func (l *link) calm(since time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.cut && !l.deaf && l.left == 0 && l.delay == 0 && l.broken == 0 && l.lost == 0 && l.since.Before(since)
}

func (l *link) get() (cut bool, delay time.Duration, broken, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut, l.delay, l.random(1000) < l.broken, l.random(1000) < l.lost
}

func (l *link) mend() {
	l.set(func(l *link) { l.cut, l.deaf, l.delay, l.broken, l.lost = false, false, 0, 0, 0 })
}

// dies counts a request, and reports whether the process is killed by it: before it is made, or when it is.
func (l *link) dies(made bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 || l.then != made {
		return false
	}
	l.left--
	if l.left == 0 {
		l.kill()
	}
	return l.left == 0
}

// counts reports whether requests are counted until one kills the process.
func (l *link) counts() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left > 0
}

func (l *link) isDeaf() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deaf
}

// relay is the way of one server to S3.
type relay struct {
	server *fleetServer
	proxy  *httputil.ReverseProxy
}

// ServeHTTP implements [http.Handler].
func (r *relay) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	cut, delay, broken, lost := r.server.link.get()
	if delay > 0 {
		select {
		case <-q.Context().Done():
			panic(http.ErrAbortHandler)
		case <-time.After(delay):
		}
	}
	switch {
	case cut, r.server.link.dies(false):
		panic(http.ErrAbortHandler)
	case r.server.link.isDeaf():
		r.put(w, q, true)
		return
	case broken && r.server.link.random(2) == 0:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case broken:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, "<Error><Code>ConditionalRequestConflict</Code><Message>again</Message></Error>")
		return
	case q.Method != http.MethodPut && !r.server.link.counts():
		r.proxy.ServeHTTP(w, q)
		return
	}
	r.put(w, q, lost)
}

// put makes a request as a whole, whatever becomes of its answer. Heads of head are in order, and noted.
func (r *relay) put(w http.ResponseWriter, q *http.Request, lost bool) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	q.Body, q.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	rec := httptest.NewRecorder()
	world := r.server.world
	// It is made as a whole, whether anybody waits for it or not.
	q = q.WithContext(context.WithoutCancel(q.Context()))
	if strings.HasSuffix(q.URL.Path, "/head") {
		world.mu.Lock()
		r.proxy.ServeHTTP(rec, q)
		if rec.Code == http.StatusOK && q.Method == http.MethodPut {
			world.noteHead(r.server, body)
		}
		world.mu.Unlock()
	} else {
		r.proxy.ServeHTTP(rec, q)
		_, commit, isCommit := strings.Cut(q.URL.Path, "/commit/")
		if isCommit && rec.Code == http.StatusOK && q.Method == http.MethodPut {
			world.mu.Lock()
			world.commits["commit/"+commit] = body
			world.mu.Unlock()
		}
	}
	if lost || r.server.link.dies(true) {
		panic(http.ErrAbortHandler)
	}
	for key, values := range rec.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}
