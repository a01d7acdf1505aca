// Package observe is what is made of the answers as they go out: counts of who asks most, the
// query log, and the lines that people watch.
//
//	resolver.Worker ──> ring a cell ──> Observer.Run ──┬──> top.go    who and what is asked most
//	   (shows what is wanted)                          ├──> users.go  who asks for a record set
//	                                                   ├──> log.go    the query log: lines, a file
//	                                                   └──> tail.go   those who watch now
//	a file <── Save, Restore ──> saved.go: users, and when record sets were used
//
// # Contract
//
// Nobody who answers waits for anything here: an [Observer] reads what the workers have put into
// rings of fixed size, and what comes faster is lost and counted. Memory is fixed: sketches of so
// many counters (Metwally, Agrawal and El Abbadi, ICDT 2005: Space-Saving), record sets that make
// room for others, lines that a reader hasn't taken. Counts are made from a sample, which is all
// answers while few come.
//
// Who asks for record sets outlives the process: [Observer.Save] writes it, and [Observer.Restore] adds what was
// saved to what is known by then, or nothing of a file that is damaged or of another version. Counts of who asks
// most begin anew.
//
// Names and addresses of clients leave the process by the query log, the admin
// address and that file alone.
//
// # Use
//
//	o := observe.New(observe.Options{Answers: resolver, Log: log})
//	o.SetLog(observe.QueryLog{Sample: 1})
//	go o.Run(ctx)
//	top := o.Top(observe.ByName, 20)
//	tail, err := o.Tail(observe.Filter{})
package observe
