//go:build linux

package load

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// transport moves the messages of a lane. Neither method waits.
type transport interface {
	// receive judges the answers that are there and reports whether there were any.
	receive(l *lane, now func() time.Duration) (bool, error)
	// send asks up to n queries of s and returns how many.
	send(l *lane, s Stream, n int, now time.Duration) (int, error)
}

// Run asks queries of s until the time is over, the stream ends (Options.Once) or ctx
// does, which is an error. It keeps its thread busy.
func Run(ctx context.Context, s Stream, o Options) (Result, error) {
	err := o.validate()
	if err != nil {
		return Result{}, err
	}
	r := &run{options: o, stream: s, start: time.Now(), transport: newUDP()}
	if o.TCP {
		r.transport = &tcp{options: o}
	}
	defer r.close()
	for range o.Lanes {
		fd, err := open(o)
		if err != nil {
			return Result{}, err
		}
		r.lanes = append(r.lanes, newLane(fd, o.Window, &r.tally))
	}
	return r.all(ctx)
}

type run struct {
	options   Options
	stream    Stream
	transport transport
	lanes     []*lane
	tally     tally
	start     time.Time
	ended     bool    // the stream
	tokens    float64 // queries that are due
	lastDue   time.Duration
}

func (r *run) now() time.Duration { return time.Since(r.start) }

func (r *run) close() {
	for _, l := range r.lanes {
		unix.Close(l.fd)
	}
}

// all warms up, measures, and puts the result together.
func (r *run) all(ctx context.Context) (Result, error) {
	if !r.options.Once {
		err := r.until(ctx, r.options.Warm)
		if err != nil {
			return Result{}, err
		}
		r.tally = tally{checked: r.tally.checked}
	}
	r.tally.latency = new(latencies)
	before, err := r.usage()
	if err != nil {
		return Result{}, err
	}
	begin := r.now()
	end := begin + r.options.Measure
	if r.options.Once {
		end = 1<<63 - 1
	}
	err = r.until(ctx, end)
	if err != nil {
		return Result{}, err
	}
	seconds := (r.now() - begin).Seconds()
	if r.options.Drain {
		err = r.drain(ctx)
		if err != nil {
			return Result{}, err
		}
	}
	after, err := r.usage()
	if err != nil {
		return Result{}, err
	}
	return r.tally.result(seconds, before, after), nil
}

func (r *run) usage() (Usage, error) {
	if r.options.Process == 0 {
		return Usage{}, nil
	}
	return UsageOf(r.options.Process)
}

// drain asks no more, and waits for what is outstanding.
func (r *run) drain(ctx context.Context) error {
	r.ended = true
	err := r.until(ctx, r.now()+r.options.Timeout)
	r.tally.Lost += uint64(r.outstanding())
	return err
}

// until asks until then, or until the last answer of a stream that ends.
func (r *run) until(ctx context.Context, then time.Duration) error {
	lastScan, scanEvery := r.now(), r.options.Timeout/5 // for queries that were lost
	for {
		t := r.now()
		if t >= then || r.ended && r.outstanding() == 0 {
			return nil
		}
		r.earn(t)
		progress := false
		for _, l := range r.lanes {
			moved, err := r.turn(l)
			if err != nil {
				return err
			}
			progress = progress || moved
		}
		if t-lastScan > scanEvery {
			lastScan = t
			for _, l := range r.lanes {
				l.expire(t, r.options.Timeout)
			}
			if ctx.Err() != nil {
				return fmt.Errorf("asking %s: %w", r.options.Server, ctx.Err())
			}
		}
		if !progress {
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

// turn takes the answers of a lane, and asks again.
func (r *run) turn(l *lane) (progress bool, err error) {
	if l.outstanding() > 0 {
		progress, err = r.transport.receive(l, r.now)
		if err != nil {
			return false, err
		}
	}
	can := r.allowed(l)
	if can == 0 && len(l.unsent) == 0 {
		return progress, nil
	}
	sent, err := r.transport.send(l, r.stream, can, r.now())
	r.tokens -= float64(sent)
	if can > 0 && sent == 0 && len(l.unsent) == 0 && r.options.Once {
		r.ended = true
	}
	return progress || sent > 0, err
}

// allowed returns how many queries a lane may ask now.
func (r *run) allowed(l *lane) int {
	can := len(l.free)
	switch {
	case r.ended:
		return 0
	case r.options.Rate > 0:
		return max(0, min(can, int(r.tokens)))
	case can < len(l.slots)/4 && l.outstanding() > 0:
		return 0 // more of them in one system call
	}
	return can
}

// earn adds the queries that have become due. Few can be saved: a burst of what was
// missed would measure the burst.
func (r *run) earn(t time.Duration) {
	rate := r.options.Rate
	r.tokens = min(r.tokens+(t-r.lastDue).Seconds()*rate, rate*0.002+64)
	r.lastDue = t
}

func (r *run) outstanding() int {
	n := 0
	for _, l := range r.lanes {
		n += l.outstanding()
	}
	return n
}

func (t *tally) bad(f fault, answer []byte) {
	if t.Bad == 0 {
		t.Fault, t.FaultAnswer = f.String(), hex.EncodeToString(answer)
	}
	t.Bad++
}

func (t *tally) result(seconds float64, before, after Usage) Result {
	r := t.Result
	r.Seconds = seconds
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	r.P50, r.P99, r.P999 = micros(t.latency.quantile(.5)), micros(t.latency.quantile(.99)),
		micros(t.latency.quantile(.999))
	cpu := after.CPU - before.CPU
	if r.Answered > 0 {
		r.CPU = micros(cpu) / float64(r.Answered)
	}
	r.Util = cpu.Seconds() / seconds
	r.RSS, r.PeakRSS, r.Processes = after.RSS, after.PeakRSS, after.Processes
	return r
}

// open returns a socket that is connected to the server and does not wait.
func open(o Options) (int, error) {
	kind := unix.SOCK_DGRAM
	if o.TCP {
		kind = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("making a socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	if err == nil && o.TCP {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(o.Server.Port()), Addr: o.Server.Addr().As4()})
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return -1, fmt.Errorf("connecting to %s: %w", o.Server, errors.Join(err, unix.Close(fd)))
	}
	return fd, nil
}

// one is a stream of its first query alone.
type one struct {
	Stream
	asked bool
}

func (s *one) Next(b []byte) (int, Want) {
	if s.asked {
		return 0, Want{}
	}
	s.asked = true
	return s.Stream.Next(b)
}

// Ask asks the first query of s by UDP, and returns an error when the answer is not
// there after timeout or not what it has to be.
func Ask(s Stream, server netip.AddrPort, timeout time.Duration) error {
	o := Options{Server: server, Lanes: 1, Window: 1, Timeout: time.Second, Once: true}
	fd, err := open(o)
	if err != nil {
		return err
	}
	r := &run{options: o, stream: &one{Stream: s}, start: time.Now(), transport: newUDP()}
	r.lanes = append(r.lanes, newLane(fd, 1, &r.tally))
	defer r.close()
	err = r.until(context.Background(), timeout)
	switch {
	case err != nil:
		return err
	case r.tally.Bad > 0:
		return fmt.Errorf("asking %s: %s", server, r.tally.Fault)
	case r.tally.Answered == 0:
		return fmt.Errorf("asking %s: no answer in %s", server, timeout)
	}
	return nil
}
