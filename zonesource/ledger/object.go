package ledger

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Format is the greatest format that this program writes and reads.
const Format = 1

// Names of objects, and of what stands before the names of others.
const (
	headName   = "head"
	commitPath = "commit/"
	mapPath    = "map/"
	listPath   = "list/"
	pagePath   = "page/"
	pastPath   = "past/"
)

// Bounds of what is read at once, in octets as they are stored.
const (
	maxHead   = 64 << 10
	maxCommit = 16 << 20
	maxList   = 16 << 20
	maxMap    = 64 << 20
	maxPage   = 8 << 20
	maxPast   = 64 << 20
)

// What an object says of itself, or a store of it.
var (
	// ErrAbsent says that there is no such object.
	ErrAbsent = errors.New("no such object")
	// ErrUnchanged says that an object is what the reader has already.
	ErrUnchanged = errors.New("unchanged")
	// ErrMismatch says that an object isn't the one that was to be replaced, or is there
	// where none was to be.
	ErrMismatch = errors.New("another one is there")
	// ErrDamaged says that the octets of an object aren't those that its name or its MAC
	// vouch for, or can't be read.
	ErrDamaged = errors.New("damaged")
	// ErrNewer says that an object has a greater format than this program reads.
	ErrNewer = errors.New("written in a newer format")
)

// Cause is why a commit was made.
type Cause string

// The causes of commits.
const (
	Leader   Cause = "leader"   // another server leads from here on
	Listing  Cause = "listing"  // a source was read
	Event    Cause = "event"    // an event named what changed
	Update   Cause = "update"   // RFC 2136
	Health   Cause = "health"   // AWS's word of health checks
	Follow   Cause = "follow"   // a followed master
	Register Cause = "register" // an instance registered itself
	Repair   Cause = "repair"   // the store had lost something
	Operator Cause = "operator" // somebody's order
)

// Head is the one object that is ever replaced.
type Head struct {
	Fleet   string `json:"fleet"` // whose ledger it is
	Version uint64 `json:"version"`
	Epoch   uint64 `json:"epoch"`
	Leader  string `json:"leader"` // the node that wrote it
	Commit  string `json:"commit"` // its name; "" at version 0
}

// Commit is one version.
type Commit struct {
	Format    int       `json:"format"`
	Version   uint64    `json:"version"`
	Epoch     uint64    `json:"epoch"`
	Node      string    `json:"node"`
	Previous  string    `json:"previous"` // name of the commit before; "" at the first
	At        time.Time `json:"at"`       // for people; never before that of Previous
	Cause     Cause     `json:"cause"`
	Actor     string    `json:"actor"`
	AWSChange string    `json:"aws_change"`
	Config    string    `json:"config"` // hash of the configuration that it was read by
	Map       string    `json:"map"`    // "" while Parts has all
	// Parts is what differs from the map; null is a part that is gone.
	Parts   map[string]*PartRef `json:"parts"`
	Changes []Change            `json:"changes"`
	// Omitted counts changes that are left to the difference of the parts.
	Omitted int `json:"omitted,omitempty"`
	// Dropped are the objects that the commit before needs and this one doesn't.
	Dropped []string `json:"dropped"`
}

// State says how a part stands.
type State string

// The states of parts.
const (
	Complete State = "complete"
	Unread   State = "unread"
	Refused  State = "refused"
)

// PartRef is one part as a version has it.
type PartRef struct {
	List  string `json:"list"` // its name; "" for a part that was never read
	State State  `json:"state"`
	Why   string `json:"why,omitempty"`
}

// MaxChanges is how many changes a commit lists.
const MaxChanges = 1000

// Change is what a commit made of one RRset, or one member of it, in words.
type Change struct {
	Part string   `json:"part"` // key of the part; several zones may have one name
	Zone string   `json:"zone"`
	Name string   `json:"name"`
	Type string   `json:"type"`
	Set  string   `json:"set,omitempty"` // routing: set identifier and policy
	Was  []string `json:"was"`
	Now  []string `json:"now"`
	// WasTTL and NowTTL are in seconds, 0 where there is none.
	WasTTL uint32 `json:"was_ttl,omitempty"`
	NowTTL uint32 `json:"now_ttl,omitempty"`
}

// nonceLength is that of the random part of names, in octets.
const nonceLength = 8

