//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"inside53/resolver"
	"inside53/resolver/worst"
)

// memoryLimit is what every server of ours has, whatever it meets, and filesLimit how many
// files it may have open.
const (
	memoryLimit = 256 << 20
	filesLimit  = 1024
)

// suite is one run of 'bench attack'.
type suite struct {
	*comparison
	path    string // of our program
	only    string
	full    bool
	table   string
	places  cgroups
	noPlace error // why there is no cgroup
	packets string
	files   int // of ours
}

// runAttack has inside53 and its peers bear every attack beside clients that ask what they may.
func runAttack(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	s := &suite{comparison: &comparison{progress: stderr, works: []workload{auth}, rate: 1000}}
	flags.StringVar(&s.path, "inside53", "bin/inside53", "our `program`")
	long := flags.String("time", "short", "how long each attack is: `short` or full")
	flags.StringVar(&s.only, "only", "", "the `beginning` of the names of the attacks, all without one")
	flags.IntVar(&s.files, "files", filesLimit, "how `many` files ours may have open")
	flags.StringVar(&s.table, "table", "", "`file` for the table (Markdown)")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	switch *long {
	case "short":
		s.measure, s.rounds = 1200*time.Millisecond, 1
	case "full":
		s.measure, s.rounds, s.full = 8*time.Second, 1, true
	default:
		return fmt.Errorf("-time %s: there are short and full", *long)
	}
	err = s.prepareAttack()
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	defer func() { _ = s.places.unmount() }() // the kernel does so at our end, in a namespace of our own
	return s.run(ctx, stdout)
}

func (s *suite) prepareAttack() error {
	err := s.prepare(s.path)
	if err != nil {
		return err
	}
	s.places, s.noPlace = findCgroups(s.dir)
	if s.noPlace != nil {
		fmt.Fprintf(s.progress, "%v\nthe bound on memory is that of Go, and held by what is measured\n", s.noPlace)
	}
	err = appendTo(s.zoneFile, bigText())
	if err == nil {
		s.packets, err = s.writePackets()
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(s.dir))
	}
	return nil
}

// bigText is a record set whose answer is much larger than its question.
func bigText() string {
	var b strings.Builder
	for i := range 240 {
		fmt.Fprintf(&b, "big 60 IN TXT \"%03d%s\"\n", i, strings.Repeat("t", 240))
	}
	return b.String()
}

// writePackets looks for the packets that cost most before it is known that their sender may
// ask nothing, of the sizes that a path carries, and writes them to a file.
func (s *suite) writePackets() (string, error) {
	worker := resolver.New(nil, resolver.Options{}).NewWorker()
	out, from := make([]byte, 0, 4096), netip.AddrPortFrom(netip.MustParseAddr(stranger), 53)
	var b strings.Builder
	for _, size := range worst.Sizes()[:2] {
		for seed := range uint64(4) {
			packet, _ := worst.Search(rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), seed)), size, 10,
				func(packet []byte) int {
					least := 1 << 62
					for range 3 {
						began := threadTime()
						worker.Serve(packet, from, resolver.UDP, out, nil)
						least = min(least, int(threadTime()-began))
					}
					return least
				})
			fmt.Fprintln(&b, hex.EncodeToString(packet))
		}
	}
	for _, packet := range longNames() {
		fmt.Fprintln(&b, hex.EncodeToString(packet))
	}
	path := filepath.Join(s.dir, "packets")
	return path, os.WriteFile(path, []byte(b.String()), 0o644)
}

// threadTime is the processor time of this thread; where it moves to another one meanwhile
// the difference is of no use, and another try has less.
func threadTime() time.Duration {
	var at unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at)
	if err != nil {
		return 0
	}
	return time.Duration(at.Nano())
}

