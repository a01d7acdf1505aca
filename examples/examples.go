package examples

import (
	"embed"
	"io/fs"
)

//go:embed all:demo
var files embed.FS

// Demo is the demo data, the directory demo/: a data directory of the AWS simulator.
func Demo() fs.FS {
	demo, err := fs.Sub(files, "demo")
	if err != nil {
		panic(err) // the name is valid, and fs.Sub knows no other error
	}
	return demo
}
