//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
)

// direction is one way between two servers: what the first sends doesn't reach the second.
type direction struct{ from, to netip.Addr }

// cuts are the ways between servers that are cut.
//
// With nft a packet is dropped where it arrives: who sends it isn't told, as on a real network, and waits. Where the
// kernel or the machine has no nft, a rule of routing forbids the way instead: it is one direction too, and of both
// directions of a connection, but who sends finds at once that it can't.
type cuts struct {
	nft bool

	mu   sync.Mutex
	open map[direction]int // by how many it is cut
}

// cutRules drop what goes from one address of a pair to the other, where it arrives.
const cutRules = `table inet cuts {
	set ways { type ipv4_addr . ipv4_addr; }
	chain arriving {
		type filter hook input priority 0; policy accept;
		ip saddr . ip daddr @ways drop
	}
}
`

// isOwnNet reports whether this network namespace has loopback alone, and so is the test's.
func isOwnNet() bool {
	all, err := net.Interfaces()
	return err == nil && len(all) == 1
}

// newCuts prepares the network namespace of the test; nil where it isn't the test's own.
func newCuts() (*cuts, error) {
	if !isOwnNet() {
		return nil, nil
	}
	c := &cuts{open: map[direction]int{}}
	command := exec.Command("nft", "-f", "-")
	command.Stdin = strings.NewReader(cutRules)
	out, err := command.CombinedOutput()
	if err == nil {
		c.nft = true
		return c, nil
	}
	missing := fmt.Errorf("making a table of nft: %w: %s", err, out)
	// The kernel looks at rules before it delivers here, so that one can forbid a way.
	for _, args := range [][]string{
		{"rule", "add", "pref", "1000", "lookup", "local"},
		{"rule", "del", "pref", "0"},
	} {
		out, err = exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return nil, errors.Join(missing, fmt.Errorf("preparing rules of ip: %w: %s", err, out))
		}
	}
	return c, nil
}

// set cuts ways, or mends them: one that two have cut when both have mended it.
func (c *cuts) set(ways []direction, cut bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, w := range ways {
		before := c.open[w]
		if cut {
			c.open[w]++
		} else {
			c.open[w]--
		}
		if (before > 0) == (c.open[w] > 0) {
			continue
		}
		out, err := c.command(w, cut).CombinedOutput()
		if err != nil {
			errs = append(errs, fmt.Errorf("cutting or mending the way from %s to %s: %w: %s", w.from, w.to, err, out))
		}
	}
	return errors.Join(errs...)
}

// command cuts or mends one way.
func (c *cuts) command(w direction, cut bool) *exec.Cmd {
	verb := "delete"
	if cut {
		verb = "add"
	}
	if c.nft {
		return exec.Command("nft", verb, "element", "inet", "cuts", "ways", "{ "+w.from.String()+" . "+w.to.String()+" }")
	}
	return exec.Command("ip", "rule", verb, "pref", "10", "from", w.from.String(), "to", w.to.String(), "blackhole")
}