// run has every attack borne, prints the table and returns an error for what was missed.
func (s *suite) run(ctx context.Context, stdout io.Writer) error {
	began := time.Now()
	peace := make(map[setting]encounter)
	var all []judged
	for _, a := range assaults() {
		if a.kind != "" || a.lies {
			if !strings.HasPrefix(a.name, s.only) || a.long && !s.full && s.only == "" {
				continue
			}
		}
		j, err := s.bear(ctx, a, peace[a.setting()])
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if a.peace() {
			peace[a.setting()] = j.ours
		}
		all = append(all, j)
	}
	missed := 0
	for _, j := range all {
		if j.fault != "" {
			missed++
			fmt.Fprintf(s.progress, "missed: %s: %s\n", j.assault.name, j.fault)
		}
	}
	text := s.attackTable(all, time.Since(began))
	_, err := io.WriteString(stdout, text)
	if err == nil && s.table != "" {
		err = os.WriteFile(s.table, []byte(text), 0o644)
	}
	switch {
	case err != nil:
		return err
	case missed > 0:
		return fmt.Errorf("%d of %d attacks take more from clients or memory than they may", missed, len(all))
	case s.noPlace != nil:
		return fmt.Errorf("all attacks were borne, but not in %d MiB: %w", memoryLimit>>20, s.noPlace)
	}
	return nil
}

// tries is how often an attack is begun that seems not to be borne: other work on the machine
// loses answers too.
const tries = 4

// bear has both servers bear one attack.
func (s *suite) bear(ctx context.Context, a assault, peace encounter) (judged, error) {
	fmt.Fprintf(s.progress, "%s\n", a.name)
	var seen []judged
	for {
		one, err := s.once(ctx, a)
		if err != nil {
			return one, err
		}
		seen = append(seen, one)
		j, done := verdict(seen, peace)
		if done || len(seen) == tries {
			return j, nil
		}
		fmt.Fprintf(s.progress, "  again: %s\n", j.fault)
	}
}

// once has both servers bear one attack, one after the other.
func (s *suite) once(ctx context.Context, a assault) (judged, error) {
	j := judged{assault: a}
	var err error
	j.ours, err = s.meet(ctx, a, ourName, s.program, a.ours)
	if err != nil {
		return j, fmt.Errorf("%s: %w", ourName, err)
	}
	name, path := s.peerOf(a)
	if path == "" {
		return j, nil
	}
	j.peer = name
	j.theirs, err = s.meet(ctx, a, name, path, a.argv)
	if err != nil {
		return j, fmt.Errorf("%s: %w", name, err)
	}
	return j, nil
}

// peerOf returns the peer of an attack, where it is on PATH.
func (s *suite) peerOf(a assault) (name, path string) {
	for _, p := range peers {
		if p.program != a.peer {
			continue
		}
		path, err := exec.LookPath(p.program)
		if err != nil {
			fmt.Fprintf(s.progress, "%s: not asked, no %s on PATH; to install it: %s\n", p.name, p.program, p.install)
			return p.name, ""
		}
		return p.name, path
	}
	return "", ""
}

// attackers starts who attacks a port. Who measures goes first on the processor that they share.
func (s *suite) attackers(kind string, port int) (*child, error) {
	dir, err := os.MkdirTemp(s.dir, "attacker-")
	if err != nil {
		return nil, err
	}
	return startChild("attacker", []int{s.cpus.rest}, dir, nil, []string{
		"nice", "-n", "10", s.self, "attacker", "-kind", kind, "-server", loopback(port).String(), "-packets", s.packets})
}

// runAttacker attacks one port until it is told to stop, and prints how often it did.
func runAttacker(ctx context.Context, flags *flag.FlagSet, args []string, stdout, _ io.Writer) error {
	var server addrPort
	flags.Var(&server, "server", "IPv4 `address:port` to attack, of loopback")
	kind := flags.String("kind", "", "`what` to do")
	packets := flags.String("packets", "", "`file` of the worst packets")
	err := parse(flags, args)
	if err != nil {
		return err
	}
	if !server.Addr().IsLoopback() {
		return fmt.Errorf("-server %s: only loopback is attacked", server)
	}
	start := kinds(server.AddrPort, *packets)[*kind]
	if start == nil {
		return fmt.Errorf("-kind %s: there is no such attack", *kind)
	}
	p, err := start()
	if err != nil {
		return err
	}
	began, count := time.Now(), 0
	if p.flood != nil {
		count, err = p.flood.Run(ctx)
	} else {
		count, err = p.connections.Run(ctx)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(raid{Count: count, Seconds: time.Since(began).Seconds()})
}

// raid is what an attacker has done.
type raid struct {
	Count   int     `json:"count"` // packets or connections
	Seconds float64 `json:"seconds"`
}
