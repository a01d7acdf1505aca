package route53

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/breath"
	"inside53/zonesource/rdata"
)

// recordSet is one resource record set as listed.
type recordSet = types.ResourceRecordSet

const setsPerPage = 300 // the most that ListResourceRecordSets gives

// listing is the outcome of all pages of one zone.
type listing struct {
	sets []recordSet
	// shifted says that a page didn't begin where the one before had announced: a
	// record set was deleted, or added, between the two.
	shifted bool
	// cut says that a page was announced and came empty. Either all that
	// followed was deleted within a second, or the answer was wrong.
	cut bool
	// twice is a record set that came on two pages, where the listing was broken off.
	// Two on one page are what the zone holds, if not in Route 53 then in others: they
	// don't make the rest of it doubtful.
	twice *position
	// again says that a group over the border of two pages came on both: who joins the pages has it twice.
	again bool

	known []zonesource.Page // of the last listing; none: nothing is compared
	pages []zonesource.Page // those that came, while all of them have sums
	count int               // pages that were decoded
	raw   []rawPage         // those that came, while none of them is decoded
	seen  map[position]int  // record sets that came, by the number of their page
}

// rawPage is a page that isn't decoded.
type rawPage struct {
	start position
	body  []byte
	page  zonesource.Page
	same  bool    // as last time
	is    digest  // where it isn't the same
	cut   cutting // where it is needed
}

// cutting is the page in its record sets.
func (r *rawPage) cutting(pace *breath.Pace) (*cutting, bool) {
	ok := r.cut.body != nil
	if !ok {
		r.cut, ok = cut(r.body, pace)
	}
	return &r.cut, ok
}

// unchanged reports whether all pages are those of the last listing.
func (l *listing) unchanged() bool {
	return len(l.raw) > 0 && len(l.raw) == len(l.known) &&
		!slices.ContainsFunc(l.raw, func(r rawPage) bool { return !r.same })
}

// size is the number of record sets listed.
func (l *listing) size() int {
	if n := len(l.raw); n > 0 {
		return l.raw[n-1].page.Items
	}
	return len(l.sets)
}

// steady reports whether the listing has as many record sets as it should, and
// no sign of change.
func (l *listing) steady(count int) bool {
	return !l.shifted && !l.cut && l.twice == nil && l.size() == count
}

// listRecords lists the record sets of a zone, once more when the first listing shows
// signs of change. What it returns is complete as far as can be known. known are the pages
// of the last listing.
func (l *lister) listRecords(ctx context.Context, z *state, known []zonesource.Page) (*listing, error) {
	began := time.Now()
	first, err := l.listPages(ctx, z, known)
	if err != nil {
		return nil, err
	}
	if first.steady(z.hosted.Records - z.skew) {
		return first, nil
	}
	count := l.countAgain(ctx, z)
	if first.steady(count - z.skew) {
		return first, nil
	}
	l.source.log.Debug("zone changed while it was listed, listing it again", "zone", z.hosted.ID, "listed",
		first.size(), "counted", count, "took", time.Since(began))
	err = l.decode(ctx, z, first)
	if err != nil {
		return nil, err
	}
	second, err := l.listPages(ctx, z, nil)
	if err != nil {
		return nil, err
	}
	err = z.accept(first, second, count)
	if err != nil {
		return nil, fmt.Errorf("listing record sets of %s: %w", z.describe(), err)
	}
	return second, nil
}

// countAgain asks how many record sets there are now. Where that fails, the count that
// is known has to do.
func (l *lister) countAgain(ctx context.Context, z *state) int {
	out, err := l.getZone(ctx, z.hosted.ID, "counting the record sets of "+z.describe())
	if err == nil {
		z.hosted.Records = int(aws.ToInt64(out.HostedZone.ResourceRecordSetCount))
	}
	return z.hosted.Records
}

// tolerance is by how many record sets a count may stay wrong: some other
// implementations of the API count SOA and NS, or don't.
const tolerance = 2

// accept judges the second of two listings. One that lacks more than can be
// explained is refused: nothing must vanish by a page that was cut.
func (z *state) accept(first, second *listing, count int) error {
	n := len(second.sets)
	switch {
	case second.twice != nil:
		return fmt.Errorf("%s is listed twice", second.twice)
	case second.cut:
		return errors.New("a page that was announced is empty, twice")
	case n == 0 && count > 0:
		return fmt.Errorf("no record sets listed where Route 53 counts %d, twice", count)
	case sumOf(first.sets) == sumOf(second.sets):
		if count-n > tolerance {
			return fmt.Errorf("%d record sets listed where Route 53 counts %d, twice", n, count)
		}
		// Nothing moves, so the count is wrong and will be.
		z.skew = count - n
	case count-n > tolerance+len(first.sets)/20:
		// A zone that is being changed may differ, but not by so much.
		return fmt.Errorf("%d record sets listed where Route 53 counts %d", n, count)
	}
	return nil
}

// position identifies a record set inside a zone.
type position struct {
	name  string
	kind  types.RRType
	setID string
}

