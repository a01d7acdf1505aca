package resolver

import (
	"errors"

	"inside53/resolver/forward"
	"inside53/resolver/wire"
	"inside53/resolver/zone"
)

// resolve takes the decision as far as it gets without waiting: decide and cache by
// turns. It is the only place that joins the two. With a.need still set, an
// upstream has to be asked.
func (x *exchange) resolve() {
	q, a, st := &x.q, &x.a, x.state
	for {
		if !a.need {
			decide(st.snap, st.live, q, a)
		}
		if !a.need {
			return
		}
		question := x.question()
		found := x.resolver.forwarder.Cached(st.groups[a.group], &question, q.Now)
		if found.State == forward.Miss || found.State == forward.Stale {
			if !q.RD && !a.asAlias {
				x.unasked()
			}
			return
		}
		if found.Prefetch {
			_ = x.put(&question, nil) // the cache still has it
		}
		stale := found.State == forward.StaleFailing
		a.Result = Cached
		if stale {
			a.Result = CachedStale
		}
		if !x.accept(found.Message, found.Age, stale) {
			return
		}
	}
}

// unasked ends an answer that needs an upstream for a client that wants no
// recursion: with what is known so far. (An alias is data of ours.)
func (x *exchange) unasked() {
	a := &x.a
	a.need = false
	if a.nhops == 1 {
		a.fail(wire.RcodeRefused, wire.EDENotAuth, noAuthority)
	}
	a.last().outcome = noAuthority
}

// question is what the answer in work needs to know from an upstream.
func (x *exchange) question() forward.Question {
	if x.a.asAlias {
		return forward.Question{Name: x.a.target, Type: x.a.aliasType, CD: x.q.CD}
	}
	return forward.Question{Name: x.a.target, Type: x.q.Type, DO: x.q.DO, CD: x.q.CD}
}

// accept adds an upstream's answer to our own; true when it ends in a name that is to
// be looked up again: one of ours, or one that another forwarder is in charge of.
func (x *exchange) accept(m *forward.Message, age uint32, stale bool) (again bool) {
	q, a := &x.q, &x.a
	a.need = false
	h := a.last()
	h.reply, h.age, h.how, h.group = m, age, a.Result, a.group
	if m.Flags&forward.IsFailure != 0 {
		if x.fromInventory() {
			return false
		}
		ede := m.EDE
		if ede == forward.NoEDE {
			ede = wire.EDENoReachable
		}
		a.edeText = m.Reason()[:min(len(m.Reason()), maxEDEText)]
		a.fail(wire.RcodeServFail, ede, external)
		return false
	}
	if m.Flags&forward.HasLocal != 0 && x.rebinds(m) {
		return false
	}
	if stale && a.EDE == wire.NoEDE {
		a.EDE = wire.EDEStale
		if m.Rcode == wire.RcodeNXDomain {
			a.EDE = wire.EDEStaleNXDomain
		}
	}
	if a.asAlias {
		x.acceptAlias(m, age, stale)
		return false
	}
	if a.owned && m.Answers > 0 && m.RRs()[0].Type != q.Type && m.Flags&forward.HasAlias != 0 {
		x.noData() // 4a: CNAME and other types never mix
		return false
	}
	a.AD = m.AD && a.nhops == 1 && (q.AD || q.DO)
	i := a.add(inAnswer, uint16(len(m.RRs())), nil)
	i.message, i.age, i.stale = m, age, stale
	last := x.crossing(m)
	if last >= 0 {
		i.count = uint16(last + 1)
		for i.count < m.Answers && m.RRs()[i.count].Type == zone.TypeRRSIG {
			i.count++ // the CNAME's signatures
		}
		a.AD = false
		return a.follow(messageRdata(m, &m.RRs()[last]))
	}
	a.Rcode = m.Rcode
	if a.exists && m.Rcode == wire.RcodeNXDomain {
		a.Rcode, a.AD = wire.RcodeNoError, false // we know that it exists
	}
	return false
}

// crossing returns the CNAME of a message whose target isn't this forwarder's to
// answer, or whose target the upstream left to us; -1 when there is none.
func (x *exchange) crossing(m *forward.Message) int {
	if m.Flags&forward.HasAlias == 0 || x.q.Type == zone.TypeCNAME {
		return -1
	}
	rrs := m.RRs()
	last, answered := -1, m.Authority > 0 || m.Rcode != wire.RcodeNoError
	var l zone.Labels
	var buf [zone.MaxName]byte
	for n := range int(m.Answers) {
		rr := &rrs[n]
		if rr.Type == x.q.Type {
			answered = true
		}
		if rr.Type != zone.TypeCNAME {
			continue
		}
		last = n
		target := buf[:copy(buf[:], messageRdata(m, rr))]
		zone.Lower(target)
		if l.Parse(target) < 0 {
			continue
		}
		apex := x.a.View.Closest(&l, target, l.Count)
		if apex == nil || len(apex.Layers) > 0 || apex.Forward != x.a.group || apex.Special != zone.NotSpecial {
			return n
		}
	}
	if answered {
		return -1
	}
	return last
}

