// Package handover passes sockets on to the process after this one.
//
//	this process                                  the next one
//	[Side.Offer] <── a Unix socket, by the first address ──> [Open]
//	     │ the state directory is free                          │ [Sockets]
//	     └── ends when the other answers <── [Sockets.Await] ───┘
//	systemd ── sockets ──> [Open]
//
// # Contract
//
// No socket is ever closed between two processes, so nothing that waits in one is lost. The one that
// serves gives the state directory free when it is asked to, and answers from memory until the other
// has its data. Where the other gives up before that, this one goes on, by starting over beside
// itself where its state is free already.
//
// # Use
//
//	sockets, err := handover.Open(config, uid, log)
//	err = sockets.Succeed(ctx, check) // what can be at fault is checked first
//	err = sockets.Await(ctx, loaded, missing)
//	side := handover.New(handover.Options{Log: log, Address: address, Files: files, Next: next})
//	err = side.Offer(serving, process, finish)
package handover
