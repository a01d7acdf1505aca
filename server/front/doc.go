// Package front is the way of what is more than a question.
//
//	packet loop ──> [Handler.Handle] ──> update.Server
//	                     │  │ └────────> [Bell] (NOTIFY between servers of a fleet)
//	                     │  └──> [Desk] ──> transfer.Server
//	                     │          └────> tsig: a signed question, without its signature
//	                     └──> back: a question, which the worker answers
//	TCP listener ──> [Welcome]: whose connections are accepted
//
// # Contract
//
// Whether the client may send it is found out in place, by its address and by the name of its key;
// all else, and the unpacking, is done off the packet loops, in queues with a bound for all and one
// for each client. What there is no room for is dropped by UDP, and fails by TCP.
//
// # Use
//
//	desk := front.NewDesk(transfers, keys, newWorker)
//	go desk.Run(ctx)
//	worker.HandleWith(&front.Handler{Updates: updates, Transfers: transfers, Keys: keys, Desk: desk, Released: released})
package front
