package zonesource

import (
	"slices"
	"sort"
	"strings"
)

// Lists of regions are in the order of ids; things of one id follow each other.

// HostID is the id by which hosts are in order.
func HostID(h *Host) string { return h.Instance }

// InterfaceID is the id by which interfaces are in order.
func InterfaceID(f *Interface) string { return f.ID }

// PlacesOf are the places from and to which a list has the things of an id.
func PlacesOf[T any](list []T, id string, of func(T) string) (from, to int) {
	from = sort.Search(len(list), func(i int) bool { return of(list[i]) >= id })
	for to = from; to < len(list) && of(list[to]) == id; to++ {
	}
	return from, to
}

// roomForOthers is how many things more there is room for in a list of those that stay.
const roomForOthers = 64

// Without returns a new list without some places, which are in order.
func Without[T any](list []T, places []int) []T {
	kept, from := make([]T, 0, len(list)+roomForOthers), 0
	for _, at := range places {
		kept = append(kept, list[from:at]...)
		from = at + 1
	}
	return append(kept, list[from:]...)
}

// Merge merges two lists; nil for none. Of one id those of the first come first. It may use the room of the first one.
func Merge[T any](list, others []T, of func(T) string) []T {
	end := len(list)
	list = append(list, others...)
	for k := len(others) - 1; k >= 0; k-- {
		last := of(others[k])
		at := sort.Search(end, func(i int) bool { return of(list[i]) > last })
		copy(list[at+k+1:], list[at:end])
		list[at+k], end = others[k], at
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// sortedBy returns a list in the order of ids.
func sortedBy[T any](list []T, of func(T) string) []T {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(of(a), of(b)) })
	return list
}
