package ec2

import (
	"strings"

	"inside53/zonesource"
	"inside53/zonesource/breath"
)

// pageIDs are the ids that stand in pages, by the sums of these: so what may have gone is known where a page is another
// one, without a look at all others. They are what pages say, whoever has decoded them.
type pageIDs map[zonesource.Sum]idList

// idList are ids as they are written, each with the one character behind it that can't be in it.
type idList string

const afterID = "<"

// each visits the ids.
func (l idList) each(visit func(id string)) {
	var pace breath.Pace
	for n := 1; len(l) > 0; n++ {
		if n%16 == 0 { // they cost little
			pace.Step()
		}
		id, rest, _ := strings.Cut(string(l), afterID)
		visit(id)
		l = idList(rest)
	}
}

// idsIn returns the ids that stand in a page, or in a part of it.
func (f *form) idsIn(page []byte) idList {
	var b strings.Builder
	f.eachID(page, func(id []byte) {
		b.Write(id)
		b.WriteString(afterID)
	})
	return idList(b.String())
}

// of returns the ids of a page as it came.
func (x pageIDs) of(f *form, is *zonesource.Page, raw []byte) idList {
	ids, known := x[is.Sum]
	if !known {
		ids = f.idsIn(raw)
		x[is.Sum] = ids
	}
	return ids
}

// keep forgets all pages but those of a listing.
func (x pageIDs) keep(pages []zonesource.Page) {
	there := make(map[zonesource.Sum]bool, len(pages))
	for i := range pages {
		there[pages[i].Sum] = true
	}
	for sum := range x {
		if !there[sum] {
			delete(x, sum)
		}
	}
}

// remember notes the ids of the pages of an operation, as they came.
func remember[Item any](l *listing, f *form, pages lazy[Item]) {
	for i := range pages {
		if p := &pages[i]; p.raw != nil {
			l.ids.of(f, &l.pages.now[p.at], p.raw)
		}
	}
}

// mayHaveLeft returns the ids that pages of an operation had which aren't the same any more. They aren't ok where that
// isn't known, or where something of the other pages is to be decoded once more.
func mayHaveLeft[Item any](l *listing, f *form, pages lazy[Item]) (ids map[string]bool, ok bool) {
	ids, n := map[string]bool{}, 0
	for i := range l.pages.known {
		was := &l.pages.known[i]
		if was.Of != f.operation {
			continue
		}
		same := n < len(pages) && pages[n].same
		n++
		had, known := l.ids[was.Sum]
		if !known || was.Chunks == "" || same && hasForgotten(was.Chunks) {
			return nil, false
		}
		if !same {
			had.each(func(id string) { ids[id] = false })
		}
	}
	return ids, n > 0
}

// eachSame visits the ids of the pages that are the same. They are known, see [mayHaveLeft].
func eachSame[Item any](l *listing, pages lazy[Item], visit func(id string)) {
	for i := range pages {
		if pages[i].same {
			l.ids[l.pages.now[pages[i].at].Sum].each(visit)
		}
	}
}
