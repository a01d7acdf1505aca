package sources

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/refresh"
)

// SelfFile keeps where the program runs: the metadata service may come later than the
// first queries, and clients of this host must not be in another view until then.
const SelfFile = "self.json"

// Pauses between two questions to the metadata service that wasn't there.
const (
	selfPause    = time.Second
	selfMaxPause = 5 * time.Minute
)

// SavedSelf returns where the program ran last; the zero value where that isn't known. An
// instance never changes its VPC, so it is right but for a directory that was moved, and then
// until the metadata service answers.
func SavedSelf(c *config.Config) zonesource.Self {
	var here zonesource.Self
	if !c.KeepsState() {
		return here
	}
	text, err := os.ReadFile(filepath.Join(c.StateDir, SelfFile))
	if err != nil || json.Unmarshal(text, &here) != nil {
		return zonesource.Self{} // it is asked for in any case
	}
	return here
}

// Whereabouts finds out which VPC this is, once for all views.
type Whereabouts struct {
	Start  *config.Config // that of the start names the state directory
	Keeper *zonesource.Keeper
	Known  func(*zonesource.Self)
	Log    *slog.Logger
}

// Detect asks until that is known, and ends when it is saved too.
func (w *Whereabouts) Detect(ctx context.Context, account *awsclient.Account, done chan<- struct{}) {
	defer close(done)
	began := time.Now()
	var here zonesource.Self
	for pause := selfPause; ; pause = min(2*pause, selfMaxPause) {
		if here.VPC == "" {
			self := awsclient.Self(ctx, account)
			here = zonesource.Self{VPC: self.VPC, Region: self.Region}
			if here.VPC != "" {
				w.settle(here, time.Since(began))
			}
		}
		if here.VPC != "" && w.save(here) {
			return
		}
		err := refresh.Pause(ctx, refresh.Jitter(pause))
		if err != nil {
			return
		}
	}
}

// settle has the views go by where this is.
func (w *Whereabouts) settle(here zonesource.Self, after time.Duration) {
	w.Known(&here)
	err := w.Keeper.SetSelf(here)
	if err != nil {
		w.Log.Warn("own VPC not taken into account", "vpc", here.VPC, "error", err)
		return
	}
	w.Log.Info("own VPC known", "vpc", here.VPC, "region", here.Region, "after", after.Round(time.Millisecond))
}

// save saves where this is, unless that is saved, and reports whether it is.
func (w *Whereabouts) save(here zonesource.Self) bool {
	c, state := w.Start, w.Keeper.State()
	if here == SavedSelf(c) {
		return true
	}
	if state.Hold() != nil {
		return false
	}
	err := atomicfile.Write(filepath.Join(c.StateDir, SelfFile), func(to io.Writer) error {
		return json.NewEncoder(to).Encode(here)
	})
	state.Note("own VPC", err)
	return err == nil
}
