package update

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"inside53/zonesource/changes"
	"inside53/zonesource/clock"
	"inside53/zonesource/ledger"
)

// intents are batches that are about to be sent, or were and aren't over: those of a server
// alone stand in its journal, those of a fleet in the ledger.
type intents interface {
	// intend returns when it is known to whoever comes later that a batch is about to be sent.
	intend(ctx context.Context, zone, account string, b changes.Batch, p *plan) (uint64, error)
	// accepted notes that Route 53 has accepted a batch.
	accepted(intent uint64, change string, at time.Time)
	// confirm returns when it is known to whoever comes later that messages were made, by a
	// batch or, where intent is 0, without one. Without messages it is all of the batch.
	confirm(ctx context.Context, intent uint64, zone string, good []*entry) error
	// dropped notes that a batch was not made; its messages may be tried again.
	dropped(intent uint64)
	// unmade returns when it is known to whoever comes later that a batch was not made.
	unmade(ctx context.Context, intent uint64) error
	// settled notes that listings have what a batch has made, or have overruled it.
	settled(intent uint64)
	// result is what has become of a message before, under whoever's lead.
	result(m *Message) (Result, bool)
	// of returns what is noted of an intent that isn't over.
	of(intent uint64) (line, bool)
	// left returns what others have left unfinished, once.
	left(ctx context.Context) []line
	mend(ctx context.Context)
	close() error
}

// Term is the time for which this server leads its fleet.
type Term interface {
	// Commit commits records of the part of intents, in the order of their keys; one without
	// a value is gone. It returns when these, and all that was amended before, are committed,
	// and are served here.
	Commit(ctx context.Context, actor string, records []ledger.Record) error
	// Records visits that part as it was when the term began.
	Records(ctx context.Context) iter.Seq2[ledger.Record, error]
	// Fresh reports whether the last renewal of the lease that succeeded began within d.
	Fresh(d time.Duration) bool
}

// PartName is the key of the part that has intents.
const PartName = "intents"

// Times of a fleet.
const (
	// attemptTime is what an attempt to change Route 53 has, in all.
	attemptTime = 4 * time.Second
	// attemptFresh is how fresh the lease has to be for one: with attemptTime it is over before
	// somebody else leads.
	attemptFresh = 4 * time.Second
	// tidyEvery is how often what is over is taken out where nothing else is written.
	tidyEvery = time.Minute
)

// MessageID is what a message is known by, whoever gets it and under whoever's lead: the
// SHA-256 of the name of its key, its zone and its MAC. The zero value is that of one that
// isn't remembered.
type MessageID [sha256.Size]byte

// NewMessageID returns the id of a message. The MAC is as it was signed, in hexadecimal digits.
func NewMessageID(key string, apex []byte, mac string) MessageID {
	return sha256.Sum256([]byte(strings.ToLower(key) + "\x00" + string(apex) + "\x00" + strings.ToLower(mac)))
}

// shared are the intents of a fleet, as who leads keeps them. The part has, beside each
// other:
//
//	b/NONCE-NUMBER     a batch that is about to be sent, or of which it isn't known what has become
//	m/TIME-ID          a message: of which batch, of whose, and its result once there is one
//
// TIME is when it was signed, so that what is new stands together, and what goes too.
type shared struct {
	term  Term
	log   *slog.Logger
	nonce string

	mu       sync.Mutex
	loaded   bool
	next     uint64
	live     map[uint64]sharedLine
	messages map[MessageID]*sharedMessage
	stale    map[string]bool // keys that are to go with the next commit
	tidied   time.Time
}

// sharedLine is a batch.
type sharedLine struct {
	line
	// Messages are the ids of the messages behind the batch.
	Messages []string `json:"messages"`

	key     string
	foreign bool // of an earlier leader
}

// sharedMessage is a message.
type sharedMessage struct {
	Batch  string        `json:"batch,omitempty"`
	Key    string        `json:"key"`
	Client string        `json:"client"`
	Zone   string        `json:"zone"`
	Signed int64         `json:"signed"` // Unix seconds
	Result *sharedResult `json:"result,omitempty"`

	record string // its key
}

// sharedResult is what has become of a message.
type sharedResult struct {
	Rcode  int    `json:"rcode"`
	Text   string `json:"text,omitempty"`
	Change string `json:"change,omitempty"`
}

func newShared(t Term, log *slog.Logger) *shared {
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // it never fails
	return &shared{
		term: t, log: log, nonce: hex.EncodeToString(nonce), next: 1, live: map[uint64]sharedLine{},
		messages: map[MessageID]*sharedMessage{}, stale: map[string]bool{}, tidied: time.Now(),
	}
}

const (
	batchPrefix   = "b/"
	messagePrefix = "m/"
)

