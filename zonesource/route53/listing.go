package route53

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
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

	known []zonesource.Page // of the last listing; none: nothing is compared
	pages []zonesource.Page // those that came, while all of them have sums
	count int               // pages that were decoded
	raw   []rawPage         // those at the begin that are the same as known and aren't decoded
	seen  map[position]int  // record sets that came, by the number of their page
}

// rawPage is a page that isn't decoded.
type rawPage struct {
	start position
	body  []byte
}

// unchanged reports whether all pages are those of the last listing.
func (l *listing) unchanged() bool { return len(l.raw) > 0 && len(l.raw) == len(l.known) }

// size is the number of record sets listed.
func (l *listing) size() int {
	if l.unchanged() {
		return l.known[len(l.known)-1].Items
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
// one before said. Pages at the begin that are the same as last time aren't decoded, nor are
// all of them if none differs.
func (l *lister) listPages(ctx context.Context, z *state, known []zonesource.Page) (*listing, error) {
	all := &listing{known: known, seen: map[position]int{}}
	what := "listing record sets of " + z.describe()
	page := 0
	err := awscall.Pages(what, func(start position) (position, error) {
		page++
		p := awscall.Page{}
		if !l.hinted { // out of turn, nothing is compared
			p.Salt = awscall.Sum(l.source.program)
		}
		if len(all.raw) == page-1 && page <= len(known) {
			p.Want = awscall.Sum(known[page-1].Sum)
		}
		out, err := call(awscall.WithPage(ctx, &p), l, l.api.records, what, z.page(start))
		if err != nil {
			return position{}, err
		}
		if p.Same {
			all.raw = append(all.raw, rawPage{start, p.Body})
			return parsePosition(known[page-1].Next), nil
		}
		if len(all.raw) == page-1 {
			err = l.decode(ctx, z, all)
			if err != nil {
				return position{}, err
			}
		}
		next, err := all.read(out, start, page, zonesource.Sum(p.Sum))
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

// decode decodes the pages that were known and aren't decoded: another page of the listing
// differs. It leaves no page raw.
func (l *lister) decode(ctx context.Context, z *state, all *listing) error {
	raw := all.raw
	all.raw = nil
	for i, r := range raw {
		raw[i].body = nil
		out, err := l.api.records.Call(awscall.WithBody(ctx, r.body), z.page(r.start))
		if err == nil {
			_, err = all.read(out, r.start, i+1, all.known[i].Sum)
		}
		if err != nil {
			return fmt.Errorf("listing record sets of %s: page %d: %w", z.describe(), i+1, err)
		}
	}
	all.known = nil
	return nil
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
func (l *listing) read(out *route53.ListResourceRecordSetsOutput, start position, page int, is zonesource.Sum,
) (position, error) {
	next, err := following(out, start)
	if err != nil {
		return position{}, err
	}
	if !l.add(out.ResourceRecordSets, start, page, l.seen) {
		return position{}, nil
	}
	if is != (zonesource.Sum{}) && len(l.pages) == page-1 {
		l.pages = append(l.pages, zonesource.Page{Sum: is, Next: next.text(), Items: len(l.sets)})
	}
	l.count = page
	return next, nil
}

// knownPages are the pages by which the same listing is recognised the next time; none where
// it showed signs of change, or pages have no sums.
func (l *listing) knownPages() []zonesource.Page {
	if l.shifted || l.cut || l.twice != nil || len(l.pages) != l.count {
		return nil
	}
	return l.pages
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
