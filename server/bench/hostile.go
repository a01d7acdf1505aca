//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"inside53/server/bench/dataset"
)

const (
	// hostileFrom is who may not ask, and does.
	hostileFrom = "127.66.0.1"
	hostileSize = 1472
	hostileTick = 2 * time.Millisecond
)

// runHostile has a stranger send bad packets beside a client that asks what it may: to
// inside53, and to NSD where it is on PATH.
func runHostile(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	p := &report{comparison: &comparison{progress: stderr, works: []workload{auth}}}
	path := flags.String("inside53", "bin/inside53", "our `program`")
	bad := flags.Int("bad", 4000, "bad packets `a second`")
	rate := flags.Float64("rate", 1000, "queries `a second` of the client")
	long := flags.Duration("measure", 5*time.Second, "how `long` each server is asked")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	err = p.prepare(*path)
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	fmt.Fprintln(stdout, "| server | bad packets, a second | asked | lost | p99.9, ms | processor time of the server |")
	fmt.Fprintln(stdout, "| --- | ---: | ---: | ---: | ---: | ---: |")
	servers := []peer{{name: ourName, program: p.program, argv: guarded}}
	nsdPath, err := exec.LookPath("nsd")
	if err == nil {
		servers = append(servers, peer{name: "NSD", program: nsdPath, argv: guardedNSD})
	} else {
		fmt.Fprintln(stderr, "nsd is not on PATH: apt-get install nsd")
	}
	lost := int64(0)
	for _, s := range servers {
		for _, n := range []int{0, *bad} {
			l, err := p.withHostile(ctx, stdout, s, n, *rate, *long)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if s.name == ourName && n > 0 {
				lost = l
			}
		}
	}
	if lost > 0 {
		return fmt.Errorf("%d queries of the client that may ask were lost", lost)
	}
	return nil
}

// guarded is inside53 where one address may ask.
func guarded(s site, program string) ([]string, error) {
	const sections = "allow: [127.0.0.1/32]\nzonefiles:\n  - { origin: %s, file: %q }\n"
	return inside53(s, program, fmt.Sprintf(sections, dataset.Zone, s.zoneFile))
}

// guardedNSD is NSD where one address may ask.
func guardedNSD(s site, program string) ([]string, error) {
	argv, err := nsd(s, program)
	if err != nil {
		return nil, err
	}
	conf := argv[len(argv)-1]
	text, err := os.ReadFile(conf)
	if err != nil {
		return nil, err
	}
	return argv, os.WriteFile(conf, append(text, "  allow-query: 127.0.0.1/32 NOKEY\n"...), 0o644)
}

// withHostile starts a server, has it asked with so many bad packets a second beside, and
// returns how many queries were lost.
func (p *report) withHostile(
	ctx context.Context, out io.Writer, s peer, bad int, rate float64, long time.Duration,
) (int64, error) {
	fmt.Fprintf(p.progress, "%s beside %d bad packets a second\n", s.name, bad)
	at, err := p.siteOf(fmt.Sprintf("hostile-%s-%d", s.name, bad), auth)
	if err != nil {
		return 0, err
	}
	argv, err := s.argv(at, s.program)
	if err != nil {
		return 0, err
	}
	server, err := startChild(s.name, []int{p.cpus.server}, at.dir, nil, argv)
	if err != nil {
		return 0, err
	}
	defer server.stop()
	err = server.awaitAnswer(ctx, loopback(at.port), firstOf("auth"), patience)
	if err != nil {
		return 0, err
	}
	flooding, stop := context.WithCancel(ctx)
	defer stop()
	var both errgroup.Group
	sent := 0
	if bad > 0 {
		both.Go(func() (err error) {
			sent, err = sendBad(flooding, at.port, bad)
			return err
		})
	}
	began := time.Now()
	r, err := p.generator.generate(ctx, "-server", loopback(at.port).String(), "-stream", "auth",
		"-process", fmt.Sprint(server.pid()), "-measure", long.String(), "-rate", fmt.Sprint(rate),
		"-lanes", "4", "-window", "64", "-timeout", "1s")
	seconds := time.Since(began).Seconds()
	stop()
	failed := both.Wait()
	if err != nil || failed != nil {
		return 0, errors.Join(err, failed)
	}
	fmt.Fprintf(out, "| %s | %.0f | %d | %d | %.1f | %.0f %% |\n", s.name, float64(sent)/seconds,
		r.Answered+r.Lost+r.Bad, r.Lost+r.Bad, r.P999/1000, 100*r.Util)
	return int64(r.Lost + r.Bad), nil
}

// sendBad sends bad packets from an address that may not ask until ctx ends, and reads
// nothing.
func sendBad(ctx context.Context, port, rate int) (sent int, err error) {
	dialer := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(hostileFrom)}}
	conn, err := dialer.DialContext(ctx, "udp", loopback(port).String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	packets := badPackets()
	tick := time.NewTicker(hostileTick)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return sent, nil
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(rate)); sent < due; sent++ {
			_, err = conn.Write(packets[sent%len(packets)])
			if err != nil && !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ENOBUFS) {
				return sent, err
			}
		}
	}
}

// badPackets are questions for a name of 127 labels with as many records behind as there is
// room for, whose names are pointers to it or are as long: in each section, with and without
// OPT, as question, update and notification.
func badPackets() [][]byte {
	long := strings.Repeat("\x01a", 127) + "\x00"
	pointer := "\xc0\x0c"
	fixed := "\x00\x02\x00\x01\x00\x00\x00\x00\x00\x02\xc0\x0c" // NS, a pointer to the name
	var out [][]byte
	for _, opcode := range []byte{0, 4, 5, 6} {
		for section := 1; section < 4; section++ {
			for _, owner := range []string{pointer, long, strings.Repeat("\x01a", 120) + pointer} {
				for _, opt := range []string{"", "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"} {
					b := make([]byte, 12, hostileSize)
					b[2], b[5] = opcode<<3, 1
					b = append(append(b, long...), 0, 1, 0, 1)
					records := 0
					if section == 3 && opt != "" {
						b = append(b, opt...)
						records++
					}
					for len(b)+len(owner)+len(fixed) <= hostileSize {
						b = append(append(b, owner...), fixed...)
						records++
					}
					binary.BigEndian.PutUint16(b[4+2*section:], uint16(records))
					out = append(out, b)
				}
			}
		}
	}
	return out
}