func newNonce() string {
	b := make([]byte, nonceLength)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// nameOf names an immutable object by its octets and a fresh nonce.
func nameOf(path string, body []byte) string {
	sum := sha256.Sum256(body)
	return path + hex.EncodeToString(sum[:]) + "-" + newNonce()
}

// commitName names a commit: its octets hold the nonce of the node.
func commitName(version uint64, body []byte) string {
	sum := sha256.Sum256(body)
	return fmt.Sprintf("%s%020d-%x", commitPath, version, sum)
}

// pastName names a pack. The versions have all digits, so that lists have them in order.
func pastName(from, to uint64, body []byte) string {
	sum := sha256.Sum256(body)
	return fmt.Sprintf("%s%020d-%020d-%x", pastPath, from, to, sum)
}

// sumIn is the SHA-256 that the name of an immutable object holds, "" for any other name.
func sumIn(name string) string {
	path, rest, _ := strings.Cut(name, "/")
	fields := strings.Split(rest, "-")
	at := map[string]int{"commit": 1, "past": 2}[path]
	if at >= len(fields) || len(fields[at]) != 2*sha256.Size {
		return ""
	}
	return fields[at]
}

// versionIn is the version in the name of a commit.
func versionIn(name string) (uint64, bool) {
	rest, isCommit := strings.CutPrefix(name, commitPath)
	digits, sum, _ := strings.Cut(rest, "-")
	v, err := strconv.ParseUint(digits, 10, 64)
	return v, isCommit && err == nil && len(sum) == 2*sha256.Size
}

// versionsIn are the versions in the name of a pack.
func versionsIn(name string) (from, to uint64, ok bool) {
	rest, isPack := strings.CutPrefix(name, pastPath)
	fields := strings.Split(rest, "-")
	if !isPack || len(fields) != 3 || sumIn(name) == "" {
		return 0, 0, false
	}
	from, err := strconv.ParseUint(fields[0], 10, 64)
	to, err2 := strconv.ParseUint(fields[1], 10, 64)
	return from, to, err == nil && err2 == nil && from <= to
}

// verify says whether the octets are those that the name vouches for.
func verify(name string, body []byte) error {
	sum := sha256.Sum256(body)
	if hex.EncodeToString(sum[:]) != sumIn(name) {
		return fmt.Errorf("%w: its octets have another hash", ErrDamaged)
	}
	return nil
}

// macMember begins the last member of a signed object.
const macMember = `,"mac":"`

// encodeHead writes a head as one line of JSON: its members in their order, the MAC last.
func (k Keys) encodeHead(h Head) ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding head: %w", err)
	}
	return k.Seal(text), nil
}

// decodeHead reads a head that one of the keys vouches for. Members that it doesn't know
// are skipped.
func (k Keys) decodeHead(body []byte) (Head, error) {
	text, err := k.Open(body)
	if err != nil {
		return Head{}, err
	}
	var h Head
	err = json.Unmarshal(text, &h)
	if err != nil {
		return Head{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	version, isCommit := versionIn(h.Commit)
	if h.Version == 0 && h.Commit != "" || h.Version > 0 && (!isCommit || version != h.Version) {
		return Head{}, fmt.Errorf("%w: version %d with the commit %q", ErrDamaged, h.Version, h.Commit)
	}
	return h, nil
}

// encodeCommit writes a commit as one line of JSON.
func encodeCommit(c *Commit) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encoding a commit: %w", err)
	}
	if len(text) >= maxCommit {
		return nil, fmt.Errorf("encoding a commit: %d octets", len(text))
	}
	return append(text, '\n'), nil
}

// decodeCommit reads a commit. Members that it doesn't know are skipped.
func decodeCommit(body []byte) (*Commit, error) {
	var sort struct {
		Format int `json:"format"`
	}
	err := json.Unmarshal(body, &sort)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if sort.Format > Format {
		return nil, fmt.Errorf("%w: %d, this program reads %d", ErrNewer, sort.Format, Format)
	}
	c := &Commit{}
	err = json.NewDecoder(bytes.NewReader(body)).Decode(c)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	switch {
	case c.Format < 1 || c.Version == 0:
		return nil, fmt.Errorf("%w: format %d, version %d", ErrDamaged, c.Format, c.Version)
	case c.Previous != "":
		_, isCommit := versionIn(c.Previous)
		if !isCommit {
			return nil, fmt.Errorf("%w: %q before it", ErrDamaged, c.Previous)
		}
	}
	return c, nil
}
