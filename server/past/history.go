package past

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"inside53/resolver"
	"inside53/resolver/zone"
	"inside53/server/admin"
	"inside53/server/member"
	"inside53/zonesource/ledger"
	"inside53/zonesource/rdata"
	"inside53/zonesource/recorder"
)

// Past is the past, for people.
type Past struct {
	Fleet    *member.Side       // nil without a fleet
	Recorder *recorder.Recorder // nil: nothing is recorded here
}

// newest returns the ledger and its newest version, nil where there is none: that of the fleet, or of this server.
func (p *Past) newest() (*ledger.Ledger, *ledger.Version) {
	switch {
	case p.Fleet != nil:
		v, _ := p.Fleet.Member.Adopted()
		return p.Fleet.Member.Ledger(), v
	case p.Recorder != nil:
		return p.Recorder.Ledger(), p.Recorder.Newest()
	}
	return nil, nil
}

// errNoPast says that there is no past to ask for.
var errNoPast = errors.New("nothing is recorded: there is no ledger, or nothing in it yet")

// History implements [admin.Past].
func (p *Past) History(ctx context.Context, q admin.PastQuery) (any, error) {
	l, v := p.newest()
	if v == nil {
		return nil, &admin.Refusal{Status: http.StatusNotFound, Err: errNoPast}
	}
	query, err := queryOf(q, time.Now())
	if err != nil {
		return nil, err
	}
	lines, err := recorder.History(ctx, l, v, query)
	if err != nil {
		return nil, &admin.Refusal{Status: http.StatusInternalServerError, Err: err}
	}
	return lines, nil
}

// queryOf reads what is asked for. Names are as RFC 1035 and dig write them.
func queryOf(q admin.PastQuery, now time.Time) (recorder.Query, error) {
	out := recorder.Query{Limit: q.Limit, Version: q.Version}
	for text, to := range map[string]*time.Time{q.Since: &out.Since, q.Until: &out.Until} {
		if text == "" {
			continue
		}
		t, err := recorder.ParseMoment(text, now)
		if err != nil {
			return out, err
		}
		*to = t
	}
	if q.Name != "" {
		name, _, err := resolver.ParseQuestion(q.Name, "A")
		if err != nil {
			return out, err
		}
		out.Name = zone.String(name)
	}
	out.Zone = q.Zone
	if strings.Contains(q.Zone, ".") {
		name, err := rdata.ParseMasterName(q.Zone)
		if err != nil {
			return out, err
		}
		out.Zone = zone.String(name)
	}
	return out, nil
}

// within bounds how long an explanation looks into the past.
const within = time.Second

// Steps is what of the past explains an answer: what the name was before, until when, and
// who changed it; and when its zone went away.
func (p *Past) Steps(ctx context.Context, name string) []resolver.Step {
	l, v := p.newest()
	if v == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, within)
	defer stop()
	changes, gone, err := recorder.Last(ctx, l, v, name)
	var steps []resolver.Step
	if gone != nil {
		why := fmt.Sprintf("the zone %s (%s) was ours until %s, changed by %s", gone.Zone, strings.Join(gone.Before, " "),
			gone.At.UTC().Format(time.RFC3339), gone.Actor)
		steps = append(steps, resolver.Step{Step: "the past", Why: why})
	}
	for i := range changes {
		if len(changes[i].Before) == 0 {
			continue // it is new
		}
		steps = append(steps, resolver.Step{Step: "the past", Why: wasUntil(&changes[i])})
	}
	if err != nil && len(steps) == 0 {
		steps = []resolver.Step{{Step: "the past", Why: fmt.Sprintf("not read: %v", err)}}
	}
	return steps
}

// wasUntil says what a name was.
func wasUntil(l *recorder.Line) string {
	what := l.Type
	if l.Set != "" {
		what += " (" + l.Set + ")"
	}
	was, is := strings.Join(l.Before, ", "), "nothing"
	if len(l.After) > 0 {
		is = strings.Join(l.After, ", ")
	}
	return fmt.Sprintf("this name's %s was %s until %s, changed by %s to %s", what, was, l.At.UTC().Format(time.RFC3339),
		l.Actor, is)
}
