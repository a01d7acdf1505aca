//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"inside53/resolver/freeport"
	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
)

// cost is what one setting costs.
type cost struct {
	ready, saved time.Duration // of processor, until it is ready: with AWS, and from what it has saved, with AWS away
	idle         time.Duration // of processor, for a cycle in which nothing has changed
	change       time.Duration // of processor, for one change, beside the cycles
	rss, disk    int64         // octets: of memory, and of the state directory
}

const (
	// scaleEvery is the pause between two changes.
	scaleEvery = time.Second
	// scalePatience is how long a start may take.
	scalePatience = 10 * time.Minute
)

// pacing is how a server is looked at.
type pacing struct {
	settle  time.Duration // before it is at rest
	window  time.Duration // for which it is looked at
	changes int
}

func pacingOf(size string) pacing {
	if size == "full" {
		return pacing{3 * time.Second, 5 * time.Second, 12}
	}
	return pacing{2 * time.Second, 3 * time.Second, 5}
}

// point is a server with so much of something.
type point struct {
	pacing
	scale  dataset.Scale
	cloud  *cloud
	dir    string // data, state, files and all
	port   int
	server *child
	on     []int // processors; none: both
}

// measurePoint starts a server twice and looks at it.
func measurePoint(ctx context.Context, program string, s sweep, n int, pace pacing) (c cost, err error) {
	dir, err := os.MkdirTemp("", "inside53-scale")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)
	p := &point{pacing: pace, scale: s.account(n), dir: dir}
	data := filepath.Join(dir, "aws")
	err = errors.Join(p.scale.Write(data), os.MkdirAll(filepath.Join(dir, "state"), 0o755))
	if err != nil {
		return c, err
	}
	p.cloud, err = newCloud(os.DirFS(data))
	if err != nil {
		return c, err
	}
	away := false
	defer func() {
		if !away {
			err = errors.Join(err, p.cloud.close())
		}
	}()
	sections, err := s.sections(n, dir)
	if err != nil {
		return c, err
	}
	c.ready, err = p.start(ctx, program, sections)
	if err != nil {
		return c, err
	}
	defer func() { p.server.stop() }()
	c.idle, err = p.rest(ctx, s)
	if err != nil {
		return c, err
	}
	changing := s
	if s.still != nil { // cycles would hide what a change costs that isn't found by one
		p.server.stop()
		changing.cycle = ""
		_, err = p.start(ctx, program, s.still(sections))
		if err == nil {
			_, err = p.rest(ctx, changing)
		}
		if err != nil {
			return c, err
		}
	}
	err = p.lookAtChanges(ctx, changing, &c)
	if err != nil {
		return c, err
	}
	p.server.stop()
	c.disk, err = sizeOf(filepath.Join(dir, "state"))
	if err != nil {
		return c, err
	}
	away = true
	err = p.cloud.close()
	if err != nil {
		return c, err
	}
	c.saved, err = p.start(ctx, program, sections)
	return c, err
}

// start starts the server and returns the processor time until it is ready.
func (p *point) start(ctx context.Context, program, sections string) (time.Duration, error) {
	var err error
	p.port, err = freeport.Find()
	if err != nil {
		return 0, err
	}
	admin, err := freeport.Find()
	if err != nil {
		return 0, err
	}
	at := site{dir: filepath.Join(p.dir, "state"), port: p.port, admin: admin}
	argv, err := inside53(at, program, sections)
	if err != nil {
		return 0, err
	}
	config := filepath.Join(p.dir, "inside53.yaml") // what is measured is the state alone
	err = os.Rename(argv[len(argv)-1], config)
	if err != nil {
		return 0, err
	}
	argv[len(argv)-1] = config
	if len(p.on) == 0 {
		both, err := findProcessors()
		if err != nil {
			return 0, err
		}
		p.on = []int{both.server, both.rest}
	}
	p.server, err = startChild("inside53", p.on, p.dir, p.cloud.environment(), argv)
	if err != nil {
		return 0, err
	}
	err = p.awaitReady(ctx, fmt.Sprintf("http://127.0.0.1:%d/readyz", admin))
	if err != nil {
		p.server.stop()
		return 0, err
	}
	return processorTime(p.server.pid())
}

func (p *point) awaitReady(ctx context.Context, url string) error {
	client := http.Client{Timeout: time.Second}
	for time.Since(p.server.since) < scalePatience && !p.server.over() {
		resp, err := client.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		err = sleep(ctx, 20*time.Millisecond)
		if err != nil {
			return err
		}
	}
	return errors.New("it is not ready" + p.server.lastWords())
}

// settled are the cycles that a server has after it is ready, before it is at rest: one may have begun before.
const settled = 2

// rest is what a cycle at rest costs.
func (p *point) rest(ctx context.Context, s sweep) (time.Duration, error) {
	err := sleep(ctx, p.settle)
	for range settled {
		err = errors.Join(err, p.await(ctx, s.cycle))
	}
	err = errors.Join(err, p.awaitLike(ctx, s))
	if err != nil {
		return 0, err
	}
	spent, cycles, err := p.spent(ctx, s, func() error {
		return errors.Join(sleep(ctx, p.window), p.await(ctx, s.besides))
	})
	return time.Duration(float64(spent) / cycles), err
}

