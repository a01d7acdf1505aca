package observe

import (
	"cmp"
	"slices"
	"strings"
)

// sketch counts what comes most often with a fixed number of counters (Space-Saving): where all
// are taken the least one is given to what comes, which begins with its count as an error.
type sketch struct {
	index map[string]int // into heap
	heap  []counter      // the least first
	size  int
}

// counter counts one key. count is too much by error at most.
type counter struct {
	key          string
	count, error uint64
}

func newSketch(size int) sketch { return sketch{index: make(map[string]int, size), size: size} }

// add counts a key n times. The key is borrowed.
func (s *sketch) add(key []byte, n uint64) {
	i, known := s.index[string(key)]
	switch {
	case known:
		s.heap[i].count += n
	case len(s.heap) < s.size:
		i = len(s.heap)
		s.heap = append(s.heap, counter{key: string(key), count: n})
		s.index[s.heap[i].key] = i
		for i > 0 && s.heap[(i-1)/2].count > s.heap[i].count {
			s.swap(i, (i-1)/2)
			i = (i - 1) / 2
		}
		return
	default:
		i = 0
		least := &s.heap[0]
		delete(s.index, least.key)
		*least = counter{key: string(key), count: least.count + n, error: least.count}
		s.index[least.key] = 0
	}
	s.sink(i)
}

// sink puts a counter that has grown into its place.
func (s *sketch) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s.heap); child++ {
			if s.heap[child].count < s.heap[least].count {
				least = child
			}
		}
		if least == i {
			return
		}
		s.swap(i, least)
		i = least
	}
}

func (s *sketch) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.index[s.heap[i].key], s.index[s.heap[j].key] = i, j
}

// clear forgets everything.
func (s *sketch) clear() {
	clear(s.index)
	clear(s.heap)
	s.heap = s.heap[:0]
}

// certain adds what is certain of each count to a sum.
func (s *sketch) certain(sum map[string]uint64) {
	for i := range s.heap {
		sum[s.heap[i].key] += s.heap[i].count - s.heap[i].error
	}
}

// most returns the largest counts, the largest first.
func most(sum map[string]uint64, limit int) []Row {
	rows := make([]Row, 0, len(sum))
	for key, n := range sum {
		if n > 0 {
			rows = append(rows, Row{Key: key, Count: n})
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Key, b.Key))
	})
	return rows[:min(len(rows), limit)]
}
