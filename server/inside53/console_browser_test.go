//go:build clients

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inside53/server/admin"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/miekg/dns"
)

var screenshots = flag.String("screenshots", "", "directory to write pictures of the console to")

// evilName is the name of a record that would be an element, were it markup.
const evilName = `\<img\ src\=x\ onerror\=document.title\=1\>.big.example.`

// consoleConfig serves the demo data and a zone file of 10,000 records.
const consoleConfig = `listen: { dns: ["127.0.0.1:0"] }
admin: 127.0.0.1:0
state_dir: state
drain: 0s
log: { level: error }
aws: { region: eu-west-1 }
route53: { refresh: 1s, requests_per_second: 50 }
ec2: { regions: [eu-west-1, us-east-1], refresh: 1s }
health_checks: { source: aws, refresh: 1s }
zonefiles:
  - { origin: big.example, file: big.zone }
views:
  - { name: dublin, clients: [127.0.0.0/8, 10.0.0.0/16], vpcs: [vpc-0a1b2c3d4e5f60718], region: eu-west-1 }
  - { name: virginia, clients: [127.0.0.2/32, 10.1.0.0/16], vpcs: [vpc-0b7c1d2e3f4a59687], region: us-east-1 }
  - { name: office, clients: [127.0.0.3/32, 192.168.0.0/16], vpcs: [], region: eu-west-1, addresses: public }
forward:
  - { zone: ".", upstreams: ["%s"] }
`

// consoleSite is a running server with a browser before it.
type consoleSite struct {
	url, dns string
	tab      context.Context
	mu       sync.Mutex // guards faults
	faults   []string   // what the browser's console has said
}

// newConsoleSite starts AWS, the server and the browser.
func newConsoleSite(t *testing.T) *consoleSite {
	t.Helper()
	sim := simulate(t)
	loopback := netip.MustParseAddrPort("127.0.0.1:0")
	upstream, err := bindSim(sim, loopback, loopback)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- upstream.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	path := write(t, fmt.Sprintf(consoleConfig, upstream.packets.LocalAddr()))
	var zone strings.Builder
	zone.WriteString("$ORIGIN big.example.\n@ 60 IN SOA ns hostmaster 1 7200 900 1209600 60\n@ 60 IN NS ns\n")
	zone.WriteString("ns 60 IN A 10.0.0.1\n")
	zone.WriteString(evilName + " 60 IN A 10.0.0.66\n")
	zone.WriteString(`note 60 IN TXT "<script>document.title=2</script>"` + "\n")
	for i := range 10_000 {
		fmt.Fprintf(&zone, "host-%05d 300 IN A 10.20.%d.%d\n", i, i/256, i%256)
	}
	replace(t, filepath.Join(filepath.Dir(path), "big.zone"), zone.String())
	r := begin(t, "serve", "--config", path)
	ready := fields(t, r.line(t))
	s := &consoleSite{dns: ready["dns"]}
	s.url = s.before(t, ready["admin"])
	s.change(t)
	s.browser(t)
	return s
}

// change changes a few records, so that there is a past.
func (s *consoleSite) change(t *testing.T) {
	t.Helper()
	ok(t, "record", "change", "example.com", "git", "A", "10.0.1.77", "--private", "--no-wait")
	ok(t, "record", "add", "example.com", "status-page", "CNAME", "edge.example.net", "--private", "--no-wait")
	ok(t, "record", "add", "example.com", `\074b\076`, "TXT", `"<b>bold</b>"`, "--private", "--no-wait")
	eventually(t, "the past has the changes", func() bool {
		response, err := http.Get(s.url + "/history?limit=50")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var lines []struct{ Name string }
		err = json.NewDecoder(response.Body).Decode(&lines)
		if err != nil {
			return false
		}
		missing := map[string]bool{"git.example.com.": true, "status-page.example.com.": true, "<b>.example.com.": true}
		for _, l := range lines {
			delete(missing, l.Name)
		}
		return len(missing) == 0
	})
}

