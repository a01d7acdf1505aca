package history

import (
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImports: the package is a leaf above the data model.
func TestImports(t *testing.T) {
	forbidden := map[string]string{
		"inside53/server":      "history knows versions of zones, not who is told of them",
		"inside53/zonesource":  "resolver and zonesource meet in the data model alone",
		"github.com/miekg/dns": "the wire is the data model; messages are made by the server",
		"github.com/aws":       "the data model knows no source",
		"log":                  "nothing here logs",
		"os":                   "nothing here does I/O: the server saves",
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(path, "inside53/") && path != "inside53/resolver/zone" {
				t.Errorf("%s imports %s: of the program a leaf imports the data model alone", name, path)
			}
			for bad, why := range forbidden {
				if path == bad || strings.HasPrefix(path, strings.TrimSuffix(bad, "/")+"/") {
					t.Errorf("%s imports %s: %s", name, path, why)
				}
			}
		}
	}
}
