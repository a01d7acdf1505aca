package server

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"

	"inside53/server/config"
	"inside53/zonesource"
	"inside53/zonesource/atomicfile"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/refresh"
)

// selfFile keeps where the program runs: the metadata service may come later than the
// first queries, and clients of this host must not be in another view until then.
const selfFile = "self.json"

// Pauses between two questions to the metadata service that wasn't there.
const (
	selfPause    = time.Second
	selfMaxPause = 5 * time.Minute
)

// savedSelf returns where the program ran last; the zero value where that isn't known. An
// instance never changes its VPC, so it is right but for a directory that was moved, and then
// until the metadata service answers.
func savedSelf(c *config.Config) zonesource.Self {
	var here zonesource.Self
	if !c.KeepsState() {
		return here
	}
	text, err := os.ReadFile(filepath.Join(c.StateDir, selfFile))
	if err != nil || json.Unmarshal(text, &here) != nil {
		return zonesource.Self{} // it is asked for in any case
	}
	return here
}

// detectSelf finds out which VPC this is, once for all views. It asks until that is known, and
// ends when it is saved too.
func (a *App) detectSelf(ctx context.Context, account *awsclient.Account, done chan<- struct{}) {
	defer close(done)
	began := time.Now()
	var here zonesource.Self
	for pause := selfPause; ; pause = min(2*pause, selfMaxPause) {
		if here.VPC == "" {
			self := awsclient.Self(ctx, account)
			here = zonesource.Self{VPC: self.VPC, Region: self.Region}
			if here.VPC != "" {
				a.settleSelf(here, time.Since(began))
			}
		}
		if here.VPC != "" && a.saveSelf(here) {
			return
		}
		err := refresh.Pause(ctx, refresh.Jitter(pause))
		if err != nil {
			return
		}
	}
}

// settleSelf has the views go by where this is.
func (a *App) settleSelf(here zonesource.Self, after time.Duration) {
	a.health.self.Store(&here)
	err := a.keeper.SetSelf(here)
	if err != nil {
		a.opts.Log.Warn("own VPC not taken into account", "vpc", here.VPC, "error", err)
		return
	}
	a.opts.Log.Info("own VPC known", "vpc", here.VPC, "region", here.Region, "after", after.Round(time.Millisecond))
}

// saveSelf saves where this is, unless that is saved, and reports whether it is.
func (a *App) saveSelf(here zonesource.Self) bool {
	c, state := a.opts.Config, a.keeper.State()
	if here == savedSelf(c) {
		return true
	}
	if state.Hold() != nil {
		return false
	}
	err := atomicfile.Write(filepath.Join(c.StateDir, selfFile), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(here)
	})
	state.Note("own VPC", err)
	return err == nil
}
