//go:build linux

// Package datagram sends and receives UDP packets many at a time.
//
//	socket ──recvmmsg──> Batch ──sendmmsg──> socket
//
// A [Batch] is the memory of one loop: up to [Size] packets, their addresses and the
// headers that the kernel wants, made once. It is for one goroutine.
package datagram
