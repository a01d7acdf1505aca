// Command inside53 is an internal split-horizon DNS server for AWS, and the tools
// around it.
//
//	inside53 check  --config F               is the file right
//	inside53 awssim --data DIR --listen ADDR  a simulated AWS
//	inside53 version
//
// Each subcommand is a file. Results go to standard output, errors to standard
// error. The exit code is 0 for done, 1 for what went wrong,
// 2 for a command line that is not understood.
package main
