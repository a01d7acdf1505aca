package sources

import (
	"fmt"
	"time"

	"inside53/server/config"
	"inside53/server/metrics"
	"inside53/zonesource"
	"inside53/zonesource/awsclient"
	"inside53/zonesource/ec2"
	"inside53/zonesource/events"
	"inside53/zonesource/route53"

	"github.com/prometheus/client_golang/prometheus"
)

// CountEvents registers what is counted of events and returns what counts one.
func CountEvents(to prometheus.Registerer) func(result string, took time.Duration) {
	count := metrics.NewCounter(to, metrics.Metric{
		Name: "inside53_events_total", Labels: []string{"result"},
		Help: "Messages of the queue of events by what became of them.",
	})
	m := metrics.Metric{
		Name: "inside53_events_seconds",
		Help: "Seconds from an event's arrival in the queue until what it names was served or found unchanged.",
	}
	age := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: m.Name, Help: m.Help, Buckets: []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300},
	})
	to.MustRegister(age)
	return func(result string, took time.Duration) {
		count(result)
		if result == events.Changed || result == events.Unchanged {
			age.Observe(took.Seconds())
		}
	}
}

// addEvents adds the reader of the queue of events, where the configuration has one: it reads by the
// sources that are there.
func (b *Builder) addEvents(c *config.Config, accounts []*awsclient.Account, generation int, sources []Built,
	add func(of any, create func() (zonesource.Source, error)) error) error {
	if c.Fleet == nil || c.Fleet.Events == "" || b.Keeper == nil {
		return nil
	}
	o := events.Options{
		Queue: string(c.Fleet.Events), Accounts: accounts, Keeper: b.Keeper, Committed: b.Committed, OnEvent: b.OnEvent,
		OnCall: b.OnCall, Log: b.Log, WantTargets: b.WantTargets,
	}
	of := []string{o.Queue}
	for _, s := range sources {
		switch s := s.source.(type) {
		case *route53.Source:
			o.Zones, of = s, append(of, fmt.Sprintf("%p", s))
		case *ec2.Source:
			o.Hosts, of = s, append(of, fmt.Sprintf("%p", s))
			o.WantRegion = func(account, region string) {
				s.Hasten([]zonesource.Key{{Source: EC2, Name: account + "/" + region}})
			}
		}
	}
	return add(made{generation, of}, func() (zonesource.Source, error) { return events.New(o) })
}
