// Command inside53 is an internal split-horizon DNS server for AWS, and the tools
// around it.
//
//	inside53 serve  --config F                the server
//	inside53 check  --config F                is the file right, and does AWS let us
//	inside53 demo                             the server on a simulated AWS, to try it
//	inside53 awssim --data DIR --listen ADDR  the simulated AWS alone
//	inside53 zone ls | get | create | delete | diff       hosted zones of Route 53
//	inside53 record add | change | delete | import        their records
//	inside53 export hosts | bind | json                   hosts files, master files, data
//	inside53 ready                            whether a running server is ready: the health check of the image
//	inside53 version
//
// Each subcommand is a file. Results go to standard output, errors to standard error;
// serve logs there too. The exit code is 0 for done, 1 for what went wrong, 2 for a
// command line that is not understood.
package main
