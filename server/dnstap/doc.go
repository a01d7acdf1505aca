// Package dnstap sends messages to a reader of dnstap (https://dnstap.info): what clients ask and
// are answered, and what upstreams are asked and answer.
//
//	resolver.Worker ─── Question, Answer ──┐
//	                                       ├──> shard ──> Sender.Run ──> frames ──> unix or tcp socket
//	forward.Forwarder ─ Asked, Answered ───┘
//
// # Contract
//
// Whoever brings a message copies it into a buffer of fixed size, and waits for nothing: what
// doesn't fit is dropped and counted. A reader that stands still, or isn't there, costs the
// messages and nothing else: workers ask first whether they are taken, and count what isn't a batch
// at a time. It is tried again every second. Frames are made, and written, by the
// goroutine of Run alone.
//
// # Use
//
//	s := dnstap.New(dnstap.Options{Identity: host, Version: version})
//	s.SetReader("unix", "/run/dnstap.sock")
//	observer.SetMessages(s)
//	forwarder.SetMessages(s)
//	go s.Run(ctx)
package dnstap
