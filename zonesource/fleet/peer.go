package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"inside53/zonesource/ledger"
)

const (
	memberPath = "member/"
	maxMember  = 1 << 20
	// forgetAfter is the age of a member that nobody needs to know of any more.
	forgetAfter = 24 * time.Hour
	// rereadAfter is how old what a member says may be at a calm server: else each would read what all others write
	// each minute. One that starts again at another address is known there so late to calm servers, which hand
	// nothing on to it: who leads reads it at once, as it is woken by it; where who leads is stands in the lease, and a
	// head that is ahead of the lease has both read anew; whoever is to lead reads all before; what people
	// see is read when they ask.
	rereadAfter = 10 * time.Minute
	// calmFor is for how long a lease that isn't seen anew may still be renewed: others look at it each 15 s.
	calmFor = farEvery + renewEvery
)

// Peer is a member as it says of itself.
type Peer struct {
	Name    string            `json:"name"`
	Node    string            `json:"node"` // the name and a nonce drawn at its start
	Address netip.AddrPort    `json:"address"`
	Zone    string            `json:"zone"`
	Version uint64            `json:"version"`
	Epoch   uint64            `json:"epoch"`
	Failed  map[string]string `json:"failed,omitempty"` // parts that it can't adopt, and why
	Whole   uint64            `json:"whole,omitempty"`  // with Failed: the last version that it had without
	Had     uint64            `json:"had,omitempty"`    // before Version: what the process before it had, and it serves
	Serials []Serial          `json:"serials,omitempty"`
	Build   string            `json:"build"`
	Config  string            `json:"config"`
	// Twin is where another server is that has its name.
	Twin netip.AddrPort `json:"twin,omitzero"`

	// Heard is how long ago it wrote that, by the store's clock.
	Heard time.Duration `json:"-"`
	read  time.Duration // uptime when it was listed
	got   time.Duration // uptime when what it says was read
}

// Peers returns the members that wrote within 2 minutes, this server among them, by name.
func (m *Member) Peers() []Peer {
	m.mu.Lock()
	peers, now := slices.Clone(m.peers), m.o.Uptime()
	m.mu.Unlock()
	peers = slices.DeleteFunc(peers, func(p Peer) bool { return p.Name == m.o.Name })
	for i := range peers {
		peers[i].Heard += now - peers[i].read
	}
	peers = slices.DeleteFunc(peers, func(p Peer) bool { return p.Heard > memberFor })
	peers = append(peers, m.self())
	slices.SortFunc(peers, func(a, b Peer) int { return strings.Compare(a.Name, b.Name) })
	return peers
}

// self is what this server says of itself.
func (m *Member) self() Peer {
	p := Peer{
		Name: m.o.Name, Node: m.node, Address: m.address(), Zone: m.o.Zone, Build: m.o.Build, Config: m.o.Config(),
		Serials: m.o.Serials(), Twin: m.Twin(),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.describe(&p)
	return p
}

// describe says what this server has of the ledger. The caller holds mu.
func (m *Member) describe(p *Peer) {
	if m.version == nil {
		p.Had, p.Epoch = m.had.Version, m.had.Epoch
		return
	}
	p.Version, p.Epoch, p.Failed = m.version.Number(), m.version.Head.Epoch, maps.Clone(m.failed)
	if len(p.Failed) > 0 {
		p.Whole = m.whole
	}
}

// whole is the last version that it had with all parts.
func (p Peer) whole() uint64 {
	if len(p.Failed) > 0 {
		return p.Whole
	}
	return p.serves()
}

// serves is the version of what it serves, also from before it started.
func (p Peer) serves() uint64 { return max(p.Version, p.Had) }

// rankOf is the place of a name among all by the hash of names.
func rankOf(name string, peers []Peer) int {
	own, rank := sha256.Sum256([]byte(name)), 0
	for _, p := range peers {
		sum := sha256.Sum256([]byte(p.Name))
		if p.Name != name && bytes.Compare(sum[:], own[:]) < 0 {
			rank++
		}
	}
	return rank
}

// meet writes what this server says of itself, and reads what the others do, until ctx ends.
func (m *Member) meet(ctx context.Context) error {
	var said, listed time.Duration
	var told, joined string
	var woken bool
	for first := true; ; first = false {
		now := m.o.Uptime()
		is := fmt.Sprint(m.failedKeys(), m.address(), m.Term() != nil, len(m.o.Serials()), m.seesLoss(), m.o.Config())
		if first || now-said >= memberEvery || is != told {
			m.mark()
			err := m.say(ctx)
			if err == nil && is != told {
				joined = "" // who leads is to read it now
			}
			if err == nil {
				said, told = now, is
			}
		}
		if first || woken || now-listed >= m.listEvery() {
			err := m.listPeers(ctx)
			if err == nil {
				listed = now
			}
		}
		if said > 0 {
			joined = m.join(ctx, joined)
		}
		err := m.pause(ctx, time.Second, nil)
		if err != nil {
			return err
		}
		select {
		case <-m.wakeMeet:
			woken = true
		default:
			woken = false
		}
	}
}

// seesLoss reports whether the store has lost something that this server knows. Then it says at once what it knows:
// who repairs has to hear of it, and what was said before may be lost too.
func (m *Member) seesLoss() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return isLost(m.headErr)
}

// join wakes who leads, unless that is who was woken before: from then on it knows this server,
// and tells it of what is new. It returns who was woken.
func (m *Member) join(ctx context.Context, before string) string {
	m.mu.Lock()
	leader, to := m.lease.Node, m.lease.Address
	m.mu.Unlock()
	if leader == before || leader == m.node || !to.IsValid() || m.o.Wake == nil {
		return before
	}
	ctx, stop := context.WithTimeout(ctx, wakeTime)
	defer stop()
	if m.o.Wake(ctx, to) {
		return leader
	}
	return before
}

