//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	collidingZone = "collide.internal."
	colliding     = 400 // names; half a page of a zone's tree has fewer
)

// collidingLabels are labels with one and the same hash for whoever knows no seed: two words
// multiplied and folded, as the tree of zones does it. The second word undoes the first.
func collidingLabels() []string {
	const mulA = 0x9e37_79b9_7f4a_7c15
	mulB := uint64(0xe703_7ed1_a0b4_28db)
	mix := func(a uint64) uint64 {
		hi, lo := bits.Mul64(a, mulA)
		return hi ^ lo
	}
	// parent and target may be anything: the hash of the parent goes into the first word alone.
	parent := uint64(0x53a5_1de5_3000_0053)
	for _, label := range []string{"internal", "collide"} {
		var word [8]byte
		copy(word[:], label)
		parent = mix(parent ^ uint64(len(label))*mulB ^ binary.LittleEndian.Uint64(word[:]))
	}
	begin := parent ^ 16*mulB
	const target uint64 = 0x0123_4567_89ab_cdef
	rng := rand.New(rand.NewPCG(53, 53))
	var labels []string
	for len(labels) < colliding {
		var word [16]byte
		for i := range 8 {
			word[i] = byte('a' + rng.IntN(26))
		}
		binary.LittleEndian.PutUint64(word[8:], target^mix(begin^binary.LittleEndian.Uint64(word[:8])))
		if !strings.ContainsFunc(string(word[8:]), func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
			labels = append(labels, string(word[:]))
		}
	}
	return labels
}

// escaped writes a label as master files have it.
func escaped(label string) string {
	var b strings.Builder
	for i := range len(label) {
		c := label[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "\\%03d", c)
		}
	}
	return b.String()
}

// collidingFile writes a zone of colliding names.
func collidingFile(s site) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL 60\n@ IN SOA ns1 host 1 3600 600 86400 60\n@ IN NS ns1\nns1 IN A 10.255.0.1\n",
		collidingZone)
	for _, label := range collidingLabels() {
		fmt.Fprintf(&b, "%s IN A 10.0.0.53\n", escaped(label))
	}
	path := filepath.Join(s.dir, "collide.zone")
	return path, os.WriteFile(path, []byte(b.String()), 0o644)
}

// collidingOurs is inside53 with that zone too.
func collidingOurs(s site, program string) ([]string, error) {
	path, err := collidingFile(s)
	if err != nil {
		return nil, err
	}
	return inside53(s, program, guardedSections(s)+fmt.Sprintf("  - { origin: %s, file: %q }\n", collidingZone, path))
}

// collidingNSD is NSD with that zone too.
func collidingNSD(s site, program string) ([]string, error) {
	path, err := collidingFile(s)
	if err != nil {
		return nil, err
	}
	argv, err := guardedNSD(s, program)
	if err != nil {
		return nil, err
	}
	return argv, appendTo(argv[len(argv)-1], fmt.Sprintf("zone:\n  name: %s\n  zonefile: %q\n", collidingZone, path))
}

// collidingQueries ask for the colliding names.
func collidingQueries() [][]byte {
	var all [][]byte
	for _, label := range collidingLabels() {
		all = append(all, packed(new(dns.Msg).SetQuestion(escaped(label)+"."+collidingZone, dns.TypeA)))
	}
	return all
}

// packed packs a message of ours, which can be packed.
func packed(m *dns.Msg) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// askColliding has every colliding name answered.
func askColliding(ctx context.Context, s site) error {
	c := &dns.Client{Timeout: 5 * time.Second}
	conn, err := c.DialContext(ctx, net.JoinHostPort("127.0.0.1", fmt.Sprint(s.port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, label := range collidingLabels() {
		m := new(dns.Msg).SetQuestion(escaped(label)+"."+collidingZone, dns.TypeA)
		answer, _, err := c.ExchangeWithConnContext(ctx, m, conn)
		if err != nil {
			return fmt.Errorf("asking for a colliding name: %w", err)
		}
		if len(answer.Answer) != 1 {
			return fmt.Errorf("asking for a colliding name: %s with %d records", dns.RcodeToString[answer.Rcode],
				len(answer.Answer))
		}
	}
	return nil
}
