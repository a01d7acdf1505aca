package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"inside53/zonesource/awssim"

	"golang.org/x/sync/errgroup"
)

// mostServers is how many servers a fleet of the demo may have: the host is one.
const mostServers = 9

// demoKey is the secret of the keys of the demo's fleet. Nobody outside reaches it.
const demoKey = "aW5zaWRlNTMtZGVtby1vbmx5LW5ldmVyLWVsc2U="

// fleetConfig is what a server of a fleet has besides demoConfig: name and queue.
const fleetConfig = `keys:
  - { name: fleet., secret: %[3]s }
  - { name: demo., secret: %[3]s }
updates: [{ zone: example.net, visibility: public, keys: [demo.], names: ["*.try.example.net"] }]
fleet: { name: %[1]s, store: "s3://demo/fleet", keys: [fleet.], events: "%[2]s" }
`

// demoRestart is how long a server that has ended stays away.
const demoRestart = 20 * time.Second

// demoServer is a server of a fleet, a process of its own: it can be ended while the others go on.
type demoServer struct {
	name   string
	config string
	stderr io.Writer

	dns   netip.AddrPort // once it is ready
	admin string
	pid   int
}

// String says where it is; it is ready.
func (s *demoServer) String() string {
	return fmt.Sprintf("%s dns=%s admin=%s process=%d", s.name, s.dns, s.admin, s.pid)
}

// demoFleet runs n servers on one simulated AWS, which runs already, until ctx ends.
type demoFleet struct {
	endpoint string
	program  string
	out      io.Writer
	servers  []*demoServer

	mu    sync.Mutex // of out, and of what is known of servers that are ready
	ready sync.WaitGroup
}

// newDemoFleet writes the configurations of n servers into dir. The ports of listen and admin are those of the first
// server, and each has the next one; 0 are free ones.
func newDemoFleet(aws *boundSim, dir string, n int, listen, admin netip.AddrPort, out, stderr io.Writer) (
	*demoFleet, error) {
	err := aws.sim.CreateBucket("demo")
	if err != nil {
		return nil, err
	}
	path, err := aws.sim.CreateQueue("eu-west-1", "events", nil)
	if err != nil {
		return nil, err
	}
	err = aws.sim.SetEvents(awssim.EventSwitch{Queue: "events"})
	if err != nil {
		return nil, err
	}
	f := &demoFleet{endpoint: aws.endpoint(), program: os.Args[0], out: out}
	stderr = &sharedWriter{w: stderr}
	for i := range n {
		s := &demoServer{name: fmt.Sprintf("dns-%d", i+1), stderr: stderr}
		s.config = filepath.Join(dir, s.name+".yaml")
		text := fmt.Sprintf(demoConfig, portAfter(listen, i), portAfter(admin, i), aws.packets.LocalAddr())
		text = strings.Replace(text, "state_dir: state\n", "state_dir: state-"+s.name+"\n", 1)
		text += fmt.Sprintf(fleetConfig, s.name, aws.endpoint()+path, demoKey)
		err = os.WriteFile(s.config, []byte(text), 0o600)
		if err != nil {
			return nil, err
		}
		_, err = loadConfig(s.config)
		if err != nil {
			return nil, err
		}
		f.servers = append(f.servers, s)
	}
	return f, nil
}

// sharedWriter is written to by several processes, one after the other.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (s *sharedWriter) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(text)
}

// portAfter is the address i ports on; port 0 stays.
func portAfter(a netip.AddrPort, i int) netip.AddrPort {
	if a.Port() == 0 {
		return a
	}
	return netip.AddrPortFrom(a.Addr(), a.Port()+uint16(i))
}

// run runs the servers, and prints what to try once all are ready.
func (f *demoFleet) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	f.ready.Add(len(f.servers))
	for _, s := range f.servers {
		group.Go(func() error { return f.keep(ctx, s) })
	}
	all := make(chan struct{})
	go func() {
		f.ready.Wait()
		close(all)
	}()
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-all:
		}
		text := f.tour()
		if text == nil {
			return nil
		}
		return f.say("%s", text)
	})
	return group.Wait()
}

