package update

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource/atomicfile"
	"inside53/zonesource/changes"
	"inside53/zonesource/statedir"
)

// The journal is a file of lines of JSON. An intent is on the disk before its batch is
// sent; what became of it follows. Whatever has neither was on its way when the process
// ended.
const journalName = "updates.journal"

// line is one line of the journal.
type line struct {
	Intent  uint64    `json:"intent"`
	State   state     `json:"state"`
	At      time.Time `json:"at"`
	Zone    string    `json:"zone,omitempty"`
	Account string    `json:"account,omitempty"`
	Changes []changed `json:"changes,omitempty"`
	Made    []made    `json:"made,omitempty"` // by whom
	Change  string    `json:"change,omitempty"`
}

// changed is one change of a batch: updates have nothing to do with aliases and routing
// policies.
type changed struct {
	Action changes.Action `json:"action"`
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	TTL    int64          `json:"ttl"`
	Values []string       `json:"values"`
}

// noted is a batch as the journal has it.
func noted(b changes.Batch) []changed {
	out := make([]changed, len(b))
	for i := range b {
		set := &b[i].Set
		out[i] = changed{Action: b[i].Action, Name: aws.ToString(set.Name), Type: string(set.Type), TTL: aws.ToInt64(set.TTL)}
		for _, v := range set.ResourceRecords {
			out[i].Values = append(out[i].Values, aws.ToString(v.Value))
		}
	}
	return out
}

// batch is what was sent.
func (l *line) batch() changes.Batch {
	out := make(changes.Batch, len(l.Changes))
	for i, c := range l.Changes {
		set := changes.RecordSet{Name: aws.String(c.Name), Type: types.RRType(c.Type), TTL: aws.Int64(c.TTL)}
		for _, v := range c.Values {
			set.ResourceRecords = append(set.ResourceRecords, changes.Value{Value: aws.String(v)})
		}
		out[i] = changes.Change{Action: c.Action, Set: set}
	}
	return out
}

// made is one message behind an intent.
type made struct {
	Key    string `json:"key"`
	Client string `json:"client"`
	What   string `json:"what"`
}

// makers are those of messages that change something.
func makers(entries []*entry) []made {
	var out []made
	for _, e := range entries {
		if e.changes {
			out = append(out, made{e.message.Key, e.message.Client.String(), e.message.describe()})
		}
	}
	return out
}

type state string

const (
	stateIntent   state = "intent"   // about to be sent
	stateAccepted state = "accepted" // by Route 53
	stateDropped  state = "dropped"  // not made
	stateSettled  state = "settled"  // listings have it, or have overruled it
)

// rewriteAt is the size in bytes beyond which the journal is written anew, without what
// is over, once it is twice as large as after the last time.
const rewriteAt = 4 << 20

// journal is the open journal. Its methods are safe for concurrent use.
type journal struct {
	path  string
	state *statedir.Dir
	log   *slog.Logger

	mu      sync.Mutex
	opened  bool     // what an earlier process has left was read
	earlier []line   // of that, what isn't over and was not asked for yet
	file    *os.File // nil: it can't be written
	size    int64
	kept    int64 // size after the last writing anew
	next    uint64
	live    map[uint64]line // intents and accepted changes that aren't over
	torn    bool            // the file lacks a line, or ends with half of one
}

// openJournal reads the journal in dir and goes on with it. What of this can't be done now is
// done when something is to be written. state, which may be nil, says whether that may be.
func openJournal(dir string, state *statedir.Dir, log *slog.Logger) *journal {
	j := &journal{path: filepath.Join(dir, journalName), state: state, log: log, live: map[uint64]line{}, next: 1}
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.open()
	if err != nil {
		log.Error("the journal of updates is not read yet; updates are refused until it is", "error", err)
		return j
	}
	j.state.Note(whatJournal, j.rewrite())
	return j
}

// whatJournal is the name of the journal for who watches the state directory.
const whatJournal = "the journal of updates"

// open reads the journal, once: what another process has not finished is that process's. The
// caller holds mu.
func (j *journal) open() error {
	if j.opened {
		return nil
	}
	if j.state.Foreign() {
		return j.state.Hold()
	}
	data, err := os.ReadFile(j.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the journal of updates: %w", err)
	}
	err = j.load(data)
	if err != nil {
		j.putAside(data, err)
	}
	j.opened = true
	for _, id := range slices.Sorted(maps.Keys(j.live)) {
		j.earlier = append(j.earlier, j.live[id])
	}
	return nil
}

// load takes the lines of a journal. The last one may be torn: what it says hadn't
// begun yet. A line before that is at fault is left out, and the error names it. An
// intent that is lost so is known from the next listing all the same, and one without
// its end is found out by reading.
func (j *journal) load(data []byte) error {
	var faults []error
	reader := bufio.NewReader(bytes.NewReader(data))
	for n := 1; ; n++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(text) > 0 {
				j.log.Warn("the last line of the journal of updates is torn; it had not begun", "line", n)
			}
			return errors.Join(faults...)
		}
		var l line
		err = json.Unmarshal(text, &l)
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		j.apply(l)
	}
}

// putAside writes down what the journal was, so that nothing is lost. The server starts
// all the same: it has other things to do.
func (j *journal) putAside(data []byte, why error) {
	aside := fmt.Sprintf("%s.unusable-%d", j.path, time.Now().UnixNano())
	err := os.WriteFile(aside, data, 0o600)
	if err != nil {
		j.log.Error("journal of updates unusable in part and not put aside", "file", j.path, "reason", why, "error", err)
		return
	}
	j.log.Error("journal of updates unusable in part; the whole is put aside", "file", j.path, "as", aside, "reason", why)
}

