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

// detectSelf finds out which VPC this is, once for all views, and asks until that is known.
func (a *App) detectSelf(ctx context.Context, account *awsclient.Account, done chan<- struct{}) {
	defer close(done)
	began := time.Now()
	for pause := selfPause; ; pause = min(2*pause, selfMaxPause) {
		self := awsclient.Self(ctx, account)
		if self.VPC != "" {
			a.settleSelf(zonesource.Self{VPC: self.VPC, Region: self.Region}, time.Since(began))
			return
		}
		err := refresh.Pause(ctx, refresh.Jitter(pause))
		if err != nil {
			return
		}
	}
}

// settleSelf has the views go by where this is, and saves it.
func (a *App) settleSelf(here zonesource.Self, after time.Duration) {
	a.health.self.Store(&here)
	err := a.keeper.SetSelf(here)
	if err != nil {
		a.opts.Log.Warn("own VPC not taken into account", "vpc", here.VPC, "error", err)
		return
	}
	a.opts.Log.Info("own VPC known", "vpc", here.VPC, "region", here.Region, "after", after.Round(time.Millisecond))
	c := a.opts.Config
	if here == savedSelf(c) {
		return
	}
	err = atomicfile.Write(filepath.Join(c.StateDir, selfFile), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(here)
	})
	if err != nil {
		a.opts.Log.Warn("own VPC not saved", "error", err)
	}
}