// acceptAlias answers an alias with what its target has of the type asked for, under
// the alias's own name, with the least TTL on the way there.
func (x *exchange) acceptAlias(m *forward.Message, age uint32, stale bool) {
	a := &x.a
	has := false
	for _, rr := range m.RRs()[:m.Answers] {
		has = has || rr.Type == a.aliasType
	}
	if m.Rcode != wire.RcodeNoError || !has {
		x.noData()
		return
	}
	ttl := uint32(forward.StaleTTL)
	if !stale {
		ttl = max(m.TTL, age+1) - age
	}
	if a.aliasTTL > 0 {
		ttl = min(ttl, a.aliasTTL)
	}
	a.last().outcome = alias
	i := a.add(inAnswer, m.Answers, nil)
	i.message, i.age, i.stale, i.maxTTL, i.flatten = m, age, stale, ttl, a.aliasType
}

// noData answers that the name in work has nothing of the type asked for.
func (x *exchange) noData() {
	d := x.decision()
	d.negative(x.a.last().apex)
}

// ask leaves the question to an upstream. finish then gets the response. The exchange is
// free for another query.
func (x *exchange) ask() {
	question, w := x.question(), x.suspend()
	err := x.put(&question, w.done)
	switch {
	case err == nil:
		return
	case errors.Is(err, forward.ErrRepeated):
		x.finish(nil, Dropped) // the answer to the query before is the answer to this one
	default:
		x.failToAsk(err)
		x.deliver()
	}
	w.release()
}

// put puts a question to the forwarder, or into the outbox where there is one.
func (x *exchange) put(q *forward.Question, done func(*forward.Message, error)) error {
	g := x.state.groups[x.a.group]
	if x.outbox != nil {
		return x.outbox.Ask(g, q, x.asker(), done)
	}
	return x.resolver.forwarder.Ask(g, q, x.asker(), done)
}

// asker says by what query an upstream has to be asked.
func (x *exchange) asker() forward.Asker {
	q := &x.q
	query := q.Labels.Hash[q.Labels.Count]*0x9E3779B97F4A7C15 + uint64(q.Type)<<16 + uint64(q.ID)
	return forward.Asker{Addr: q.Client, Port: q.port, Repeats: q.Transport == UDP, Query: query}
}

// resume goes on with what an upstream said.
func (x *exchange) resume(m *forward.Message, err error) {
	x.a.Result = Forwarded
	age, stale := uint32(0), errors.Is(err, forward.ErrStale)
	switch {
	case m == nil:
		x.failToAsk(err)
		x.deliver()
		return
	case stale:
		x.a.Result = CachedStale
		age = uint32(max(x.q.Now-m.Stored, 0))
	}
	if x.accept(m, age, stale) {
		x.resolve()
	}
	if x.a.need {
		x.ask()
		return
	}
	x.deliver()
}

// fromInventory answers the name of a load balancer for which nobody speaks by its
// interfaces, where the inventory knows them: an alias to it, or the name itself.
func (x *exchange) fromInventory() bool {
	q, a := &x.q, &x.a
	s := x.state.snap.Inventory.Service(a.target)
	if s == nil {
		return false
	}
	d := x.decision()
	rrtype := q.Type
	if a.asAlias {
		rrtype, d.maxTTL = a.aliasType, a.aliasTTL
	}
	if !d.service(s, rrtype) {
		return false
	}
	a.last().outcome = external
	if a.asAlias {
		a.last().outcome = alias
	}
	if a.Result != LocalNoData {
		a.Result, a.EDE = Local, wire.EDESynthesized
	}
	return true
}

// decision is the scratch of a decision about the hop in work.
func (x *exchange) decision() decision {
	q, a := &x.q, &x.a
	d := decision{snap: x.state.snap, live: x.state.live, q: q, a: a, exists: true, labels: &a.labels,
		name: a.last().name}
	if a.nhops == 1 {
		d.labels = &q.Labels
	}
	d.depth = d.labels.Count
	return d
}

// failToAsk makes the answer the failure to ask.
func (x *exchange) failToAsk(err error) {
	if x.fromInventory() {
		return
	}
	x.a.fail(wire.RcodeServFail, wire.EDENetwork, external)
	x.a.edeText = err.Error()
}