// rememberFor is for how long after its time a signature may be good somewhere: the clocks may
// differ either way.
const rememberFor = 2 * 300 * time.Second

func (m *sharedMessage) isOver(now time.Time) bool {
	return m.Result != nil && now.Sub(time.Unix(m.Signed, 0)) > rememberFor
}

// messageKey is the key of a message's record.
func messageKey(id MessageID, signed time.Time) string {
	return fmt.Sprintf("%s%016x-%x", messagePrefix, max(signed.Unix(), 0), id)
}

// idIn is the id in the key of a message's record.
func idIn(key string) (MessageID, bool) {
	_, text, _ := strings.Cut(key, "-")
	id, err := hex.DecodeString(text)
	if err != nil || len(id) != sha256.Size {
		return MessageID{}, false
	}
	return MessageID(id), true
}

// left implements intents: it reads what earlier leaders have left.
func (s *shared) left(ctx context.Context) []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded {
		return nil
	}
	live, messages := map[uint64]sharedLine{}, map[MessageID]*sharedMessage{}
	var lines []line
	for r, err := range s.term.Records(ctx) {
		if err == nil {
			err = s.load(r, live, messages)
		}
		if err != nil {
			s.log.Warn("intents of earlier leaders aren't read yet; updates fail until they are", "error", err)
			return nil
		}
	}
	s.loaded, s.live, s.messages = true, live, messages
	for _, intent := range slices.Sorted(maps.Keys(live)) {
		lines = append(lines, live[intent].line)
	}
	return lines
}

// load reads one record. The caller holds mu.
func (s *shared) load(r ledger.Record, live map[uint64]sharedLine, messages map[MessageID]*sharedMessage) error {
	key := string(r.Key)
	id, named := idIn(key)
	switch {
	case strings.HasPrefix(key, batchPrefix):
		var l sharedLine
		err := json.Unmarshal(r.Value, &l)
		if err != nil {
			return fmt.Errorf("reading the intent %s: %w", key, err)
		}
		l.Intent, l.State, l.key, l.foreign = s.next, stateIntent, key, true
		s.next++
		live[l.Intent] = l
	case strings.HasPrefix(key, messagePrefix) && named:
		m := &sharedMessage{record: key}
		err := json.Unmarshal(r.Value, m)
		if err != nil {
			return fmt.Errorf("reading the update %s: %w", key, err)
		}
		messages[id] = m
	}
	return nil // what isn't known is somebody's of a later version
}

// change is what a commit makes of the part.
type change struct {
	records map[string][]byte // nil: it is gone
	actor   string
}

// put notes a record.
func (c *change) put(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", key, err)
	}
	c.records[key] = text
	return nil
}

// commit commits a change, and what else is over. The caller doesn't hold mu.
func (s *shared) commit(ctx context.Context, c change) error {
	now := clock.Now()
	s.mu.Lock()
	over := s.stale
	s.stale = map[string]bool{}
	for id, m := range s.messages {
		if m.isOver(now) {
			over[m.record] = true
			delete(s.messages, id)
		}
	}
	s.tidied = now
	s.mu.Unlock()
	for key := range over {
		_, written := c.records[key]
		if !written {
			c.records[key] = nil
		}
	}
	if len(c.records) == 0 {
		return nil
	}
	var records []ledger.Record
	for _, key := range slices.Sorted(maps.Keys(c.records)) {
		records = append(records, ledger.Record{Key: []byte(key), Value: c.records[key]})
	}
	err := s.term.Commit(ctx, c.actor, records)
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.stale, over) // it may have been made, or not
	return fmt.Errorf("committing intents: %w", err)
}

var (
	errNotLoaded = errors.New("what earlier leaders have left isn't read yet")
	errStale     = errors.New("the lease was not renewed in time; nothing was sent")
)