func (j *journal) apply(l line) {
	j.next = max(j.next, l.Intent+1)
	switch l.State {
	case stateIntent:
		j.live[l.Intent] = l
	case stateAccepted:
		full := j.live[l.Intent]
		if full.Intent == 0 {
			return
		}
		full.State, full.At, full.Change = l.State, l.At, l.Change
		j.live[l.Intent] = full
	default:
		delete(j.live, l.Intent)
	}
}

// rewrite writes what isn't over into a new file. The caller holds mu.
func (j *journal) rewrite() error {
	err := j.state.Hold()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	for _, id := range slices.Sorted(maps.Keys(j.live)) {
		l := j.live[id]
		intent := l
		intent.State, intent.Change = stateIntent, ""
		err = e.Encode(intent)
		if err == nil && l.State == stateAccepted {
			err = e.Encode(line{Intent: id, State: l.State, At: l.At, Change: l.Change})
		}
		if err != nil {
			return err
		}
	}
	file, err := atomicfile.Create(j.path, func(w io.Writer) error {
		_, err := w.Write(out.Bytes())
		return err
	})
	if file == nil {
		return err // the old file goes on
	}
	if j.file != nil {
		_ = j.file.Close() // all of it is in the new one
	}
	j.file, j.size, j.kept, j.torn = file, int64(out.Len()), int64(out.Len()), false
	return err
}

// write appends a line, and waits until it is on the disk where sync says so. The caller holds
// mu.
func (j *journal) write(l line, sync bool) error {
	j.apply(l)
	err := j.append(l, sync)
	j.state.Note(whatJournal, err)
	return err
}

func (j *journal) append(l line, sync bool) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if !j.there() {
		j.state.Check()
		return j.rewrite() // with l
	}
	err = j.state.Hold()
	if err != nil {
		j.torn = true
		return err
	}
	if j.torn {
		return j.rewrite() // with l
	}
	n, err := j.file.Write(append(text, '\n'))
	j.torn = err != nil
	j.size += int64(n)
	if err == nil && sync {
		err = j.file.Sync()
	}
	if err != nil || j.size > max(rewriteAt, 2*j.kept) {
		// A new file has no half line, and may find room again.
		again := j.rewrite()
		if again != nil && err == nil {
			j.log.Warn("the journal of updates grows", "error", again)
			return nil
		}
		return again
	}
	return nil
}

// mend writes the journal anew where it lacks something, or isn't there.
func (j *journal) mend(context.Context) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state.Hold() == nil && j.open() == nil && (j.torn || !j.there()) {
		j.state.Note(whatJournal, j.rewrite())
	}
}

// there reports whether the open file is what the next process will find: what is written to a
// file that was deleted is lost.
func (j *journal) there() bool {
	if j.file == nil {
		return false
	}
	is, err := j.file.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(j.path)
	return err == nil && os.SameFile(is, found)
}

// intend implements intents: it returns when the intent is on the disk.
func (j *journal) intend(_ context.Context, zone, account string, b changes.Batch, p *plan) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.open()
	if err == nil {
		err = j.state.Writable() // the last free bytes are for the results of what is on its way
	}
	if err != nil {
		return 0, err
	}
	id := j.next
	j.next++
	l := line{Intent: id, State: stateIntent, At: time.Now().UTC(), Zone: zone, Account: account, Changes: noted(b),
		Made: makers(p.entries)}
	err = j.write(l, true)
	if err != nil {
		delete(j.live, id)
		j.torn = true // half of it may be there
	}
	return id, err
}

// note appends what became of an intent. Where that can't be written, reading Route 53
// tells it at the next start.
func (j *journal) note(l line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.write(l, false)
	if err != nil {
		j.log.Warn("the journal of updates can't be written", "error", err)
	}
}

// accepted implements intents.
func (j *journal) accepted(intent uint64, id string, at time.Time) {
	j.note(line{Intent: intent, State: stateAccepted, At: at.UTC(), Change: id})
}

// confirm implements intents: what was accepted is on the disk, or found out by reading.
func (j *journal) confirm(context.Context, uint64, string, []*entry) error { return nil }

// unmade implements intents.
func (j *journal) unmade(_ context.Context, intent uint64) error {
	j.dropped(intent)
	return nil
}

// result implements intents: who sends to one server is remembered there.
func (j *journal) result(*Message) (Result, bool) { return Result{}, false }

// dropped implements intents.
func (j *journal) dropped(intent uint64) {
	j.note(line{Intent: intent, State: stateDropped, At: time.Now().UTC()})
}

// settled implements intents.
func (j *journal) settled(intent uint64) {
	j.note(line{Intent: intent, State: stateSettled, At: time.Now().UTC()})
}

// of implements intents.
func (j *journal) of(intent uint64) (line, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l, live := j.live[intent]
	return l, live
}

// left implements intents: what an earlier process has left; nothing while that isn't known.
func (j *journal) left(context.Context) []line {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.open() // another time
	left := j.earlier
	j.earlier = nil
	return left
}

// unfinished returns what isn't over, in the order of the intents.
func (j *journal) unfinished() []line {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []line
	for _, id := range slices.Sorted(maps.Keys(j.live)) {
		out = append(out, j.live[id])
	}
	return out
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return errors.Join(j.file.Sync(), j.file.Close())
}
