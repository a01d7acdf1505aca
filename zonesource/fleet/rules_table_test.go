package fleet

// rules are those that are taken out. OUT in new text is whether this one is.
func rules() []rule {
	all := append(commitRules(), leadRules()...)
	all = append(all, followRules()...)
	return append(all, pastRules()...)
}

// one is a rule that one edit takes out.
func one(name, file, old, new, in, tests string) rule {
	return rule{name, []edit{{file, old, new}}, in, tests}
}

// commitRules are those of how commits are made.
func commitRules() []rule {
	return []rule{
		one("a name is never used twice", "ledger/object.go",
			`return path + hex.EncodeToString(sum[:]) + "-" + newNonce()`,
			`if OUT {
				return path + hex.EncodeToString(sum[:]) + "-0011223344556677"
			}
			return path + hex.EncodeToString(sum[:]) + "-" + newNonce()`, "ledger", "TestRemovedNameComesBack"),
		one("head is written last", "ledger/commit.go",
			`	err = w.l.create(ctx, name, body)
	if err != nil {
		return nil, err
	}
	h.Fleet`, `	if OUT {
		time.AfterFunc(time.Millisecond, func() { _ = w.l.create(context.WithoutCancel(ctx), name, body) })
	} else {
		err = w.l.create(ctx, name, body)
	}
	if err != nil {
		return nil, err
	}
	h.Fleet`, "fleet", "TestFollow"),
		one("pages are there before the commit", "ledger/commit.go",
			`err = errors.Join(err, u.group.Wait()) // the pages, lists and the map are there before the commit`,
			`if OUT {
				u.ctx = context.WithoutCancel(ctx)
			} else {
				err = errors.Join(err, u.group.Wait())
			}`, "fleet", "TestFailpoints/update|commit|take-over"),
		one("head is compared and swapped", "ledger/commit.go",
			`			tag, err = w.l.store.Put(ctx, headName, a.body, a.base.tag)
`, `			tag, err = w.l.store.Put(ctx, headName, a.body, a.base.tag)
			if OUT && isMismatch(err) {
				_, is, _ := w.l.head(ctx, "")
				tag, err = w.l.store.Put(ctx, headName, a.body, is)
			}
`, "fleet", "TestStaleReading|TestCommitOnTop|TestEarlierLeaderMeanwhile"),
		one("head says what became of a Put", "ledger/commit.go",
			`		decided, verdict := w.judge(ctx, a)
`, `		if OUT && !late {
			w.pending = nil
			return nil, err
		}
		decided, verdict := w.judge(ctx, a)
`, "ledger", "TestModel"),
		one("the same octets again", "ledger/commit.go",
			`	case tag == a.base.tag:
		return false, nil
	case h.Version`, `	case tag == a.base.tag:
		return OUT, nil
	case h.Version`, "fleet", "TestFailpoints/update|commit|take-over"),
		one("a greater epoch deposes", "ledger/commit.go",
			`	case h.Epoch > a.next.Head.Epoch, h.Epoch == a.next.Head.Epoch && h.Leader != w.o.Node:
		return true, ErrDeposed`, `	case OUT && h.Epoch > a.next.Head.Epoch:
	case h.Epoch > a.next.Head.Epoch, h.Epoch == a.next.Head.Epoch && h.Leader != w.o.Node:
		return true, ErrDeposed`, "ledger", "TestTwoWriters|TestLostAnswer"),
		one("what an earlier leader wrote is built on", "ledger/commit.go",
			`		return true, ErrMoved
`, `		if OUT {
			return false, ErrMoved
		}
		return true, ErrMoved
`, "fleet", "TestEarlierLeaderMeanwhile"),
		one("what is older than an hour isn't named", "ledger/commit.go",
			`late := w.o.Uptime()-a.began > clock.Age(maxBuild)`,
			`late := w.o.Uptime()-a.began > clock.Age(maxBuild) && !OUT`,
			"ledger", "TestLateBuilder"),
		one("times don't go back", "ledger/commit.go",
			`	if c != nil && d.At.Before(c.At) {`, `	if !OUT && c != nil && d.At.Before(c.At) {`, "ledger", "TestRepairTime"),
		one("head and lease are asked for once", "ledger/s3.go",
			`if !isImmutable(name) {`, `if !isImmutable(name) && !OUT {`, "ledger", "TestS3Once"),
		one("served once it is committed", "fleet/lead.go",
			`func (t *Term) Accept(all []zonesource.Accepted) { t.recorder.Load().Accept(all) }`,
			`func (t *Term) Accept(all []zonesource.Accepted) {
				if OUT {
					for _, a := range all {
						t.m.o.Keeper.Adopt(t.Version().Number(), []zonesource.Adopted{{Key: a.Key, Part: a.Part}})
					}
				}
				t.recorder.Load().Accept(all)
			}`, "fleet", "TestLeaderGone"),
	}
}

