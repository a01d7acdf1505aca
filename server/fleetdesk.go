package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/zonesource/fleet"
	"inside53/zonesource/refresh"
)

// fleetDesk is the fleet, for people.
type fleetDesk struct{ app *App }

// errAlone says that there is no fleet.
var errAlone = errors.New("this server is alone: its configuration has no section fleet")

// of returns the member that this server is.
func (d *fleetDesk) member() (*fleet.Member, error) {
	m := d.app.fleet.member
	if m == nil {
		return nil, &admin.Refusal{Status: http.StatusNotFound, Err: errAlone}
	}
	return m, nil
}

// State implements [admin.Fleet].
func (d *fleetDesk) State() (admin.FleetState, error) {
	m, err := d.member()
	if err != nil {
		return admin.FleetState{}, err
	}
	s := m.Standing()
	out := admin.FleetState{Version: s.Version, Epoch: s.Epoch, Leader: s.Leader, Members: []admin.FleetMember{}}
	for _, p := range m.ReadPeers(context.Background()) { // it is for people: as of now
		address := ""
		if p.Address.IsValid() {
			address = p.Address.String()
		}
		twin := ""
		if p.Twin.IsValid() {
			twin = p.Twin.String()
		}
		out.Members = append(out.Members, admin.FleetMember{
			Name: p.Name, Address: address, Version: p.Version, Build: p.Build, Zone: p.Zone,
			HeardSeconds: p.Heard.Seconds(), ConfigDiffers: m.Differs(p.Config), Failed: p.Failed, Twin: twin,
		})
	}
	return out, nil
}

// StepDown implements [admin.Fleet].
func (d *fleetDesk) StepDown(ctx context.Context) error {
	m, err := d.member()
	if err != nil {
		return err
	}
	err = m.StepDown(ctx)
	if errors.Is(err, fleet.ErrNotLeader) {
		_, err = d.app.handing.order("/fleet/step-down", nil, func() error { return m.StepDown(ctx) })
	}
	if errors.Is(err, fleet.ErrNotLeader) {
		return &admin.Refusal{Status: http.StatusConflict, Err: fmt.Errorf("%w: %s does", err, orNobody(m.Standing()))}
	}
	return err
}

// twinFault says that another server has the name of this one.
func (a *App) twinFault() error {
	if a.fleet.member == nil {
		return nil
	}
	at := a.fleet.member.Twin()
	if !at.IsValid() {
		return nil
	}
	return fmt.Errorf("the server at %v has the name of this one, %s, too: give each a fleet.name of its own", at,
		a.fleet.member.Name())
}

func orNobody(s fleet.Standing) string {
	if s.Leader == "" {
		return "nobody"
	}
	return s.Leader + " (" + s.Address.String() + ")"
}

// AcceptStore implements [admin.Fleet].
func (d *fleetDesk) AcceptStore(ctx context.Context) error {
	m, err := d.member()
	if err != nil {
		return err
	}
	return m.AcceptStore(ctx)
}

// fleetStanding is how this server stands in its fleet; the zero Standing without one.
func (a *App) fleetStanding() fleet.Standing {
	if a.fleet.member == nil {
		return fleet.Standing{}
	}
	return a.fleet.member.Standing()
}

// fleetMetrics are those of a member of a fleet.
func (a *App) fleetMetrics() *metrics.Collector {
	return metrics.New([]metrics.Metric{
		{Name: "inside53_fleet_leader", Help: "1 at the server that reads for the fleet."},
		{Name: "inside53_fleet_members", Help: "Servers of the fleet that were heard of within 2 minutes."},
		{
			Name: "inside53_fleet_behind_seconds",
			Help: "Time since what is served was last known to be the newest; 0 while it is.",
		},
		{
			Name: "inside53_fleet_config_differs",
			Help: "1 where this server would read by another configuration than the newest version was.",
		},
		{Name: "inside53_ledger_version", Help: "Newest version of the ledger."},
		{
			Name: "inside53_ledger_alarms_total", Labels: []string{"reason"},
			Help: "What went wrong with the fleet's ledger: part, lease, name, rolled back, repair.",
		},
	}, func(r metrics.Reading) {
		m := a.fleet.member
		s := m.Standing()
		r.Gauge("inside53_fleet_leader", metrics.Truth(s.Leads))
		r.Gauge("inside53_fleet_members", float64(len(m.Peers())))
		r.Gauge("inside53_fleet_behind_seconds", s.Behind.Seconds())
		r.Gauge("inside53_fleet_config_differs", metrics.Truth(m.Differs(a.fleetConfig())))
		r.Gauge("inside53_ledger_version", float64(s.Version))
		for reason, n := range s.Alarms {
			r.Counter("inside53_ledger_alarms_total", n, reason)
		}
	})
}

// configSum is the hash of what decides which data are read, and of the account that reads
// them: HASH-ACCOUNT, both in hexadecimal digits.
func configSum(c *config.Config, account string) (string, error) {
	text, err := json.Marshal([]any{c.AWS, c.Route53, c.EC2, c.HealthChecks, c.Secondary, c.Follow})
	if err != nil {
		return "", fmt.Errorf("hashing the configuration: %w", err)
	}
	settings, of := sha256.Sum256(text), sha256.Sum256([]byte("account "+account))
	return hex.EncodeToString(settings[:12]) + "-" + hex.EncodeToString(of[:6]), nil
}

// accountIn is the part of a configSum that is about the account.
func accountIn(sum string) string {
	_, account, _ := strings.Cut(sum, "-")
	return account
}

// isSameAccount reports whether a configSum is of the account that this server reads by.
func (a *App) isSameAccount(sum string) bool { return accountIn(sum) == accountIn(a.fleetConfig()) }

// accountAgain is the pause before the account is asked for again.
const accountAgain = 10 * time.Second

// learnAccount finds out by which account this server reads.
func (a *App) learnAccount(ctx context.Context) error {
	for {
		a.reloading.Lock()
		account := a.running.accounts[0]
		a.reloading.Unlock()
		id, err := account.ID(ctx)
		if err == nil {
			a.fleet.account.Store(&id)
			return nil
		}
		err = refresh.Pause(ctx, accountAgain)
		if err != nil {
			return err
		}
	}
}

// fleetConfig returns the configSum of the configuration in force, "" while the account isn't
// known.
func (a *App) fleetConfig() string {
	id := a.fleet.account.Load()
	if id == nil {
		return ""
	}
	sum, err := configSum(a.config.Load(), *id)
	if err != nil {
		a.opts.Log.Error("configuration not hashed", "error", err)
	}
	return sum
}
