package member

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"inside53/server/admin"
	"inside53/server/metrics"
	"inside53/zonesource/fleet"
)

// Desk is the fleet, for people.
type Desk struct{ side *Side }

// NewDesk makes the desk of a server; of a nil Side it says that there is no fleet.
func NewDesk(s *Side) *Desk { return &Desk{s} }

// errAlone says that there is no fleet.
var errAlone = errors.New("this server is alone: its configuration has no section fleet")

// member returns the member that this server is.
func (d *Desk) member() (*fleet.Member, error) {
	if d.side == nil {
		return nil, &admin.Refusal{Status: http.StatusNotFound, Err: errAlone}
	}
	return d.side.Member, nil
}

// State implements [admin.Fleet].
func (d *Desk) State() (admin.FleetState, error) {
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
func (d *Desk) StepDown(ctx context.Context) error {
	m, err := d.member()
	if err != nil {
		return err
	}
	err = m.StepDown(ctx)
	if errors.Is(err, fleet.ErrNotLeader) {
		_, err = d.side.Handing.order("/fleet/step-down", nil, func() error { return m.StepDown(ctx) })
	}
	if errors.Is(err, fleet.ErrNotLeader) {
		return &admin.Refusal{Status: http.StatusConflict, Err: fmt.Errorf("%w: %s does", err, orNobody(m.Standing()))}
	}
	return err
}

func orNobody(s fleet.Standing) string {
	if s.Leader == "" {
		return "nobody"
	}
	return s.Leader + " (" + s.Address.String() + ")"
}

// AcceptStore implements [admin.Fleet].
func (d *Desk) AcceptStore(ctx context.Context) error {
	m, err := d.member()
	if err != nil {
		return err
	}
	return m.AcceptStore(ctx)
}

// metrics are those of a member of a fleet.
func (s *Side) metrics() *metrics.Collector {
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
		m, now := s.Member, s.Member.Standing()
		r.Gauge("inside53_fleet_leader", metrics.Truth(now.Leads))
		r.Gauge("inside53_fleet_members", float64(len(m.Peers())))
		r.Gauge("inside53_fleet_behind_seconds", now.Behind.Seconds())
		r.Gauge("inside53_fleet_config_differs", metrics.Truth(m.Differs(s.configSum())))
		r.Gauge("inside53_ledger_version", float64(now.Version))
		for reason, n := range now.Alarms {
			r.Counter("inside53_ledger_alarms_total", n, reason)
		}
	})
}