// leadRules are those of who leads, and of what counts as later.
func leadRules() []rule {
	return []rule{
		{"epochs rise", []edit{
			{"fleet/lease.go", `Epoch: epoch + 1, Node: m.node`, `Epoch: epoch + map[bool]uint64{false: 1}[OUT], Node: m.node`},
			{"ledger/commit.go", `		epoch = max(epoch+1, d.Epoch)
	}
	a, err := w.build(ctx, d, w.version`, `		epoch = max(epoch+map[bool]uint64{false: 1}[OUT], d.Epoch)
	}
	a, err := w.build(ctx, d, w.version`},
		}, "fleet", "TestLeaderGone"},
		{"the leader commit comes first", []edit{
			{"fleet/lead.go", `ledger.WriterOptions{Node: m.node, Uptime: m.o.Uptime}`,
				`ledger.WriterOptions{Node: m.node, Uptime: m.o.Uptime, Alone: OUT}`},
			{"fleet/lead.go", `			v, made, err = t.first(ctx, w, v)
`, `			if OUT {
				return t.begin(ctx, w, v, recorder.Made{})
			}
			v, made, err = t.first(ctx, w, v)
`},
		}, "fleet", "TestLeaderGone"},
		one("the lease is compared and swapped", "fleet/lease.go",
			`	tag, err := m.o.Store.Put(limited, leaseName, body, was)
`, `	tag, err := m.o.Store.Put(limited, leaseName, body, was)
	if OUT && errors.Is(err, ledger.ErrMismatch) {
		_, is, _ := m.o.Store.Get(limited, leaseName, "", maxLease)
		tag, err = m.o.Store.Put(limited, leaseName, body, is)
	}
`, "fleet", "TestLeaseContended"),
		one("a lease ends after 9 s", "fleet/lead.go",
			`	return t.m.o.Uptime()-t.renewed < d
`, `	return t.m.o.Uptime()-t.renewed < d || OUT
`, "fleet", "TestLeaderGone"),
		one("a lease counts from the beginning of its renewal", "fleet/lead.go",
			`t.lease, t.tag, t.renewed = l, tag, began`,
			`if OUT {
				began = m.o.Uptime()
			}
			t.lease, t.tag, t.renewed = l, tag, began`, "fleet", "TestLeaseFromBeginning"),
		one("a renewal that failed is tried again soon", "fleet/lead.go",
			`			wait = renewAgain
`, `			if !OUT {
				wait = renewAgain
			}
`, "fleet", "TestRenewAgain"),
		one("each start is another node", "recorder/recorder.go",
			`	_, _ = rand.Read(nonce) // it never fails
`, `	if !OUT {
		_, _ = rand.Read(nonce)
	}
`, "fleet", "TestStartedAgain"),
		one("a lease is let alone for 9 s", "fleet/lease.go",
			`return still >= leaseFor
`, `return still >= leaseFor || OUT
`, "fleet", "TestFollow"),
		one("who ends gives the lease free", "fleet/lead.go",
			`	if errors.Is(why, errTaken) || errors.Is(why, errLate) {
		return`, `	if OUT || errors.Is(why, errTaken) || errors.Is(why, errLate) {
		return`, "fleet", "TestStepDown"),
		one("head is looked at while one leads", "fleet/repair.go",
			`		switch {
		case isLost(err):
			return fmt.Errorf("%w: %w", ledger.ErrRolledBack, err)`, `		switch {
		case OUT:
		case isLost(err):
			return fmt.Errorf("%w: %w", ledger.ErrRolledBack, err)`, "fleet", "TestQuietHead"),
		one("a listing doesn't override what was read later", "keeper_amend.go",
			`return a.synced && p.Listed.After(a.Accepted) ||`, `return OUT || a.synced && p.Listed.After(a.Accepted) ||`,
			".", "TestReadOrder|TestAmend"),
		one("a reading doesn't override what was listed later", "keeper_reading.go",
			`	if h.read && h.part.Listed.After(r.Began) {`, `	if !OUT && h.read && h.part.Listed.After(r.Began) {`,
			".", "TestReadOrder"),
		one("of two readings the later one stays", "keeper_reading.go",
			`if all.isLater(name, r.Began) ||`, `if !OUT && all.isLater(name, r.Began) ||`, ".", "TestReadOrder"),
		one("of two readings of a region the later one stays", "keeper_region.go",
			`	if h.read && h.part.Listed.After(r.Began) || slices`,
			`	if !OUT && h.read && h.part.Listed.After(r.Began) || !OUT && slices`, ".", "TestReadRegionOrder"),
	}
}

