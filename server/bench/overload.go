//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"inside53/resolver/freeport"
	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
)

const (
	overloadTime = 5 * time.Second
	// What is lost stays outstanding until the timeout, which is above the time in the
	// server's full receive buffer: lanes x window have to be enough for it.
	overloadLanes   = 256
	overloadWindow  = 256
	overloadTimeout = 250 * time.Millisecond
	probePause      = 50 * time.Millisecond
)

// overload is what becomes of a server that is asked more than it can answer, on half
// a processor: a competitor takes the other half, or the generator could not outrun it.
func (p *report) overload(ctx context.Context) error {
	fmt.Fprintln(p.progress, "overloading")
	at, err := p.siteOf("overload", auth)
	if err == nil {
		at.admin, err = freeport.Find()
	}
	if err != nil {
		return err
	}
	argv, err := plain(at, p.program)
	if err != nil {
		return err
	}
	server, err := startChild(ourName, []int{p.cpus.server}, at.dir, nil, argv)
	if err != nil {
		return err
	}
	defer server.stop()
	err = server.awaitAnswer(ctx, loopback(at.port), firstOf("auth"), patience)
	if err != nil {
		return err
	}
	rival, err := startChild("rival", []int{p.cpus.server}, p.dir, nil, []string{p.self, "spin"})
	if err != nil {
		return err
	}
	defer rival.stop()
	return p.flood(ctx, at, server)
}

// flood asks at shares and multiples of the peak, and writes what came of it.
func (p *report) flood(ctx context.Context, at site, server *child) error {
	ask := []string{"-server", loopback(at.port).String(), "-stream", "auth", "-process", fmt.Sprint(server.pid()),
		"-measure", overloadTime.String()}
	peak, err := p.generator.generate(ctx, ask...)
	if err != nil {
		return err
	}
	fmt.Fprintf(&p.b, "\n### Overload, on half a processor\n\n| asked | of the peak | answered right, a second | of the "+
		"peak | lost | RSS, MiB | asked by TCP / admin | worst, ms |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | "+
		"---: |\n")
	for _, share := range []float64{.5, .9, 1, 1.5, 2, .5} {
		seen := &witness{dns: loopback(at.port).String(), admin: loopback(at.admin).String(), patience: 5 * time.Second}
		probing, stop := context.WithCancel(ctx)
		var both errgroup.Group
		both.Go(func() error { return seen.run(probing) })
		r, err := p.generator.generate(ctx,
			append(ask, "-rate", fmt.Sprint(share*peak.QPS()), "-lanes", fmt.Sprint(overloadLanes),
				"-window", fmt.Sprint(overloadWindow), "-timeout", overloadTimeout.String())...)
		stop()
		failed := both.Wait()
		if err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
		asked := float64(r.Answered+r.Lost+r.Bad) / r.Seconds
		fmt.Fprintf(&p.b, "| %.0f/s | %.2f | %.0f | %.2f | %.2f %% | %d | %d / %d, %d failed | %.0f / %.0f |\n", asked,
			asked/peak.QPS(), r.QPS(), r.QPS()/peak.QPS(),
			100*(1-r.Share()), r.RSS>>20, seen.tcp.asked, seen.http.asked, seen.tcp.failed+seen.http.failed,
			milliseconds(seen.tcp.worst), milliseconds(seen.http.worst))
	}
	fmt.Fprintf(&p.b, "\nThe peak is what the closed loop gets, %.0f answers a second.\n", peak.QPS())
	return nil
}

// witness asks by TCP and, where it has an address, the admin server, one question after
// another.
type witness struct {
	dns, admin string
	stream     string        // whose first name is asked
	patience   time.Duration // for an answer by TCP
	tcp, http  asked
}

type asked struct {
	asked, failed int
	worst         time.Duration
}

func (a *asked) count(began time.Time, err error) {
	a.asked++
	a.worst = max(a.worst, time.Since(began))
	if err != nil {
		a.failed++
	}
}

func (w *witness) run(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		w.tcp.count(began, w.byTCP())
		if w.admin != "" {
			began = time.Now()
			w.http.count(began, w.ready())
		}
		select {
		case <-ctx.Done():
		case <-time.After(probePause):
		}
	}
	return nil
}

// byTCP asks on a connection of its own.
func (w *witness) byTCP() error {
	c := &dns.Client{Net: "tcp", Timeout: w.patience}
	name := dataset.HostName(1)
	if w.stream == "miss" {
		name = "by-tcp.cache.internal."
	}
	answer, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), w.dns)
	if err == nil && len(answer.Answer) != 1 {
		err = fmt.Errorf("asking by TCP: %d records", len(answer.Answer))
	}
	return err
}

// ready asks whether the server takes itself for ready.
func (w *witness) ready() error {
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := c.Get("http://" + w.admin + "/readyz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("asking for readiness: %s", response.Status)
	}
	return err
}

// cores is what a second processor brings where generator and server share all there
// are, so that both have the same to do on each.
func (p *report) cores(ctx context.Context) error {
	fmt.Fprintln(p.progress, "adding a processor")
	both := []int{p.cpus.server, p.cpus.rest}
	var gain []float64
	for range p.rounds {
		one, err := p.shared(ctx, both[:1])
		if err != nil {
			return err
		}
		two, err := p.shared(ctx, both)
		if err != nil {
			return err
		}
		gain = append(gain, two/one)
	}
	fmt.Fprintf(&p.b, "\n### Processors, shared by the server and its generators\n\n| | |\n| --- | ---: |\n| answers a "+
		"second with two, of those with one | %s |\n", spreadOf(gain))
	return nil
}

// shared returns the answers a second of a server with as many loops and generators as
// there are processors.
func (p *report) shared(ctx context.Context, on []int) (float64, error) {
	at, err := p.siteOf("cores", auth)
	if err != nil {
		return 0, err
	}
	argv, err := plain(at, p.program)
	if err != nil {
		return 0, err
	}
	server, err := startChild(ourName, on, at.dir, nil, argv)
	if err != nil {
		return 0, err
	}
	defer server.stop()
	err = server.awaitAnswer(ctx, loopback(at.port), firstOf("auth"), patience)
	if err != nil {
		return 0, err
	}
	results := make([]load.Result, len(on))
	var group errgroup.Group
	for i := range on {
		group.Go(func() (err error) {
			results[i], err = generator{p.self, on}.generate(ctx, "-server", loopback(at.port).String(), "-stream", "auth",
				"-seed", fmt.Sprint(i), "-measure", overloadTime.String(),
				"-lanes", "32", "-window", "8")
			return err
		})
	}
	err = group.Wait()
	sum := 0.0
	for _, r := range results {
		sum += r.QPS()
	}
	return sum, err
}
