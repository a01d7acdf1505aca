// Package logs writes the log without anybody waiting for who reads it.
//
//	writer.go  [Writer]: takes lines at once, and hands them over to a reader that may hang
package logs
