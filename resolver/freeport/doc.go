// Package freeport finds ports of loopback, for whoever tries the program or measures it.
//
//	packets, streams, err := freeport.Listen()   // one port, by UDP and TCP
//	port, err := freeport.Find()                 // for a program that has to be told which; free when it was looked at
//
// Ports that the kernel gives to whoever asks for none in particular are left out: the port that it gives for UDP may
// be taken for TCP, and between the look and the moment that a program listens, one of many connections would get the
// same port now and then.
package freeport
