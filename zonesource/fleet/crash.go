package fleet

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"inside53/zonesource/ledger"
	"inside53/zonesource/statedir"
)

// adoptingName is the file of the state directory that says which parts are being adopted. A process that ends
// meanwhile leaves it.
const adoptingName = "adopting"

// maxCrashes is how many processes may end while they adopt a part. It is left out then.
const maxCrashes = 2

// suspectGroups is into how many groups suspects are split at the most. Each group is read and compiled by itself: were
// it each of ten thousand parts, a start would last many minutes.
const suspectGroups = 64

// errCrashes says that a part is left out.
var errCrashes = errors.New("twice a process ended while it adopted this; it is left out until it is another one")

// suspect is a part in whose adoption processes have ended.
type suspect struct {
	List    string `json:"list"`
	Crashes int    `json:"crashes"`
}

// crashes are what earlier processes have left of adoptions that they didn't live through. Only who holds the state
// directory notes anything. Nothing of it is synced: what matters outlives the process, and needn't outlive the host.
type crashes struct {
	state    *statedir.Dir // nil: nothing is noted
	read     bool
	suspects map[string]suspect // by part
}

// noted is what the file says.
type noted struct {
	Suspects map[string]suspect `json:"suspects"`
	Adopting map[string]string  `json:"adopting"` // lists of the parts that are being adopted
}

// load reads what an earlier process has left, once.
func (c *crashes) load() {
	if c.read || c.state == nil || c.state.Hold() != nil {
		return
	}
	c.read, c.suspects = true, map[string]suspect{}
	text, err := os.ReadFile(filepath.Join(c.state.Path(), adoptingName))
	if err != nil {
		return // there is none
	}
	var n noted
	err = json.Unmarshal(text, &n)
	if err != nil {
		return // it ended while it wrote that
	}
	for part, s := range n.Suspects {
		c.suspects[part] = s
	}
	for part, list := range n.Adopting {
		s := c.suspects[part]
		if s.List != list {
			s = suspect{List: list, Crashes: min(s.Crashes, maxCrashes-1)}
		}
		s.Crashes++
		c.suspects[part] = s
	}
}

// isOut reports whether a part is left out.
func (c *crashes) isOut(part, list string) bool {
	s := c.suspects[part]
	return list != "" && s.List == list && s.Crashes >= maxCrashes
}

// split makes the groups that are adopted one after the other: all that nobody suspects, and then those in whose
// adoption a process has ended, each by itself where they are few, so that it is known which one it was if this
// process ends too. Those that are left out for the sake of another one in their group come back when they are written
// anew.
func (c *crashes) split(work []*reading) [][]*reading {
	groups := [][]*reading{nil}
	var suspects []*reading
	for _, w := range work {
		if c.suspects[w.text].Crashes > 0 {
			suspects = append(suspects, w)
		} else {
			groups[0] = append(groups[0], w)
		}
	}
	size := (len(suspects) + suspectGroups - 1) / suspectGroups
	return slices.AppendSeq(groups, slices.Chunk(suspects, max(1, size)))
}

// forget clears parts of suspicion that are no more.
func (c *crashes) forget(v *ledger.Version) {
	maps.DeleteFunc(c.suspects, func(part string, _ suspect) bool {
		_, there := v.Parts[part]
		return !there
	})
}

// begin notes that parts are being adopted.
func (c *crashes) begin(group []*reading) {
	adopting := map[string]string{}
	for _, w := range group {
		if w.kept && w.ref.List != "" {
			adopting[w.text] = w.ref.List
		}
	}
	if len(adopting) > 0 {
		c.write(adopting)
	}
}

// end notes that this process has lived through it. Parts that it has read and handed on are suspected no more.
func (c *crashes) end(group []*reading, handed bool) {
	for _, w := range group {
		if handed {
			delete(c.suspects, w.text)
		}
	}
	c.write(nil)
}

// write replaces the file. That it can't is no reason not to adopt.
func (c *crashes) write(adopting map[string]string) {
	if !c.read || c.state.Hold() != nil {
		return
	}
	path := filepath.Join(c.state.Path(), adoptingName)
	if len(adopting) == 0 && len(c.suspects) == 0 {
		_ = os.Remove(path) // mostly
		return
	}
	text, err := json.Marshal(noted{Suspects: c.suspects, Adopting: adopting})
	if err == nil {
		_ = os.WriteFile(path, text, 0o600) // the state directory says what is wrong with it
	}
}