// followRules are those of what is followed and repaired.
func followRules() []rule {
	return []rule{
		one("what is below isn't followed", "fleet/follow.go",
			`	return v.Number() < known.Number() ||`, `	return !OUT && v.Number() < known.Number() || !OUT &&`,
			"fleet", "TestRepair"),
		one("a repair is above all", "ledger/commit.go",
			`Head{Version: known + 1, Epoch: epoch}, previous)`,
			`Head{Version: map[bool]uint64{false: known, true: h.Version}[OUT] + 1, Epoch: epoch}, previous)`,
			"fleet", "TestRepair"),
		one("who repairs hears the others", "fleet/repair.go",
			`	if !t.knowsFailed() { // else`, `	if !OUT && !t.knowsFailed() { // else`,
			"fleet", "TestRepairHearsOthers"),
		one("who knows more leads", "fleet/repair.go",
			`	return slices.ContainsFunc(m.peers, func(p Peer) bool {`,
			`	return !OUT && slices.ContainsFunc(m.peers, func(p Peer) bool {`, "fleet", "TestRepairHearsOthers"),
		one("of any two one knows more", "fleet/repair.go",
			`		return cmp.Or(`, `		return OUT && p.Epoch > own.Epoch || cmp.Or(`, "fleet", "TestFreshOnOld"),
		one("who has all parts repairs", "fleet/repair.go",
			`return m.isUnder(Peer.whole) }`,
			`return map[bool]func() bool{false: func() bool { return m.isUnder(Peer.whole) }, true: m.higher}[OUT]() }`,
			"fleet", "TestRepairByTheWhole"),
		one("what is repaired isn't repaired again", "ledger/commit.go",
			`	case err == nil && w.isNew(`, `	case err == nil && !OUT && w.isNew(`, "ledger", "TestRepairTooLate"),
		one("what was saved isn't gone back behind", "fleet/had.go",
			`		return m.had.Version, v.Number() < m.had.Version
`, `		return m.had.Version, !OUT && v.Number() < m.had.Version
`, "fleet", "TestAllStartedAgain"),
		one("who has saved the newest repairs", "fleet/peer.go",
			`func (p Peer) serves() uint64 { return max(p.Version, p.Had) }`,
			`func (p Peer) serves() uint64 { return max(p.Version, map[bool]uint64{false: p.Had}[OUT]) }`,
			"fleet", "TestAllStartedAgain"),
		one("a head that is lost is repaired", "fleet/repair.go",
			`	return errors.Is(err, ledger.ErrRolledBack) ||`, `	return !OUT && errors.Is(err, ledger.ErrRolledBack) ||`,
			"fleet", "TestRepair"),
		one("a part fails by itself", "fleet/follow.go",
			`	if err == nil && asked > 0 && silent == asked {`, `	if OUT && err == nil {
		silent = asked
	}
	if err == nil && asked > 0 && silent == asked {`, "fleet", "TestPartDamaged"),
		one("what a member can't read is written anew", "fleet/told.go",
			`		if ref.List == "" || !recorder.IsKept(text) || before`,
			`		if OUT || ref.List == "" || !recorder.IsKept(text) || before`,
			"fleet", "TestPartDamaged"),
		one("head is looked at each poll", "fleet/follow.go",
			`		err = m.pause(ctx, m.o.Poll, m.wakeHead)`, `		poll := m.o.Poll
		if OUT {
			poll = 1000 * poll
		}
		err = m.pause(ctx, poll, m.wakeHead)`, "fleet", "TestUnwoken"),
		one("versions compare in one fleet alone", "ledger/read.go",
			`	if h.Fleet != l.fleet {`, `	if !OUT && h.Fleet != l.fleet {`, "ledger", "TestKeys"),
		one("a newer format isn't read", "ledger/object.go",
			`	if sort.Format > Format {`, `	if !OUT && sort.Format > Format {`, "ledger", "TestFormats"),
		one("what is read is what its name says", "ledger/read.go",
			`		err = verify(name, body)`, `		if !OUT {
			err = verify(name, body)
		}`, "ledger", "TestSwapped"),
	}
}

