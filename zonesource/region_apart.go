package zonesource

import (
	"slices"

	"inside53/zonesource/breath"
)

// Apart returns two versions of a region, both in the order of [Region.Sort], with what differs alone: of hosts and
// interfaces all things of an id, of other lists all that there are. Things that are the same cost a comparison.
func Apart(was, is *Region) (before, now *Region) {
	a, b := *was, *is
	a.Hosts, b.Hosts = listsApart(was.Hosts, is.Hosts, sameHost, HostID)
	a.Interfaces, b.Interfaces = listsApart(was.Interfaces, is.Interfaces, sameInterface, InterfaceID)
	if slices.EqualFunc(a.VPCs, b.VPCs, sameVPC) {
		a.VPCs, b.VPCs = nil, nil
	}
	if slices.EqualFunc(a.Subnets, b.Subnets, sameSubnet) {
		a.Subnets, b.Subnets = nil, nil
	}
	if slices.EqualFunc(a.Peerings, b.Peerings, samePeering) {
		a.Peerings, b.Peerings = nil, nil
	}
	return &a, &b
}

// listsApart returns of two lists, which are in the order of ids, the things whose ids have others in the other list.
func listsApart[T any](a, b []*T, same func(a, b *T) bool, id func(*T) string) (onlyA, onlyB []*T) {
	if len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) {
		return nil, nil
	}
	i, j := 0, 0
	var pace breath.Pace
	for n := 1; i < len(a) || j < len(b); n++ {
		if i < len(a) && j < len(b) && (a[i] == b[j] || same(a[i], b[j])) {
			if a[i] != b[j] && n%cheap == 0 {
				pace.Step()
			}
			i, j = i+1, j+1
			continue
		}
		pace.Step()
		for continues(a, i, id) || continues(b, j, id) { // of what was the same there is more, which isn't
			i, j = i-1, j-1
		}
		toA, toB := endOf(a, i, id), endOf(b, j, id)
		switch {
		case j == len(b) || i < len(a) && id(a[i]) < id(b[j]):
			toB = j
		case i == len(a) || id(b[j]) < id(a[i]):
			toA = i
		}
		onlyA, onlyB = append(onlyA, a[i:toA]...), append(onlyB, b[j:toB]...)
		i, j = toA, toB
	}
	return onlyA, onlyB
}

// continues reports whether the thing at a place is of the id of the one before.
func continues[T any](list []*T, at int, id func(*T) string) bool {
	return at > 0 && at < len(list) && id(list[at-1]) == id(list[at])
}

// endOf returns where the things of the id at a place end.
func endOf[T any](list []*T, at int, id func(*T) string) int {
	end := at
	for end < len(list) && id(list[end]) == id(list[at]) {
		end++
	}
	return end
}