// keep runs a server, and runs it again when it has ended. One that never was ready is an error.
func (f *demoFleet) keep(ctx context.Context, s *demoServer) error {
	var once sync.Once
	counted := func() { once.Do(f.ready.Done) }
	defer counted()
	isReady := func(dns netip.AddrPort, admin string, pid int) {
		f.mu.Lock()
		again := s.dns.IsValid()
		s.dns, s.admin, s.pid = dns, admin, pid
		f.mu.Unlock()
		counted()
		if again {
			_ = f.say("%s\n", s) // what can't be said stops no server
		}
	}
	for {
		wasReady, err := s.run(ctx, isReady)
		if ctx.Err() != nil {
			return nil
		}
		if !wasReady {
			return fmt.Errorf("running %s: %w", s.name, errors.Join(err, errors.New("it has ended before it was ready")))
		}
		err = f.say("%s has ended; it starts again in %s\n", s.name, demoRestart)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(demoRestart):
		}
	}
}

// say prints a line, whole.
func (f *demoFleet) say(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := fmt.Fprintf(f.out, format, args...)
	return err
}

// run runs the process until it ends by itself or with ctx; ready is called when it is.
func (s *demoServer) run(ctx context.Context, ready func(dns netip.AddrPort, admin string, pid int)) (
	wasReady bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	c := exec.CommandContext(ctx, self, "serve", "--config", s.config)
	c.Stderr = s.stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the demo, which ends them
	out, err := c.StdoutPipe()
	if err != nil {
		return false, err
	}
	err = c.Start()
	if err != nil {
		return false, err
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if readErr == nil && len(fields) == 3 && fields[0] == "ready" {
		var dns netip.AddrPort
		dns, err = netip.ParseAddrPort(strings.TrimPrefix(fields[1], "dns="))
		if err == nil {
			wasReady = true
			ready(dns, "http://"+strings.TrimPrefix(fields[2], "admin="), c.Process.Pid)
		}
	}
	return wasReady, errors.Join(err, c.Wait())
}

// tour says what can be tried; nil where a server was never ready.
func (f *demoFleet) tour() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.ContainsFunc(f.servers, func(s *demoServer) bool { return !s.dns.IsValid() }) {
		return nil
	}
	var b bytes.Buffer
	first, last := f.servers[0], f.servers[len(f.servers)-1]
	fmt.Fprintf(&b, "\n%d servers share what one of them, who leads, reads from AWS:\n\n", len(f.servers))
	for _, s := range f.servers {
		fmt.Fprintln(&b, s)
	}
	fmt.Fprintf(&b, "\nTry it in another terminal; below a command stands its answer.\n\n"+
		"# change a record in Route 53: each server has it within a second\n"+
		"AWS_ENDPOINT_URL=%s AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo %s record add example.net fleet A "+
		"192.0.2.53 --public --ttl 5\n", f.endpoint, f.program)
	for _, s := range f.servers {
		fmt.Fprintf(&b, "%s\n  192.0.2.53\n", demoQuestion{name: "fleet.example.net"}.dig(s.dns))
	}
	fmt.Fprintf(&b, "# who leads, and which version each server has\n%s fleet --admin %s\n", f.program, first.admin)
	fmt.Fprintf(&b, "# end who leads: another one leads within seconds, no other server notices; "+
		"it starts again after %s\n"+
		"kill PROCESS\n", demoRestart)
	fmt.Fprintf(&b, "# an update at a server, whether it leads or not\n"+
		"printf 'server %s %d\\nzone example.net\\nupdate add host.try.example.net 5 A 192.0.2.54\\nsend\\n' | "+
		"nsupdate -y hmac-sha256:demo:%s\n", last.dns.Addr(), last.dns.Port(), demoKey)
	for _, s := range f.servers {
		fmt.Fprintf(&b, "%s\n  192.0.2.54\n", demoQuestion{name: "host.try.example.net"}.dig(s.dns))
	}
	fmt.Fprintf(&b, "# what a name was, and who changed it\n%s history fleet.example.net --admin %s\n",
		f.program, last.admin)
	fmt.Fprintf(&b, "\nThe configurations are %s. Ctrl-C ends the demo.\n",
		filepath.Join(filepath.Dir(first.config), "dns-*.yaml"))
	return b.Bytes()
}
