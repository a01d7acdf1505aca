package server

// Reading is how far the first reading of the data is.
type Reading struct {
	Complete bool
	Done     int      // parts that are there
	Missing  []string // what isn't, and where known why
}

// Reading says how far the first reading of the data is, for people who wait for it.
func (a *App) Reading() Reading {
	s := a.keeper.Status()
	r := Reading{Complete: s.Loaded, Missing: s.Missing}
	for _, p := range s.Parts {
		if !p.Listed.IsZero() {
			r.Done++
		}
	}
	return r
}
