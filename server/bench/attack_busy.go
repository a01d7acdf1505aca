//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"inside53/server/bench/load"
)

// othersMay is how much of one processor others may use of the two that everything runs on: what
// is lost beside more may be lost for want of a processor.
const othersMay = 0.2

// reading is what the two processors had done at a moment, and what of it was for us.
type reading struct {
	at       time.Time
	all, own time.Duration
}

// read reads what the processors have done so far. Who was waited for counts as ours.
func (p processors) read() (reading, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return reading{}, err
	}
	r := reading{at: time.Now()}
	for _, cpu := range [...]int{p.server, p.rest} {
		ticks, err := ticksOf(text, cpu)
		if err != nil {
			return reading{}, err
		}
		r.all += time.Duration(ticks) * statTick
	}
	use, err := load.UsageOf(os.Getpid())
	r.own = use.CPU
	return r, err
}

// statTick is the unit of /proc/stat on every Linux that Go runs on.
const statTick = 10 * time.Millisecond

// ticksOf returns how long a processor ran processes, or was another guest's: user, nice, system
// and steal of proc_stat(5).
func ticksOf(text []byte, cpu int) (int64, error) {
	name := []byte("cpu" + strconv.Itoa(cpu))
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 9 || !bytes.Equal(fields[0], name) {
			continue
		}
		sum := int64(0)
		for _, field := range [...][]byte{fields[1], fields[2], fields[3], fields[8]} {
			n, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("reading /proc/stat: %w", err)
			}
			sum += n
		}
		return sum, nil
	}
	return 0, fmt.Errorf("reading /proc/stat: no processor %d", cpu)
}

// others returns how many processors others have used since an earlier reading.
func (r reading) others(since reading) float64 {
	spent := (r.all - since.all) - (r.own - since.own)
	return max(0, spent.Seconds()/max(r.at.Sub(since.at).Seconds(), 1e-3))
}

// isDisturbed reports whether others used so much that what was lost says nothing of the server,
// or that nothing is known of the attack.
func (e encounter) isDisturbed() bool { return e.others > othersMay || e.unheard }

// isFinal reports whether there is a fault that no other work excuses.
func (j judged) isFinal() bool { return j.ours.ended != "" || j.ours.killed > 0 }

// isSound reports whether the verdict says something of the servers. That nothing is lost says
// that, whatever else the machine does; that less is lost than by a peer doesn't.
func (j judged) isSound() bool {
	o := j.ours
	none := j.fault == "" && !o.unheard && o.lost() <= o.slack() && o.witness.failed <= slackTCP
	return none || j.isFinal() || !o.isDisturbed() && !j.theirs.isDisturbed()
}

// verdict judges what was seen so far. It is done when no further try is needed: the first sound
// try is enough where the attack was borne, else two of the sound ones that agree.
func verdict(seen []judged, peace encounter) (j judged, done bool) {
	var borne, missed []judged
	for _, one := range seen {
		one.fault = one.judge(peace)
		switch {
		case one.isFinal():
			return one, true
		case !one.isSound():
			one.fault = fmt.Sprintf("it can't be judged: others used %.0f %% of a processor; %s",
				100*max(one.ours.others, one.theirs.others), one.missedAs())
		case one.fault == "":
			borne = append(borne, one)
		default:
			missed = append(missed, one)
		}
		j = one
	}
	switch {
	case len(missed) > 1:
		return missed[len(missed)-1], true
	case len(borne) > len(missed):
		return borne[len(borne)-1], true
	case len(missed) > 0:
		return missed[0], false
	}
	return j, false
}

// missedAs is what a try would say that can't be judged.
func (j judged) missedAs() string {
	if j.fault != "" {
		return j.fault
	}
	return fmt.Sprintf("%.2f %% of the answers were lost, %.2f %% beside it", 100*j.ours.lost(), 100*j.theirs.lost())
}
