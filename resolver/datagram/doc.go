// Package datagram sends and receives UDP packets many at a time.
//
//	socket ──recvmmsg──> Batch ──sendmmsg──> socket
//
// A [Batch] is the memory for it: packets, their addresses and the headers that the kernel
// wants, made once. It is for one goroutine. The descriptors don't wait, as the runtime has
// them. On systems other than Linux packets go one by one.
package datagram