// before puts a proxy before the server, which has the hour that the server has not run, and a fleet.
func (s *consoleSite) before(t *testing.T, address string) string {
	t.Helper()
	to := &url.URL{Scheme: "http", Host: address}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path != "/trend" || r.StatusCode != http.StatusOK {
				return nil
			}
			var trend admin.Trend
			err := json.NewDecoder(r.Body).Decode(&trend)
			if err != nil {
				return err
			}
			_ = r.Body.Close()
			busyHour(&trend)
			text, err := json.Marshal(trend)
			if err != nil {
				return err
			}
			r.Body, r.ContentLength = nopCloser{bytes.NewReader(text)}, int64(len(text))
			r.Header.Set("Content-Length", fmt.Sprint(len(text)))
			return nil
		},
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("GET /fleet", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(someFleet()) // the test sees what is missing
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// someFleet is a fleet of three, which this server isn't in: one is behind, and one can't read all.
func someFleet() admin.FleetState {
	return admin.FleetState{Version: 1284, Epoch: 7, Leader: "dns-1a", Members: []admin.FleetMember{
		{Name: "dns-1a", Address: "10.0.1.53:53", Version: 1284, Build: "1.4.0", Zone: "eu-west-1a", HeardSeconds: 12},
		{Name: "dns-1b", Address: "10.0.2.53:53", Version: 1284, Build: "1.4.0", Zone: "eu-west-1b", HeardSeconds: 31},
		{
			Name: "dns-1c", Address: "10.0.3.53:53", Version: 1281, Build: "1.3.9", Zone: "eu-west-1c", HeardSeconds: 48,
			ConfigDiffers: true, Failed: map[string]string{"route53 zone/Z0731658FW9JB6C8QTRG": "page damaged"},
		},
	}}
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// busyHour fills an hour with waves, and a fault of the upstream at its half.
func busyHour(trend *admin.Trend) {
	const spans = 360
	fill := func(of func(i float64) float64) []*float64 {
		out := make([]*float64, spans)
		for i := range out {
			v := of(float64(i))
			out[i] = &v
		}
		return out
	}
	wave := func(mean, swing, every, shift float64) func(float64) float64 {
		return func(i float64) float64 {
			return mean + swing*math.Sin((i+shift)/every) + swing/3*math.Sin((i*3.7+shift)/every) + swing/9*math.Sin(i*i*0.37)
		}
	}
	fault := func(i float64) float64 { return 6 * math.Exp(-(i-190)*(i-190)/160) }
	of := map[string]func(float64) float64{
		"local": wave(142, 18, 41, 0), "nxdomain": wave(9, 3, 17, 5), "nodata": wave(14, 4, 23, 9),
		"cached": wave(86, 14, 33, 20), "forwarded": wave(11, 4, 19, 2), "refused": wave(1.2, 0.6, 29, 0),
		"servfail": fault,
	}
	for i := range trend.Results {
		if f := of[trend.Results[i].Name]; f != nil {
			trend.Results[i].Values = fill(f)
		} else {
			trend.Results[i].Values = fill(func(float64) float64 { return 0 })
		}
	}
	trend.HitRatio = fill(wave(0.91, 0.02, 30, 0))
	trend.P50 = fill(wave(0.00021, 0.00003, 30, 0))
	trend.P99 = fill(func(i float64) float64 { return wave(0.0042, 0.0012, 25, 4)(i) + fault(i)/400 })
	for i := range trend.Upstreams {
		u := &trend.Upstreams[i]
		u.Queries, u.Failed, u.P99 = fill(wave(11, 4, 19, 2)), fill(fault), trend.P99
	}
}

// browser starts Chromium and opens the console.
func (s *consoleSite) browser(t *testing.T) {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("chromium"),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1360, 860), chromedp.UserDataDir(t.TempDir()))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	tab, end := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // it waits for the browser to have gone
		end()
		stop()
	})
	s.tab = tab
	err := chromedp.Do(tab) // not bounded in time: the browser lives as long
	if err != nil {
		t.Fatal(err)
	}
	err = chromedp.Listen(tab, s.listen)
	if err != nil {
		t.Fatal(err)
	}
	s.run(t, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, log.Enable, cdp.Empty{})
		return err
	}), chromedp.Navigate(s.url+"/"))
	s.shown(t, "overview")
}

