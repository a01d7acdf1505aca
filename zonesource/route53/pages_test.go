package route53

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/smithy-go/middleware"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/awssim"
	"inside53/zonesource/breath"
)

// countDecoded counts the record sets that the SDK decodes.
func countDecoded(n *atomic.Int64) func(*middleware.Stack) error {
	count := middleware.DeserializeMiddlewareFunc("CountDecoded", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		page, ok := out.Result.(*route53.ListResourceRecordSetsOutput)
		if ok {
			n.Add(int64(len(page.ResourceRecordSets)))
		}
		return out, metadata, err
	})
	return func(stack *middleware.Stack) error { return stack.Deserialize.Add(count, middleware.Before) }
}

// pagesWorld is a keeper with a source of a zone of three pages.
type pagesWorld struct {
	*cloud
	decoded atomic.Int64
	keeper  *zonesource.Keeper
	source  *Source
}

// restart begins with what is saved in dir.
func (w *pagesWorld) restart(dir string) {
	w.t.Helper()
	if w.keeper != nil {
		err := w.keeper.Close()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	var err error
	w.keeper, err = zonesource.NewKeeper(zonesource.Options{
		StateDir: dir, Publish: func(*zone.Snapshot) {},
		Config: zonesource.Config{MaxShrink: 0.5, Expected: []zonesource.Key{catalogKey("")}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.keeper.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	w.source = w.cloud.source(Options{Kept: w.keeper.Listed,
		Saved: func() []zonesource.Part { return w.keeper.Parts(Name) }})
	w.source.program = program()
	w.source.accounts[0].restore(w.keeper.Parts(Name))
}

// refresh makes a cycle and has the keeper accept it, and wants between so many record sets decoded.
func (w *pagesWorld) refresh(what string, least, most int64) zonesource.Part {
	w.t.Helper()
	w.decoded.Store(0)
	parts := w.mustCycle(w.source)
	if n := w.decoded.Load(); n < least || n > most {
		w.t.Errorf("%s: %d record sets decoded, want %d to %d", what, n, least, most)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error)
	go func() {
		ended <- w.keeper.Run(ctx, sourceFunc(func(ctx context.Context, deliver func(zonesource.Part)) error {
			for _, p := range parts {
				deliver(p)
			}
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}))
	}()
	<-ended // canceled
	return find(w.t, parts, "zone/Z1")
}

// sourceFunc is a source of one function, to be run once.
func sourceFunc(run func(context.Context, func(zonesource.Part)) error) zonesource.Source {
	return &oneSource{run}
}

type oneSource struct {
	run func(context.Context, func(zonesource.Part)) error
}

// Run implements zonesource.Source.
func (s *oneSource) Run(ctx context.Context, deliver func(zonesource.Part)) error {
	return s.run(ctx, deliver)
}

// TestUnchangedPagesAreNotDecoded: neither at a refresh, nor after a change, nor after a start
// from saved state; and what is served is right all the time.
func TestUnchangedPagesAreNotDecoded(t *testing.T) {
	sets := manySets("a.example.", 700)
	for i := range 10 { // a group over the border of two pages
		s := plainSet("host00300.a.example.", "TXT", 60, fmt.Sprintf(`"%d"`, i))
		s.SetIdentifier, s.Weight = fmt.Sprint(i), aws.Int64(1)
		sets = append(sets, s)
	}
	w := &pagesWorld{cloud: simpleCloud(t, hosted{id: "Z1", name: "a.example.", sets: sets})}
	w.config.APIOptions = append(w.config.APIOptions, countDecoded(&w.decoded))
	dir := t.TempDir()
	w.restart(dir)
	first := w.refresh("the first", 712, 712)
	again := w.refresh("unchanged", 0, 0)
	same(t, "the part", first.Zone.Tree.Stats(), again.Zone.Tree.Stats())
	if len(again.Pages) != 3 || again.Pages[2].Items != 712 {
		t.Errorf("pages %+v", again.Pages)
	}
	change := func(action, address string, i int) {
		t.Helper()
		name := fmt.Sprintf("host%05d.a.example.", i)
		_, err := w.sim.Change("Z1", awssim.Change{Action: action, RecordSet: plainSet(name, "A", 300, address)})
		if err != nil {
			t.Fatal(err)
		}
	}
	address := func(part zonesource.Part, i int) string {
		set := lookup(part.Zone.Tree, fmt.Sprintf("host%05d.a.example", i), zone.TypeA)
		if !set.Exists() {
			return ""
		}
		return fmt.Sprint(set.First())
	}
	for _, i := range []int{5, 400, 699} {
		change("UPSERT", "10.9.9.9", i)
		part := w.refresh(fmt.Sprint("record ", i, " changed"), 1, 400)
		if got := address(part, i); got != "[10 9 9 9]" || part.Zone.Tree.Stats().Sets != first.Zone.Tree.Stats().Sets {
			t.Errorf("record %d is %s, %+v", i, got, part.Zone.Tree.Stats())
		}
		w.refresh("after it", 0, 0)
	}
	w.restart(dir)
	part := w.refresh("after a start", 0, 0)
	if got := address(part, 699); got != "[10 9 9 9]" {
		t.Errorf("after a start the record is %s", got)
	}
	change("DELETE", "10.9.9.9", 699)
	part = w.refresh("a record less", 1, 400)
	if got := address(part, 699); got != "" {
		t.Errorf("a deleted record is %s", got)
	}
	w.source.program = sum{1}
	w.refresh("another program", 711, 711)
	err := w.keeper.Close()
	if err != nil {
		t.Error(err)
	}
}

// BenchmarkUnchangedListing is what a refresh of a zone of 60,000 record sets costs that
// hasn't changed, with the calls over HTTP but without the server's part of them.
func BenchmarkUnchangedListing(b *testing.B) {
	const records = 60_000
	pages := make([][]byte, records/setsPerPage)
	for i := range pages {
		pages[i] = pageOf(i, len(pages))
	}
	for _, known := range []bool{true, false} {
		b.Run(fmt.Sprintf("known=%t", known), func(b *testing.B) {
			l, z := (&changedWorld{pages}).lister(b, records)
			first, err := l.listPages(b.Context(), z, nil)
			if err != nil {
				b.Fatal(err)
			}
			var pages []zonesource.Page
			if known {
				pages = first.knownPages(l.source.program, records)
			}
			b.ReportAllocs()
			for b.Loop() {
				again, err := l.listPages(b.Context(), z, pages)
				if err != nil || again.size() != records || again.unchanged() != known {
					b.Fatal(err, again.size(), again.unchanged())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
		})
	}
}

// changedWorld is a Route 53 of one zone, by its pages.
type changedWorld struct{ pages [][]byte }

// lister lists the zone.
func (w *changedWorld) lister(b testing.TB, records int) (*lister, *state) {
	b.Helper()
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		at := 0
		_, _ = fmt.Sscanf(r.URL.Query().Get("name"), "host%05d", &at) // none: the first
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
			Body: io.NopCloser(bytes.NewReader(w.pages[at/setsPerPage]))}, nil
	})
	config := aws.Config{Region: "eu-west-1", HTTPClient: transport,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
		APIOptions:  []func(*middleware.Stack) error{awscall.ComparePages(breath.Take, "Route 53")}}
	account := &awsclient.Account{Config: config, Budget: awscall.NewBudget(1e9)}
	s, err := New(Options{Accounts: []*awsclient.Account{account}, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	z := &state{}
	z.hosted = zonesource.Hosted{ID: "Z1", Name: zone.MustName("a.example"), Records: records}
	return s.accounts[0], z
}

type roundTrip func(*http.Request) (*http.Response, error)

// Do implements aws.HTTPClient.
func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// pageOf is the i-th of so many pages of addresses, as Route 53 writes them.
func pageOf(i, pages int) []byte {
	var text bytes.Buffer
	text.WriteString(`<?xml version="1.0"?>` + "\n" +
		`<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets>`)
	for k := range setsPerPage {
		fmt.Fprintf(&text, "<ResourceRecordSet><Name>host%05d.a.example.</Name><Type>A</Type><TTL>300</TTL><ResourceRecords>"+
			"<ResourceRecord><Value>10.0.%d.%d</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>",
			i*setsPerPage+k, i, k%250)
	}
	text.WriteString("</ResourceRecordSets>")
	if i+1 < pages {
		fmt.Fprintf(&text, "<IsTruncated>true</IsTruncated><NextRecordName>host%05d.a.example.</NextRecordName>"+
			"<NextRecordType>A</NextRecordType>", (i+1)*setsPerPage)
	} else {
		text.WriteString("<IsTruncated>false</IsTruncated>")
	}
	text.WriteString("<MaxItems>300</MaxItems></ListResourceRecordSetsResponse>")
	return text.Bytes()
}
