// Package confine leaves a process no more than it needs, once its sockets are bound.
//
//	user.go     [Choose]: who a process becomes that was started as root
//	sandbox.go  [Process]: what it may still write to
//
// Both go by the configuration alone, before the server is made.
package confine