// intend implements intents.
func (s *shared) intend(ctx context.Context, zone, account string, b changes.Batch, p *plan) (uint64, error) {
	s.mu.Lock()
	if !s.loaded {
		s.mu.Unlock()
		return 0, errNotLoaded
	}
	intent := s.next
	s.next++
	s.mu.Unlock()
	l := sharedLine{key: fmt.Sprintf("%s%s-%016x", batchPrefix, s.nonce, intent), line: line{
		Intent: intent, State: stateIntent, At: time.Now().UTC(), Zone: zone, Account: account, Changes: noted(b),
		Made: makers(p.entries),
	}}
	messages := map[MessageID]*sharedMessage{}
	c := change{records: map[string][]byte{}, actor: byWhom(l.Made)}
	for _, e := range p.entries {
		if !e.changes || e.message.ID == (MessageID{}) {
			continue
		}
		m := newSharedMessage(e.message, zone)
		m.Batch = strings.TrimPrefix(l.key, batchPrefix)
		messages[e.message.ID] = m
		l.Messages = append(l.Messages, m.record)
		err := c.put(m.record, m)
		if err != nil {
			return 0, err
		}
	}
	err := c.put(l.key, l)
	if err == nil {
		err = s.commit(ctx, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.stale[l.key] = true // if it is there: nothing was sent
		for _, m := range messages {
			s.stale[m.record] = true
		}
		return 0, err
	}
	s.live[intent] = l
	for id, m := range messages {
		delete(s.stale, m.record)
		s.messages[id] = m
	}
	return intent, nil
}

func newSharedMessage(m *Message, zone string) *sharedMessage {
	return &sharedMessage{
		Key: m.Key, Client: m.Client.String(), Zone: zone, Signed: m.Signed.Unix(), record: messageKey(m.ID, m.Signed),
	}
}

// accepted implements intents.
func (s *shared) accepted(intent uint64, id string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, live := s.live[intent]
	if live {
		l.State, l.Change, l.At = stateAccepted, id, at.UTC()
		s.live[intent] = l
	}
}

// confirm implements intents.
func (s *shared) confirm(ctx context.Context, intent uint64, zone string, good []*entry) error {
	s.mu.Lock()
	l := s.live[intent]
	fresh := map[MessageID]*sharedMessage{}
	for _, e := range good {
		if e.message.ID != (MessageID{}) {
			fresh[e.message.ID] = newSharedMessage(e.message, zone)
		}
	}
	maps.Copy(fresh, s.behind(l))
	s.mu.Unlock()
	return s.finish(ctx, l, fresh, sharedResult{Rcode: NoError, Change: l.Change})
}

// behind are the messages of a batch. The caller holds mu.
func (s *shared) behind(l sharedLine) map[MessageID]*sharedMessage {
	out := map[MessageID]*sharedMessage{}
	for _, key := range l.Messages {
		id, _ := idIn(key)
		m := s.messages[id]
		if m != nil && batchPrefix+m.Batch == l.key {
			out[id] = m
		}
	}
	return out
}

// finish commits the result of messages, and that their batch is over.
func (s *shared) finish(
	ctx context.Context, l sharedLine, messages map[MessageID]*sharedMessage, r sharedResult,
) error {
	c := change{records: map[string][]byte{}, actor: byWhom(l.Made)}
	made := map[MessageID]*sharedMessage{}
	for id, m := range messages {
		with := *m
		with.Batch, with.Result = "", &r
		made[id] = &with
		err := c.put(m.record, &with)
		if err != nil {
			return err
		}
	}
	if l.key != "" {
		c.records[l.key] = nil
	}
	err := s.commit(ctx, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, m := range made {
		delete(s.stale, m.record)
		s.messages[id] = m
	}
	delete(s.live, l.Intent)
	return nil
}

// dropped implements intents. What is written of it goes with the next commit: until then
// another leader would find out the same by reading.
func (s *shared) dropped(intent uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, live := s.live[intent]
	if !live {
		return
	}
	for id, m := range s.behind(l) {
		s.stale[m.record] = true
		delete(s.messages, id)
	}
	s.stale[l.key] = true
	delete(s.live, intent)
}

// unmade implements intents. A message of an earlier leader keeps this as its result: who sent
// it has an answer or none, and signs anew. One of ours may be tried again.
func (s *shared) unmade(ctx context.Context, intent uint64) error {
	s.mu.Lock()
	l, live := s.live[intent]
	behind := s.behind(l)
	s.mu.Unlock()
	switch {
	case !live:
		return nil
	case !l.foreign:
		s.dropped(intent)
		return nil
	}
	const why = "the update was not made before another server led"
	return s.finish(ctx, l, behind, sharedResult{Rcode: ServFail, Text: why})
}

// settled implements intents.
func (s *shared) settled(uint64) {} // it was over with its result

// result implements intents.
func (s *shared) result(m *Message) (Result, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.loaded {
		return Result{ServFail, errNotLoaded.Error()}, true
	}
	known := s.messages[m.ID]
	if m.ID == (MessageID{}) || known == nil || known.Result == nil {
		return Result{}, false
	}
	return Result{known.Result.Rcode, known.Result.Text}, true
}

// of implements intents.
func (s *shared) of(intent uint64) (line, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, live := s.live[intent]
	return l.line, live
}

// mend implements intents: it takes out what is over where nothing else is written.
func (s *shared) mend(ctx context.Context) {
	s.mu.Lock()
	due := s.loaded && time.Since(s.tidied) >= tidyEvery
	s.mu.Unlock()
	if !due {
		return
	}
	err := s.commit(ctx, change{records: map[string][]byte{}, actor: "inside53"})
	if err != nil && ctx.Err() == nil {
		s.log.Warn("updates that are over aren't taken out of the ledger yet", "error", err)
	}
}

// close implements intents.
func (s *shared) close() error { return nil }
