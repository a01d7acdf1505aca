package awscall

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Sum is the hash of a page.
type Sum [sha256.Size]byte

// Page is one page of a listing as it came over the wire. A call whose context has one (see
// [WithPage]) compares the page with that of the last listing before anything of it is
// decoded.
type Page struct {
	// Salt goes into the sum: what the page is decoded for, and by which program.
	Salt Sum
	// Want is the sum of the page last time, zero for none.
	Want Sum
	// Last is the page last time, of which Want is the sum; nil: it isn't kept. Octets are compared faster than they are
	// summed.
	Last []byte
	// Raw has the page not decoded, whatever it is.
	Raw bool

	// Sum is that of the page now; zero where it isn't known.
	Sum Sum
	// Same says that Sum is Want. Then, and where Raw says so, the output of the call is empty, and
	// Body is the page, for [WithBody]: Last itself, if the octets say so, which nobody may write to.
	Same bool
	Body []byte
	// Token is that of the next page, of services where it isn't a part of the sum.
	Token string
}

type (
	pageKey struct{}
	bodyKey struct{}
)

// WithPage has the next call fill p.
func WithPage(ctx context.Context, p *Page) context.Context {
	return context.WithValue(ctx, pageKey{}, p)
}

// WithBody has a call decode a page that came before, in place of asking anybody.
func WithBody(ctx context.Context, body []byte) context.Context {
	return context.WithValue(ctx, bodyKey{}, body)
}

// IsReplay reports whether a call decodes what came before.
func IsReplay(ctx context.Context) bool { return ctx.Value(bodyKey{}) != nil }

// markers are the elements of a page that differ from call to call, by the SDK's name of the
// service: they aren't part of its sum.
func markers(service string) (request, token string) {
	switch service {
	case "EC2":
		return "requestId", "nextToken"
	case "Elastic Load Balancing v2":
		return "RequestId", "NextMarker"
	case "Auto Scaling":
		return "RequestId", "NextToken"
	}
	return "", ""
}

// Where the elements that markers name are looked for, in octets from either end: a page may
// have millions in between.
const (
	headWindow = 4 << 10
	tailWindow = 16 << 10
)

// ComparePages is for the APIOptions of a client: calls whose context has a [Page] know
// unchanged pages before anything is decoded, and pages of these services (by the SDK's names)
// are decoded piece by piece with a rest after each, so that no answer to a query waits.
func ComparePages(rest func(), services ...string) func(*middleware.Stack) error {
	c := &comparer{rest: rest, services: services}
	return func(stack *middleware.Stack) error {
		_, there := stack.Deserialize.Get("OperationDeserializer")
		if !there {
			return nil
		}
		return stack.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("ComparePages", c.handle),
			"OperationDeserializer", middleware.After)
	}
}

// comparer is the middleware of ComparePages.
type comparer struct {
	rest     func()
	services []string
	buffers  sync.Pool // of *bytes.Buffer
}

func (c *comparer) handle(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
) (middleware.DeserializeOutput, middleware.Metadata, error) {
	body, replay := ctx.Value(bodyKey{}).([]byte)
	if replay {
		answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: &paced{left: body, rest: c.rest}}
		return middleware.DeserializeOutput{RawResponse: &smithyhttp.Response{Response: answer}},
			middleware.Metadata{}, nil
	}
	out, metadata, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	service := awsmiddleware.GetServiceID(ctx)
	if err != nil || !ok || response.StatusCode != http.StatusOK || !slices.Contains(c.services, service) {
		return out, metadata, err
	}
	buffer, _ := c.buffers.Get().(*bytes.Buffer)
	if buffer == nil {
		buffer = new(bytes.Buffer)
	}
	buffer.Reset()
	_, err = buffer.ReadFrom(response.Body)
	err = errors.Join(err, response.Body.Close())
	if err != nil {
		c.buffers.Put(buffer)
		return out, metadata, &smithy.DeserializationError{Err: fmt.Errorf("reading the answer: %w", err)}
	}
	p, _ := ctx.Value(pageKey{}).(*Page)
	if p != nil && p.compare(service, buffer.Bytes(), c.rest) {
		c.buffers.Put(buffer)
		operation := awsmiddleware.GetOperationName(ctx) // the query protocol has a result inside
		empty := fmt.Appendf(nil, "<%sResponse><%[1]sResult/></%[1]sResponse>", operation)
		response.Body = io.NopCloser(bytes.NewReader(empty))
		return out, metadata, nil
	}
	response.Body = &paced{left: buffer.Bytes(), rest: c.rest, closed: func() { c.buffers.Put(buffer) }}
	return out, metadata, nil
}

