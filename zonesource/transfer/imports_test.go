package transfer

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestImports keeps the arrows of the house: a source knows the data model and its
// contract, and neither the resolver, nor the server, nor the simulator.
func TestImports(t *testing.T) {
	allowed := map[string]bool{
		"inside53/resolver/zone": true,
		"inside53/zonesource":    true,
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if strings.HasPrefix(path, "inside53/") && !allowed[path] {
				t.Errorf("%s imports %s: resolver and server meet the sources in zone.Snapshot alone", f.Name(), path)
			}
		}
	}
	if seen == 0 {
		t.Error("no imports seen")
	}
}
