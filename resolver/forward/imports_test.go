package forward

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestLeaf: this package is a leaf. It answers questions about bytes and knows no
// zones, views or transports, so nothing of this module is imported.
func TestLeaf(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") {
			continue
		}
		seen++
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if path == "inside53" || strings.HasPrefix(path, "inside53/") {
				t.Errorf("%s imports %s: forward is a leaf, whoever needs both imports both", file.Name(), path)
			}
			if path == "github.com/miekg/dns" && !strings.HasSuffix(file.Name(), "_test.go") {
				t.Errorf("%s imports %s: replies are taken apart by the walker, without its allocations", file.Name(), path)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d files seen", seen)
	}
}
