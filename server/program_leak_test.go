package server

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// holdings is what a process holds of what it may run out of.
type holdings struct{ descriptors, goroutines int }

func held(t *testing.T) holdings {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	return holdings{len(files), runtime.NumGoroutine()}
}

// lookUp asks for a name that nobody has asked for yet, so that it is forwarded.
func (p *program) lookUp(t *testing.T, i int) {
	t.Helper()
	p.ask(t, asks(outside, fmt.Sprintf("leak%d.example.org A", i)))
}

// TestProgramLeavesNothing publishes and reloads again and again, with look-ups between:
// sockets and goroutines of what was in force before end.
func TestProgramLeavesNothing(t *testing.T) {
	const (
		warm = 5
		// spare are connections that are kept for a while: to AWS, of it, and to upstreams. What
		// a turn left would be a hundred.
		spare  = 16
		within = 10 * time.Second
	)
	for _, tt := range []struct {
		name  string
		times int
		turn  func(t *testing.T, p *program, s *site, config string, i int)
	}{
		{"publications", 300, func(t *testing.T, p *program, _ *site, _ string, _ int) {
			again := *p.app.resolver.Snapshot()
			p.app.publish(&again)
		}},
		{"reloads", 100, func(t *testing.T, p *program, s *site, config string, i int) {
			p.reloaded(t, s, config+fmt.Sprintf("negative_ttl: %ds\n", 60+i%2))
		}},
		{"reloads of all that asks AWS", 120, func(t *testing.T, p *program, s *site, config string, i int) {
			p.reloaded(t, s, strings.Replace(config, "requests_per_second: 1000",
				fmt.Sprintf("requests_per_second: %d", 1000+i%2), 1)+"health_checks: {}\n")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t, nil)
			s := newSite(t)
			config := c.config()
			p := s.ready(t, config)
			round := func(i int) {
				tt.turn(t, p, s, config, i)
				p.lookUp(t, i)
			}
			for i := range warm {
				round(i)
			}
			time.Sleep(time.Second) // as many listings side by side as there ever are
			before := held(t)
			for i := range tt.times {
				round(warm + i)
			}
			var after holdings
			for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
				after = held(t)
				if after.descriptors <= before.descriptors+spare && after.goroutines <= before.goroutines+2*spare {
					return
				}
				if time.Now().After(end) {
					break
				}
			}
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			t.Errorf("before %+v, %s after %d %s %+v\n%s", before, within, tt.times, tt.name, after, oftenest(string(stacks)))
		})
	}
}

// oftenest says what most goroutines of a dump do.
func oftenest(dump string) string {
	count := map[string]int{}
	for _, g := range strings.Split(dump, "\n\n") {
		lines := strings.Split(g, "\n")
		count[lines[len(lines)-2]]++
	}
	best := ""
	for line, n := range count {
		if n > count[best] {
			best = line
		}
	}
	return fmt.Sprintf("%d times %s", count[best], best)
}
