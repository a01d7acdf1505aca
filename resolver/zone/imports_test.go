package zone

import (
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImports: the package is the leaf that both halves of the program meet in.
func TestImports(t *testing.T) {
	forbidden := map[string]string{
		"inside53":               "the data model depends on nothing of the program, or its halves would depend on each other through it",
		"github.com/miekg/dns":   "the wire is the data model: another DNS library must not change it",
		"github.com/aws":         "the data model knows no source",
		"log":                    "nothing here logs",
		"os":                     "nothing here does I/O",
		"net/http":               "nothing here does I/O",
		"math/rand":              "what is drawn comes with the query",
		"github.com/prometheus/": "nothing here counts",
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
			for bad, why := range forbidden {
				if path == bad || strings.HasPrefix(path, strings.TrimSuffix(bad, "/")+"/") {
					t.Errorf("%s imports %s: %s", name, path, why)
				}
			}
		}
	}
}