// listEvery is how often the members are listed.
func (m *Member) listEvery() time.Duration {
	if m.Term() != nil {
		return listEvery
	}
	return memberEvery
}

// objectOf is the name of a member's object.
func objectOf(name string) string { return memberPath + url.PathEscape(name) }

// say writes the object of this server.
func (m *Member) say(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, storeTime)
	defer stop()
	text, err := json.Marshal(m.self())
	if err != nil {
		return fmt.Errorf("encoding a member: %w", err)
	}
	m.mu.Lock()
	was := m.ownTag
	m.mu.Unlock()
	tag, err := m.o.Store.Put(ctx, objectOf(m.o.Name), m.memberKeys.Seal(text), was)
	if errors.Is(err, ledger.ErrMismatch) || errors.Is(err, ledger.ErrAbsent) || err != nil && was != "" {
		var body []byte
		body, tag, err = m.o.Store.Get(ctx, objectOf(m.o.Name), "", maxMember)
		switch {
		case err != nil:
			tag = ""
		case was != "":
			m.overwritten(body)
		}
		err = ledger.ErrMismatch // once more, over what is there
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ownTag = tag
	return err
}

// ReadPeers returns the members as they say of themselves now, as far as the store says so in time.
func (m *Member) ReadPeers(ctx context.Context) []Peer {
	ctx, stop := context.WithTimeout(ctx, storeTime/2)
	defer stop()
	err := m.readPeers(ctx, true)
	if err != nil {
		m.o.Log.Debug("members not read; those known before are named", "error", err)
	}
	return m.Peers()
}

// listPeers lists the members, and reads the objects of those that may have changed where that matters.
func (m *Member) listPeers(ctx context.Context) error { return m.readPeers(ctx, !m.isCalm()) }

// isCalm reports whether nothing hangs on what members say: another server leads and renews its lease, by the
// configuration of this one, and the store has lost nothing. Then it is enough to know who the members are.
func (m *Member) isCalm() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.term == nil && m.lease.known && m.lease.Node != "" && m.lease.Node != m.node &&
		m.o.Uptime()-m.lease.since < calmFor && !m.isAheadOfLease() && m.headErr == nil && m.version != nil &&
		!m.differs(m.o.Config())
}

// readPeers lists the members, and reads the objects of those that may have changed: all of them, or those that
// aren't known and those that were read long ago.
func (m *Member) readPeers(ctx context.Context, all bool) error {
	ctx, stop := context.WithTimeout(ctx, readTime)
	defer stop()
	m.mu.Lock()
	before := map[string]Peer{}
	for _, p := range m.peers {
		before[objectOf(p.Name)] = p
	}
	m.mu.Unlock()
	var g errgroup.Group
	g.SetLimit(decoders)
	var mu sync.Mutex
	var peers []Peer
	unread := 0
	now := m.o.Uptime()
	for e, err := range m.o.Store.List(ctx, memberPath, "") {
		if err != nil {
			return errors.Join(fmt.Errorf("listing members: %w", err), g.Wait())
		}
		if e.Age > forgetAfter && m.Term() != nil {
			_ = m.o.Store.Delete(ctx, e.Name) // another time
		}
		if e.Age > memberFor {
			continue
		}
		g.Go(func() error {
			p, known := before[e.Name]
			var err error
			if !known || e.Age <= now-p.got+time.Second && (all || now-p.got > rereadAfter) { // it was written since
				var is Peer
				is, err = m.readPeer(ctx, e.Name)
				if err == nil {
					p = is
					p.got = now
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil && !isOfPart(err) {
				unread++ // a member that is there: what it says now isn't known
			}
			if err != nil && (isOfPart(err) || !known) {
				return nil // it stands in the log, and the member isn't one
			}
			p.Heard, p.read = e.Age, now
			peers = append(peers, p)
			return nil
		})
	}
	err := g.Wait()
	m.mu.Lock()
	if len(peers) > 0 {
		m.peers = peers
	}
	switch {
	case unread > 0:
		m.met = 0
	case all:
		m.met = now
	}
	m.mu.Unlock()
	if t := m.Term(); t != nil {
		t.told.meet(m.Peers(), m.o.Name)
		m.mu.Lock()
		lower := m.higher()
		m.mu.Unlock()
		if lower {
			t.end(errLower)
		}
		t.rewriteFailed()
	}
	return err
}

// readPeer reads the object of a member.
func (m *Member) readPeer(ctx context.Context, name string) (Peer, error) {
	body, _, err := m.o.Store.Get(ctx, name, "", maxMember)
	var text []byte
	if err == nil {
		text, err = m.memberKeys.Open(body)
	}
	var p Peer
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err == nil && objectOf(p.Name) != name {
		err = ledger.ErrDamaged
	}
	if err != nil && !errors.Is(err, ledger.ErrAbsent) && ctx.Err() == nil {
		m.o.Log.Warn("member not read", "object", name, "error", err)
	}
	return p, err
}

// wakeAll sends NOTIFY to all members, once.
func (m *Member) wakeAll(ctx context.Context) {
	if m.o.Wake == nil {
		return
	}
	var g errgroup.Group
	for _, p := range m.Peers() {
		if p.Name != m.o.Name && p.Address.IsValid() {
			g.Go(func() error {
				m.o.Wake(ctx, p.Address)
				return nil
			})
		}
	}
	_ = g.Wait() // none returns an error
}
