package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"inside53/zonesource/ledger"
)

// leaseName is the object that says who leads; maxLease bounds it in octets.
const (
	leaseName = "lease"
	maxLease  = 1 << 20
)

// lease is what the object says.
type lease struct {
	Epoch   uint64             `json:"epoch"`
	Node    string             `json:"node"`  // who leads; "" offers it
	Nonce   string             `json:"nonce"` // of this writing of it
	Address netip.AddrPort     `json:"address"`
	Ages    map[string]float64 `json:"ages"` // in seconds; a part's own where it is older than its source
}

// who is the name of the server that leads, "" for none.
func (l *lease) who() string {
	at := strings.LastIndexByte(l.Node, '/')
	if at < 0 {
		return l.Node
	}
	return l.Node[:at]
}

// seenLease is a lease as it was read.
type seenLease struct {
	lease
	tag   string        // "" is that there is none
	since time.Duration // uptime when this one was seen first
	read  time.Duration // uptime before it was read last
	known bool          // it was read
}

func newNonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

func (m *Member) encodeLease(l *lease) ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encoding the lease: %w", err)
	}
	return m.leaseKeys.Seal(text), nil
}

// getLease reads the lease. One that isn't signed by the fleet has nobody who leads, and counts
// as one that isn't renewed.
func (m *Member) getLease(ctx context.Context, unless string) (l lease, tag string, err error) {
	ctx, stop := context.WithTimeout(ctx, storeTime)
	defer stop()
	body, tag, err := m.o.Store.Get(ctx, leaseName, unless, maxLease)
	if err != nil {
		return lease{}, tag, fmt.Errorf("reading the lease: %w", err)
	}
	text, err := m.leaseKeys.Open(body)
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		m.alarm("lease", "the lease is not one of this fleet", "error", err)
		l = lease{Node: "?"}
	}
	return l, tag, nil
}

// look reads the lease and notes since when it is what it is.
func (m *Member) look(ctx context.Context) error {
	m.mu.Lock()
	was := m.lease
	m.mu.Unlock()
	began := m.o.Uptime()
	l, tag, err := m.getLease(ctx, was.tag)
	switch {
	case errors.Is(err, ledger.ErrUnchanged):
		m.mu.Lock()
		m.lease.read = began
		m.mu.Unlock()
		return nil
	case errors.Is(err, ledger.ErrAbsent):
		l, tag = lease{Epoch: was.Epoch}, ""
	case err != nil:
		return err
	}
	m.mu.Lock()
	if !was.known || tag != was.tag {
		m.lease = seenLease{lease: l, tag: tag, since: m.o.Uptime(), known: true}
	}
	m.lease.read = began
	if l.Ages != nil {
		m.ages, m.agesAt = l.Ages, began
	}
	m.mu.Unlock()
	if l.Ages != nil {
		m.syncing.Lock()
		defer m.syncing.Unlock()
		m.age()
	}
	return nil
}

// contend looks at the lease, and has this server lead when it may, until ctx ends.
func (m *Member) contend(ctx context.Context) error {
	for {
		err := m.look(ctx)
		if err == nil && m.isBehindOffer() {
			_, _ = m.Sync(ctx) // it stands in Standing
		}
		if err == nil && m.mayTake() {
			m.askPeers(ctx)
			err = m.pause(ctx, mathrand.N(m.draw()), nil)
			if err == nil {
				err = m.look(ctx)
			}
			if err == nil && m.mayTake() {
				m.lead(ctx)
			}
		}
		err = m.pause(ctx, m.lookEvery(), m.wakeLease)
		if err != nil {
			return err
		}
	}
}

// askTime bounds the reading of what members say before this server leads.
const askTime = time.Second

// askPeers reads what members say: who knows more, or reads by another configuration, is to lead.
func (m *Member) askPeers(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, askTime)
	defer stop()
	err := m.readPeers(ctx, true)
	if err != nil {
		m.o.Log.Debug("members not read before the lease is tried", "error", err)
	}
}

// draw bounds the time that a candidate waits, so that not all come at once.
func (m *Member) draw() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease.Node == "" {
		return maxDraw / 2 // it was offered
	}
	return maxDraw
}

// mayTake reports whether the lease may be had, as far as this server's clock knows.
func (m *Member) mayTake() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, now := m.lease, m.o.Uptime()
	still := now - l.since
	switch {
	case !l.known || errors.Is(m.headErr, ledger.ErrNewer) || now < m.barred && l.Node != "" && still < leaseFor:
		return false
	case now < m.unfit:
		return false // else it would have the lease again before somebody else does
	case l.tag != "" && still < leaseFor+lostPause && m.yields():
		return false
	case still < lostPause && (m.higher() && !isLost(m.headErr) || m.fuller() && isLost(m.headErr)):
		return false // who knows more repairs what there is
	case l.tag != "" && l.Node == "" && l.Nonce != m.offer:
		return true
	case l.tag == "" && m.version == nil && m.headErr == nil:
		return true // nobody has ever led
	}
	return still >= leaseFor
}

// isBehindOffer reports whether the lease is offered while another member has newer data, most often who
// offers it: what it committed last is to be had before this server may lead.
func (m *Member) isBehindOffer() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lease.known && m.lease.tag != "" && m.lease.Node == "" && m.higher()
}

// lookEvery is how often this server looks at the lease.
func (m *Member) lookEvery() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if rankOf(m.o.Name, m.peers) < near {
		return nearEvery
	}
	return farEvery
}

// take replaces the lease that was seen by one of this server, with an epoch above all known.
func (m *Member) take(ctx context.Context) (l lease, tag string, began time.Duration, err error) {
	m.mu.Lock()
	was, epoch := m.lease, max(m.lease.Epoch, m.had.Epoch)
	if m.version != nil {
		epoch = max(epoch, m.version.Head.Epoch)
	}
	m.mu.Unlock()
	l = lease{Epoch: epoch + 1, Node: m.node, Nonce: newNonce(), Address: m.address(), Ages: was.Ages}
	began = m.o.Uptime()
	tag, err = m.putLease(ctx, &l, was.tag)
	return l, tag, began, err
}

func (m *Member) address() netip.AddrPort {
	if m.o.Address == nil {
		return netip.AddrPort{}
	}
	return m.o.Address()
}

// putLease replaces the lease. What has become of a request without an answer is read.
func (m *Member) putLease(ctx context.Context, l *lease, was string) (string, error) {
	body, err := m.encodeLease(l)
	if err != nil {
		return "", err
	}
	limited, stop := context.WithTimeout(ctx, storeTime)
	tag, err := m.o.Store.Put(limited, leaseName, body, was)
	stop()
	if err == nil {
		return tag, nil
	}
	is, tag, doubt := m.getLease(ctx, "")
	switch {
	case doubt == nil && is.Nonce == l.Nonce:
		return tag, nil
	case doubt == nil && is.Node == l.Node && is.Epoch == l.Epoch && tag != was: // an older one of ours
		return "", fmt.Errorf("writing the lease: %w", errAgain{tag})
	case doubt == nil && tag != was:
		return "", fmt.Errorf("writing the lease: %w", errTaken)
	case errors.Is(doubt, ledger.ErrAbsent) && was != "":
		return "", fmt.Errorf("writing the lease: %w", errAgain{""})
	}
	return "", fmt.Errorf("writing the lease: %w", err)
}

// errAgain says that the lease is another one than was to be replaced, but nobody else's.
type errAgain struct{ tag string }

// Error implements error.
func (errAgain) Error() string { return "it was put back" }