// lookAtChanges measures what a change costs, beside what cycles at rest do: those right before it, as these cost more
// or less by and by. A change is there for all of the cycle that is sure to find it, the one that begins after it.
// All of it is between two cycles that do more than others, where there are such: they would be taken for the change,
// or for rest. What the first leaves to be done has a cycle for it.
func (p *point) lookAtChanges(ctx context.Context, s sweep, c *cost) error {
	var each []float64
	pause := func() error {
		if s.cycle != "" {
			return nil
		}
		return sleep(ctx, scaleEvery)
	}
	for version := range p.changes {
		err := errors.Join(p.awaitLike(ctx, s), p.await(ctx, s.cycle))
		if err != nil {
			return err
		}
		idle, before, err := p.spent(ctx, s, pause)
		if err != nil {
			return err
		}
		made, cycles, err := p.spent(ctx, s, func() error {
			return errors.Join(s.change(ctx, p, 1+version), p.await(ctx, s.cycle), pause())
		})
		if err != nil {
			return err
		}
		each = append(each, float64(made)-float64(idle)/before*cycles)
	}
	c.change = max(time.Duration(spreadOf(each).median), 0) // what else the machine does is in few of them
	use, err := load.UsageOf(p.server.pid())
	c.rss = use.RSS
	return err
}

// spent returns the processor time while something goes on, from the begin of a cycle, which is now, to that of
// another, and how many cycles, or seconds, that were.
func (p *point) spent(ctx context.Context, s sweep, during func() error) (time.Duration, float64, error) {
	before, err := processorTime(p.server.pid())
	if err != nil {
		return 0, 0, err
	}
	began, rounds := time.Now(), p.cloud.sim.Rounds()[s.cycle]
	err = during()
	if err == nil {
		err = p.await(ctx, s.cycle)
	}
	if err != nil {
		return 0, 0, err
	}
	after, err := processorTime(p.server.pid())
	if err != nil {
		return 0, 0, err
	}
	if s.cycle == "" {
		return after - before, time.Since(began).Seconds(), nil
	}
	return after - before, float64(p.cloud.sim.Rounds()[s.cycle] - rounds), nil
}

// awaitLike returns when a cycle begins: where some do more than others, always right after one of these.
func (p *point) awaitLike(ctx context.Context, s sweep) error {
	return errors.Join(p.await(ctx, s.besides), p.await(ctx, s.cycle))
}

// await returns when the next of the cycles begins that begin with a call, at once where there is none.
func (p *point) await(ctx context.Context, call string) error {
	if call == "" {
		return nil
	}
	began, rounds := time.Now(), p.cloud.sim.Rounds()[call]
	for p.cloud.sim.Rounds()[call] == rounds {
		if p.server.over() || time.Since(began) > scalePatience {
			return errors.New("it has no cycles" + p.server.lastWords())
		}
		err := sleep(ctx, time.Millisecond)
		if err != nil {
			return err
		}
	}
	return nil
}

// processorTime is what a process has used, to the nanosecond: the clock of clock_getcpuclockid(3).
func processorTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|2), &t)
	if err != nil {
		return 0, fmt.Errorf("reading the processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// sizeOf is how many octets the files of a directory have.
func sizeOf(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// updateRecord changes a record of the first zone by a signed UPDATE.
func updateRecord(ctx context.Context, p *point, version int) error {
	m := new(dns.Msg)
	m.SetUpdate(dataset.ScaleZone(0))
	a, err := dns.NewRR(fmt.Sprintf("%s 60 A 10.200.0.%d", dataset.ScaleHost(0, 1), version))
	if err != nil {
		return err
	}
	m.RemoveRRset([]dns.RR{a})
	m.Insert([]dns.RR{a})
	m.SetTsig("bench.", dns.HmacSHA256, 300, time.Now().Unix())
	client := dns.Client{Net: "tcp", Timeout: 30 * time.Second, TsigSecret: map[string]string{"bench.": scaleSecret}}
	reply, _, err := client.ExchangeContext(ctx, m, loopback(p.port).String())
	if err != nil {
		return fmt.Errorf("updating %s: %w", a.Header().Name, err)
	}
	if reply.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("updating %s: %s", a.Header().Name, dns.RcodeToString[reply.Rcode])
	}
	return nil
}

// changeTag gives the first instance another tag.
func changeTag(_ context.Context, p *point, version int) error {
	return p.cloud.sim.Replace(dataset.Region+"/describe-instances.json", p.scale.InstancesFile(version))
}

// changeFile writes the first zone file anew.
func changeFile(_ context.Context, p *point, version int) error {
	return os.WriteFile(filepath.Join(p.dir, "file-00000.zone"), []byte(scaleFile(0, version)), 0o644)
}

// flipCheck has the first health check fail, or pass again.
func flipCheck(_ context.Context, p *point, version int) error {
	return p.cloud.sim.SetHealth(dataset.ScaleCheck(0), version%2 == 0)
}