// compare fills p, and reports whether the page isn't decoded.
func (p *Page) compare(service string, body []byte, rest func()) bool {
	parts, token := split(service, body)
	if len(token) > 0 {
		p.Token = unescape(token)
	}
	isRead := len(token) == 0 || p.Token != "" // where it isn't the page is read for it, and Last has another one
	if p.Last != nil && isRead && p.isLast(service, parts, rest) {
		p.Sum, p.Same, p.Body = p.Want, true, p.Last
		return true
	}
	h := sha256.New()
	_, _ = h.Write(p.Salt[:]) // a hash never fails
	for _, part := range parts {
		sum(h, part, rest)
	}
	h.Sum(p.Sum[:0])
	p.Same = p.Sum == p.Want
	if p.Same || p.Raw {
		p.Body = bytes.Clone(body)
	}
	return p.Body != nil
}

// isLast reports whether parts are those of the page last time. Where they aren't, the sum may say that they are
// nevertheless: there may have been no token.
func (p *Page) isLast(service string, parts [][]byte, rest func()) bool {
	last, _ := split(service, p.Last)
	if !slices.EqualFunc(last, parts, func(a, b []byte) bool { return len(a) == len(b) }) {
		return false
	}
	for i := range parts {
		if !equal(last[i], parts[i], rest) {
			return false
		}
	}
	return true
}

// split returns what of a page its sum is made of, and the text of its token: the parts are what lies between the
// elements that differ from call to call.
func split(service string, page []byte) (parts [][]byte, token []byte) {
	request, next := markers(service)
	if next == "" {
		return [][]byte{page}, nil
	}
	var cuts [2][2]int
	cuts[0][0], cuts[0][1] = marker(page, next)
	cuts[1][0], cuts[1][1] = marker(page, request)
	token = page[cuts[0][0]:cuts[0][1]]
	slices.SortFunc(cuts[:], func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	done := 0
	for _, c := range cuts {
		if max(done, c[0]) < c[1] { // one may be within the other, in what no service writes
			parts = append(parts, page[done:max(done, c[0])])
			done = c[1]
		}
	}
	return append(parts, page[done:]), token
}

// marker returns where the text of an element is that stands behind the items of a page or before them: no order of
// elements is promised. The same place twice where there is none.
func marker(page []byte, name string) (begin, end int) {
	begin, end = element(page, max(0, len(page)-tailWindow), len(page), name)
	if begin == end {
		begin, end = element(page, 0, min(len(page), headWindow), name)
	}
	return begin, end
}

// element returns where the text of the first element of a name is, between two places of
// a page; the same place twice where there is none.
func element(page []byte, from, to int, name string) (begin, end int) {
	begin = bytes.Index(page[from:to], []byte("<"+name+">"))
	if begin < 0 {
		return 0, 0
	}
	begin += from + len(name) + 2
	size := bytes.Index(page[begin:to], []byte("</"+name+">"))
	if size < 0 {
		return 0, 0
	}
	return begin, begin + size
}

// unescape returns the text of an element.
func unescape(text []byte) string {
	var plain string
	err := xml.Unmarshal(slices.Concat([]byte("<a>"), text, []byte("</a>")), &plain)
	if err != nil {
		return "" // the listing then reads the page itself
	}
	return plain
}

// How much of a page is gone on with: about half a millisecond's work each.
const (
	piece = 4 << 10   // of what is decoded
	block = 256 << 10 // of what is summed
	span  = 4 << 20   // of what is compared
)

// sum adds part of a page to a sum, with a rest after each block.
func sum(h hash.Hash, part []byte, rest func()) {
	for len(part) > block {
		_, _ = h.Write(part[:block]) // a hash never fails
		part = part[block:]
		rest()
	}
	_, _ = h.Write(part)
}

// equal reports whether parts of two pages are the same ones, with a rest after each span.
func equal(a, b []byte, rest func()) bool {
	for len(a) > span && len(b) > span && bytes.Equal(a[:span], b[:span]) {
		a, b = a[span:], b[span:]
		rest()
	}
	return bytes.Equal(a, b)
}

// paced is a page that is read piece by piece, with a rest after each.
type paced struct {
	left   []byte
	rest   func()
	read   int    // since the last rest
	closed func() // nil: nothing is to be done
}

// Read implements io.Reader.
func (p *paced) Read(to []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	if p.read >= piece {
		p.rest()
		p.read = 0
	}
	n := copy(to, p.left[:min(len(p.left), piece)])
	p.left, p.read = p.left[n:], p.read+n
	return n, nil
}

// Close implements io.Closer.
func (p *paced) Close() error {
	p.left = nil
	if p.closed != nil {
		p.closed()
		p.closed = nil
	}
	return nil
}