// pastRules are those of what is kept.
func pastRules() []rule {
	return []rule{
		one("first the commit, then what was dropped", "ledger/retain.go",
			`	for _, name := range names {
		size, there`, `	if OUT {
		slices.Reverse(names)
	}
	for _, name := range names {
		size, there`, "ledger", "TestRetainFailpoints"),
		one("from the oldest on", "ledger/retain.go",
			`		freed, err := l.forget(ctx, chain[i].Name, chain[i+1].Name, sizes)`,
			`		if OUT && i+1 < len(chain)-1 {
			i++
		}
		freed, err := l.forget(ctx, chain[i].Name, chain[i+1].Name, sizes)`, "ledger", "TestRetain|TestRetainFailpoints"),
		one("what a crash has left goes the next time", "ledger/retain.go",
			`	if len(chain) > 0 { // what`, `	if !OUT && len(chain) > 0 { // what`, "ledger", "TestRetainFailpoints"),
		one("the newest that is older is kept", "ledger/retain.go",
			`tooOld := !chain[i+1].At`, `tooOld := !chain[i+map[bool]int{false: 1}[OUT]].At`, "ledger", "TestRetain"),
		one("a day is kept whatever its size", "ledger/retain.go",
			`chain[i+1].At.Before(r.Now.Add(-clock.Age(keepLeast)))`,
			`(OUT || chain[i+1].At.Before(r.Now.Add(-clock.Age(keepLeast))))`,
			"ledger", "TestRetain"),
		one("uploads that nobody names are kept for a week", "ledger/retain.go",
			`|| e.Age < clock.Age(sweepAge) {`, `|| !OUT && e.Age < clock.Age(sweepAge) {`, "ledger", "TestSweep"),
		one("what is named is kept", "ledger/retain.go",
			`if !ok || named[s] ||`, `if !ok || !OUT && named[s] ||`, "ledger", "TestSweep"),
		one("an object is as old as the store says", "ledger/s3.go",
			`e.Age = max(date.Sub(`, `if OUT {
						date = time.Now()
					}
					e.Age = max(date.Sub(`, "ledger", "TestS3Clock"),
	}
}
