package ec2

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// pages are those of one listing, of all its operations.
type pages struct {
	salt   zonesource.Sum
	known  []zonesource.Page // of the last listing; none: nothing is known
	now    []zonesource.Page
	count  map[string]int // of now, by operation
	same   int            // of now
	failed bool           // something optional: what is known stays for a reason that pages don't tell
	blind  bool           // some have no sum
}

// unchanged reports whether all pages are those of the last listing.
func (p *pages) unchanged() bool {
	return !p.failed && p.same > 0 && p.same == len(p.now) && p.same == len(p.known)
}

// areKnown reports whether there is something to compare with, and to be remembered.
func (p *pages) areKnown() bool { return !p.failed && !p.blind && len(p.known) > 0 }

// isSame reports whether the pages of an operation are those of the last listing.
func (p *pages) isSame(operation string) bool {
	isOther := func(o zonesource.Page) bool { return o.Of != operation }
	return slices.Equal(slices.DeleteFunc(slices.Clone(p.now), isOther), slices.DeleteFunc(slices.Clone(p.known), isOther))
}

// list is what to remember for the next listing.
func (p *pages) list() []zonesource.Page {
	if p.failed || p.blind {
		return nil
	}
	return p.now
}

// more is the Next of a page that isn't the last one: tokens differ from call to call.
const more = "more"

// lazy are the items of an operation, of which pages that are the same as last time are
// decoded when they are asked for.
type lazy[Item any] []lazyPage[Item]

// lazyPage is one page of them.
type lazyPage[Item any] struct {
	items  []Item
	raw    []byte  // that isn't decoded; nil: items are all
	same   bool    // as last time
	came   *page   // as it came
	window *window // where it differs from the one that stood in its place; nil: that isn't known
	at     int     // of the pages of the listing
	decode func(ctx context.Context, raw []byte) ([]Item, error)
}

// all decodes what isn't decoded yet.
func (l lazy[Item]) all(ctx context.Context) ([]Item, error) {
	var all []Item
	for i := range l {
		some, err := l[i].get(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// get decodes the page, if it isn't decoded yet.
func (p *lazyPage[Item]) get(ctx context.Context) ([]Item, error) {
	if p.raw == nil {
		return p.items, nil
	}
	return p.decode(ctx, p.raw)
}

// listAll follows the pages of an operation. input makes that of a page, and items takes
// a page apart.
func listAll[In, Out, Item any](
	ctx context.Context, l *listing, op awscall.Op[In, Out], input func(token *string) *In,
	items func(*Out) ([]Item, *string),
) (lazy[Item], error) {
	var found lazy[Item]
	form, hasForm := formOf(op.Name)
	isMembers := op.Name == l.api.scaling.Name // of pages of these some aren't decoded: see vitals.failing
	err := awscall.Pages(op.Name, func(token string) (string, error) {
		p := awscall.Page{Salt: awscall.Sum(l.pages.salt), Raw: hasForm || isMembers}
		want := l.pages.next(op.Name)
		last := l.after(op.Name, want)
		if want != nil {
			p.Want = awscall.Sum(want.Sum)
		}
		if last != nil {
			p.Last = last.body
		}
		in := input(awscall.Token(token))
		out, err := ask(awscall.WithPage(ctx, &p), l.o.CallTimeout, op, in)
		if err != nil {
			return "", err
		}
		decode := func(ctx context.Context, raw []byte) ([]Item, error) {
			out, err := op.Call(awscall.WithBody(ctx, raw), in)
			if err != nil {
				return nil, fmt.Errorf("decoding a page of %s: %w", op.Name, err)
			}
			some, _ := items(out)
			return some, nil
		}
		is := zonesource.Page{Of: op.Name, Sum: zonesource.Sum(p.Sum)}
		next := p.Token
		came, differing, waits := &page{sum: is.Sum, body: p.Body, more: p.Token != ""}, (*window)(nil), false
		at := len(l.pages.now)
		switch {
		case p.Body == nil || p.Same:
		case isMembers:
			waits = bytes.Contains(p.Body, []byte("<NextToken>")) == (p.Token != "")
		default:
			differing, waits = l.cutAfter(&form, last, came)
			is.Chunks = came.cut.sums(&form, nil)
		}
		switch {
		case p.Same && (next != "") == (want.Next == more):
			is.Chunks = want.Chunks
			if last != nil {
				came = last
			}
			found = append(found, lazyPage[Item]{raw: p.Body, same: true, came: came, at: at, decode: decode})
		case waits:
			found = append(found, lazyPage[Item]{raw: p.Body, came: came, window: differing, at: at, decode: decode})
		case p.Body != nil: // the token isn't where it is looked for, or it isn't what EC2 writes
			out, err = op.Call(awscall.WithBody(ctx, p.Body), in)
			if err != nil {
				return "", fmt.Errorf("decoding a page of %s: %w", op.Name, err)
			}
			fallthrough
		default:
			some, token := items(out)
			next = aws.ToString(token)
			found = append(found, lazyPage[Item]{items: some, at: at})
			came = &page{sum: is.Sum, body: p.Body, more: next != ""}
		}
		if next != "" {
			is.Next = more
		}
		l.remember(op.Name, came)
		l.pages.add(is, p.Same)
		return next, nil
	})
	return found, err
}

// next returns what is known of the page of an operation that comes next; nil for nothing.
func (p *pages) next(operation string) *zonesource.Page {
	n := p.count[operation]
	for i := range p.known {
		if p.known[i].Of != operation {
			continue
		}
		if n == 0 {
			return &p.known[i]
		}
		n--
	}
	return nil
}

// add notes a page that came.
func (p *pages) add(is zonesource.Page, same bool) {
	p.blind = p.blind || is.Sum == zonesource.Sum{}
	p.now = append(p.now, is)
	if p.count == nil {
		p.count = map[string]int{}
	}
	p.count[is.Of]++
	if same {
		p.same++
	}
}

// saltOf names what a listing is decoded for, and by which program.
func (o *Options) saltOf(a Account) zonesource.Sum {
	program := o.Program()
	return sha256.Sum256(fmt.Appendf(program[:], "%q %q %q %t %t %q", a.ID, o.Names, o.NameTag, o.LoadBalancers,
		o.Affinity, o.Health))
}