// listen keeps what the browser finds fault with.
func (s *consoleSite) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *cdpruntime.EventExceptionThrown:
		text = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += ": " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		// What a server doesn't have yet is asked for, and said so.
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "404") {
			text = e.Entry.Text + " " + e.Entry.URL
		}
	case *page.EventJavascriptDialogOpening:
		text = "a dialog: " + e.Message
	}
	if text != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = append(s.faults, text)
	}
}

// run does things in the browser.
func (s *consoleSite) run(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	act(t, s, chromedp.Steps(actions...))
}

// act does one thing in the browser, and returns what comes of it.
func act[T any](t *testing.T, s *consoleSite, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.tab, time.Minute)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatalf("%v\nthe browser says %q", err, s.faults)
	}
	return value
}

// eval returns the value of an expression in the page, of its promise if it is one.
func eval[T any](t *testing.T, s *consoleSite, expression string) T {
	t.Helper()
	return act(t, s, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// shown waits until a page is complete.
func (s *consoleSite) shown(t *testing.T, name string) {
	t.Helper()
	s.until(t, fmt.Sprintf("document.documentElement.dataset.page === %q", name))
}

// until waits until an expression in the page is true.
func (s *consoleSite) until(t *testing.T, expression string) {
	t.Helper()
	eventually(t, expression, func() bool { return eval[bool](t, s, "Boolean("+expression+")") })
}

// visit shows a page by its fragment.
func (s *consoleSite) visit(t *testing.T, fragment string) {
	t.Helper()
	name, _, _ := strings.Cut(fragment, "?")
	eval[bool](t, s, `(delete document.documentElement.dataset.page, location.hash = "#/none", true)`)
	eval[bool](t, s, fmt.Sprintf("(location.hash = %q, true)", "#/"+fragment))
	s.shown(t, name)
}

// text is what people read on the page.
func (s *consoleSite) text(t *testing.T) string {
	t.Helper()
	return eval[string](t, s, "document.getElementById('main').innerText")
}

// picture writes what is seen, where that is asked for.
func (s *consoleSite) picture(t *testing.T, name string) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	s.run(t, chromedp.Sleep(400*time.Millisecond))
	shot, err := png.Decode(bytes.NewReader(act(t, s, chromedp.CaptureScreenshot())))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, paletted(shot))
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, name+".png"), small.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// paletted is a picture in 256 colours, a third of the octets: its most frequent ones as they are, and of the others,
// at the edges of letters, what they are about.
func paletted(from image.Image) *image.Paletted {
	const exact = 128
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(from.At(x, y)).(color.RGBA) }
	count := map[color.RGBA]int{}
	for y := range from.Bounds().Dy() {
		for x := range from.Bounds().Dx() {
			count[at(x, y)]++
		}
	}
	byCount := func(count map[color.RGBA]int) []color.RGBA {
		return slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] })
	}
	most := byCount(count)
	about := map[color.RGBA]int{}
	for _, c := range most[min(len(most), exact):] {
		about[color.RGBA{c.R&^15 + 8, c.G&^15 + 8, c.B&^15 + 8, 255}] += count[c]
	}
	var palette color.Palette
	for _, c := range append(slices.Clone(most[:min(len(most), exact)]), byCount(about)...) {
		if len(palette) < 256 {
			palette = append(palette, c)
		}
	}
	index := map[color.RGBA]uint8{}
	for _, c := range most {
		index[c] = uint8(palette.Index(c))
	}
	out := image.NewPaletted(from.Bounds(), palette)
	for y := range from.Bounds().Dy() {
		for x := range from.Bounds().Dx() {
			out.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	return out
}

// scheme makes the browser one of people who like it dark or light, of a width.
func (s *consoleSite) scheme(t *testing.T, name string, width, height int64) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	s.run(t, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, media)
		return err
	}), chromedp.EmulateViewport(width, height))
}

// ask has clients ask the server.
func (s *consoleSite) ask(t *testing.T, from string, names ...string) {
	t.Helper()
	client := &dns.Client{Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}}
	for _, name := range names {
		_, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), s.dns)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// script runs something in the page that has no value.
func (s *consoleSite) script(t *testing.T, text string) {
	t.Helper()
	act(t, s, chromedp.Evaluate[chromedp.Void](text))
}
