package awssim

import (
	"errors"
	"slices"
)

// listing is a whole list, about to be answered page by page.
type listing[T any] struct {
	call  *call
	name  string            // which list it is, for the fault "changing"
	items []T               // all, in order
	place func(T) position  // tells items apart
	keep  func(item T) bool // items the fault "changing" must leave; nil: none
}

// window is a part of a listing.
type window[T any] struct {
	items []T
	next  int // index of the first item after it; -1 when there is none
}

// visible leaves out what the fault "changing" has hidden. It comes before any look for a start.
func (l *listing[T]) visible() {
	s := l.call.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	hidden := s.hidden[l.name]
	if len(hidden) == 0 {
		return
	}
	l.items = slices.DeleteFunc(slices.Clone(l.items), func(item T) bool { return hidden[l.place(item)] })
}

// page cuts out the page of at most size items from index start, meeting the faults of that page.
// The error may be errCut beside a valid window.
func (l *listing[T]) page(start, size int) (window[T], error) {
	start = min(start, len(l.items))
	empty, err := l.call.meetFault((start+size-1)/size + 1)
	if err != nil && !errors.Is(err, errCut) || empty {
		return window[T]{next: -1}, err
	}
	end := min(start+size, len(l.items))
	w := window[T]{items: l.items[start:end], next: end}
	if end == len(l.items) {
		w.next = -1
	}
	if l.call.shifting && w.next >= 0 {
		l.shift(w.items)
	}
	if l.call.stuck && len(w.items) > 0 {
		w.next = start
	}
	return w, err
}

// shift hides the first item of a page that may go, or brings back what it hid before.
func (l *listing[T]) shift(page []T) {
	s := l.call.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hidden[l.name]) > 0 {
		delete(s.hidden, l.name)
		return
	}
	for _, item := range page {
		if l.keep == nil || !l.keep(item) {
			s.hidden[l.name] = map[position]bool{l.place(item): true}
			return
		}
	}
}

// marks are what a page says of itself and of the next one.
type marks struct {
	Marker      string
	IsTruncated bool
	NextMarker  string `xml:",omitempty"`
	MaxItems    int
}

// marked is page for the operations whose marker is the id of a page's first item; what is
// the name of such an item.
func (l *listing[T]) marked(size int, what string, id func(T) string) (window[T], marks, error) {
	m := marks{Marker: l.call.form.Get("marker"), MaxItems: size}
	start := 0
	if m.Marker != "" {
		start = slices.IndexFunc(l.items, func(item T) bool { return id(item) == m.Marker })
	}
	if start < 0 {
		return window[T]{next: -1}, m, invalidInput("The marker %s is not valid: no such %s", m.Marker, what)
	}
	w, err := l.page(start, size)
	m.IsTruncated = w.next >= 0
	if m.IsTruncated {
		m.NextMarker = id(l.items[w.next])
	}
	return w, m, err
}