func positionOf(r *recordSet) position {
	return position{aws.ToString(r.Name), r.Type, aws.ToString(r.SetIdentifier)}
}

func (p position) String() string {
	if p.setID == "" {
		return fmt.Sprintf("%s %s", p.name, p.kind)
	}
	return fmt.Sprintf("%s %s %q", p.name, p.kind, p.setID)
}

// listPages lists all record sets of a zone, page by page, each beginning where the
// one before said. Where there are known pages none is decoded, if those that differ can be cut.
func (l *lister) listPages(ctx context.Context, z *state, known []zonesource.Page) (*listing, error) {
	all := &listing{known: known, seen: map[position]int{}}
	what := "listing record sets of " + z.describe()
	page := 0
	err := awscall.Pages(what, func(start position) (position, error) {
		page++
		p := awscall.Page{}
		if !l.hinted { // out of turn, nothing is compared
			p.Salt, p.Raw = awscall.Sum(l.source.program), true
		}
		if len(all.raw) == page-1 && page <= len(known) {
			p.Want = awscall.Sum(known[page-1].Sum)
		}
		out, err := call(awscall.WithPage(ctx, &p), l, l.api.records, what, z.page(start))
		if err != nil {
			return position{}, err
		}
		var next position
		is := zonesource.Page{Sum: zonesource.Sum(p.Sum)}
		if p.Body == nil {
			next, err = all.read(out, start, page, is)
		} else {
			next, err = l.receive(ctx, z, all, rawPage{start: start, body: p.Body, page: is, same: p.Same}, page)
		}
		if err != nil {
			return position{}, fmt.Errorf("%s: page %d: %w", what, page, err)
		}
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// receive leaves a page as it is where no page before it was decoded, and it is known or can be cut;
// else all is decoded. It returns where the next one begins.
func (l *lister) receive(ctx context.Context, z *state, all *listing, r rawPage, page int) (position, error) {
	if len(all.known) > 0 && len(all.raw) == page-1 {
		next, ok, err := l.inspect(ctx, z, all, &r, page)
		if err != nil {
			return position{}, err
		}
		if ok {
			all.raw = append(all.raw, r)
			return next, nil
		}
		err = l.decode(ctx, z, all)
		if err != nil {
			return position{}, err
		}
	}
	return l.decodePage(ctx, z, all, &r, page)
}

// inspect finds out how many record sets a page has, and where the next one begins. Of one that differs, or
// was announced otherwise, that is its tail, beside the first record set.
func (l *lister) inspect(ctx context.Context, z *state, all *listing, r *rawPage, page int) (position, bool, error) {
	before := 0
	if page > 1 {
		before = all.raw[page-2].page.Items
	}
	if r.same && (page == 1 || all.known[page-2].Next == r.start.text()) {
		was := all.known[page-1]
		r.page.Items, r.page.Next, r.page.Chunks = before+was.Items, was.Next, was.Chunks
		if page > 1 {
			r.page.Items -= all.known[page-2].Items
		}
		return parsePosition(was.Next), true, nil
	}
	_, ok := parseDigest(all.known[0].Chunks, l.source.program)
	if !ok {
		return position{}, false, nil // nothing to lay it over
	}
	var pace breath.Pace
	c, ok := r.cutting(&pace)
	if !ok {
		return position{}, false, nil
	}
	out, err := l.api.records.Call(awscall.WithBody(ctx, c.with(c.body[c.from:max(c.from, c.firstEnd)])), z.page(r.start))
	if err != nil {
		return position{}, false, err
	}
	next, err := following(out, r.start)
	if err != nil {
		return position{}, false, err
	}
	sets := out.ResourceRecordSets
	if len(sets) > 1 || page > 1 && len(sets) == 1 && r.start.splits(positionOf(&sets[0])) {
		return position{}, false, nil
	}
	all.shifted = all.shifted || page > 1 && len(sets) == 1 && !r.start.announces(positionOf(&sets[0]))
	all.cut = all.cut || page > 1 && len(sets) == 0
	r.is = c.digest
	r.page.Items, r.page.Next, r.page.Chunks = before+c.sets, next.text(), c.digest.text(l.source.program)
	return next, true, nil
}

// decode decodes the pages that came. It leaves none raw.
func (l *lister) decode(ctx context.Context, z *state, all *listing) error {
	raw := all.raw
	all.raw, all.shifted, all.cut, all.known = nil, false, false, nil
	for i := range raw {
		_, err := l.decodePage(ctx, z, all, &raw[i], i+1)
		if err != nil {
			return fmt.Errorf("listing record sets of %s: page %d: %w", z.describe(), i+1, err)
		}
		raw[i] = rawPage{}
	}
	return nil
}

// decodePage decodes a page that came.
func (l *lister) decodePage(ctx context.Context, z *state, all *listing, r *rawPage, page int) (position, error) {
	out, err := l.api.records.Call(awscall.WithBody(ctx, r.body), z.page(r.start))
	if err != nil {
		return position{}, err
	}
	if r.page.Chunks == "" {
		var pace breath.Pace
		c, ok := r.cutting(&pace)
		if ok {
			r.page.Chunks = c.digest.text(l.source.program)
		}
	}
	return all.read(out, r.start, page, r.page)
}

// page is the input for the page that begins at start.
func (z *state) page(start position) *route53.ListResourceRecordSetsInput {
	return &route53.ListResourceRecordSetsInput{
		HostedZoneId: aws.String(z.hosted.ID), MaxItems: aws.Int32(setsPerPage),
		StartRecordName: awscall.Token(start.name), StartRecordType: start.kind,
		StartRecordIdentifier: awscall.Token(start.setID),
	}
}

// read takes a page that was asked to begin at start, and returns where the next one
// begins.
func (l *listing) read(out *route53.ListResourceRecordSetsOutput, start position, page int, is zonesource.Page,
) (position, error) {
	next, err := following(out, start)
	if err != nil {
		return position{}, err
	}
	if !l.add(out.ResourceRecordSets, start, page, l.seen) {
		return position{}, nil
	}
	if is.Sum != (zonesource.Sum{}) && len(l.pages) == page-1 {
		is.Next, is.Items = next.text(), len(l.sets)
		l.pages = append(l.pages, is)
	}
	l.count = page
	return next, nil
}

// knownPages are the pages by which the same listing is recognised the next time; none where
// it showed signs of change, or pages have no sums. names is how many names the zone of the
// listing has: where the pages have another number, or a group twice, what differs can't be told from the texts.
func (l *listing) knownPages(program sum, names int) []zonesource.Page {
	pages := l.allPages()
	if l.shifted || l.cut || l.twice != nil || len(l.raw) == 0 && len(pages) != l.count {
		return nil
	}
	digests, ok := digestsOf(pages, program)
	if ok {
		_, n := join(digests)
		ok = n == names && !l.again
	}
	if !ok {
		pages = slices.Clone(pages)
		for i := range pages {
			pages[i].Chunks = ""
		}
	}
	return pages
}

// allPages are those that came, whether they are decoded or not.
func (l *listing) allPages() []zonesource.Page {
	if len(l.raw) == 0 {
		return l.pages
	}
	pages := make([]zonesource.Page, len(l.raw))
	for i := range l.raw {
		pages[i] = l.raw[i].page
	}
	return pages
}

// sum names the listing and the program that makes a zone of it.
func (l *listing) sum(program sum) zonesource.Sum {
	digests, ok := digestsOf(l.pages, program)
	if !ok || len(digests) != l.count {
		listed := sumOf(l.sets)
		return sha256.Sum256(append(program[:], listed[:]...))
	}
	chunks, _ := join(digests)
	return sumOfChunks(program, chunks)
}

// text is a position as it is saved.
func (p position) text() string {
	if p == (position{}) {
		return ""
	}
	return strings.Join([]string{p.name, string(p.kind), p.setID}, "\x00")
}

// parsePosition reads what text wrote.
func parsePosition(text string) position {
	name, rest, _ := strings.Cut(text, "\x00")
	kind, setID, _ := strings.Cut(rest, "\x00")
	return position{name, types.RRType(kind), setID}
}

// add takes a page that was asked to begin at start. seen are the record sets of this and
// earlier pages. It reports whether the listing may go on.
func (l *listing) add(sets []recordSet, start position, page int, seen map[position]int) bool {
	for i := range sets {
		p := positionOf(&sets[i])
		if page > 1 && i == 0 && !start.announces(p) {
			l.shifted = true
		}
		before := seen[p]
		switch {
		case before == 0 || before == page:
		case start.splits(p):
			l.again = true
			continue
		default:
			l.twice = &p
			return false
		}
		seen[p] = page
		l.sets = append(l.sets, sets[i])
	}
	l.cut = l.cut || page > 1 && len(sets) == 0
	return true
}

// following returns where the page after this one begins, which itself was asked to
// begin at start. The error is of a page that would come again and again.
func following(page *route53.ListResourceRecordSetsOutput, start position) (position, error) {
	if !page.IsTruncated {
		return position{}, nil
	}
	next := position{aws.ToString(page.NextRecordName), page.NextRecordType, aws.ToString(page.NextRecordIdentifier)}
	sets := page.ResourceRecordSets
	if next.name == "" || next == start || len(sets) == 0 || next == positionOf(&sets[0]) {
		return next, fmt.Errorf("%w: the next one begins at %s", awscall.ErrStuck, next)
	}
	return next, nil
}

// splits reports whether a record set that comes again is of a group over the border of two
// pages, which was announced without the set identifier: then the page has to
// begin with the whole group.
func (p position) splits(again position) bool {
	return p.setID == "" && again.setID != "" && p.name == again.name && p.kind == again.kind
}

// announces reports whether the page that was said to begin at p begins at got. The
// texts of one name may differ, and not every implementation of the API names the
// set identifier.
func (p position) announces(got position) bool {
	if p.kind != got.kind || p.setID != "" && p.setID != got.setID {
		return false
	}
	if p.name == got.name {
		return true
	}
	a, err := rdata.ParseName(p.name)
	if err != nil {
		return false
	}
	b, err := rdata.ParseName(got.name)
	return err == nil && string(a) == string(b)
}
