// Package freeport finds a port of loopback for a program that has to be told which one to listen on.
//
//	port, err := freeport.Find()   // free for UDP and TCP, when it was looked at
//
// Ports that the kernel gives to whoever asks for none in particular are left out: between the look and the moment that
// the program listens, one of many connections would get the same port now and then, and the program not start.
package freeport
