package resolver

import (
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImports: the decision knows the data and the upstreams, nothing else.
func TestImports(t *testing.T) {
	allowed := map[string]bool{
		"inside53/resolver/zone": true, "inside53/resolver/history": true, "inside53/resolver/forward": true,
		"github.com/miekg/dns": true,
	}
	reasons := map[string]string{
		"inside53/zonesource": "sources and decisions meet in zone.Snapshot alone",
		"inside53/server":     "the outside depends on the decision, never the other way round",
		"github.com/aws":      "answers must not depend on AWS being there",
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
			first, _, _ := strings.Cut(path, "/")
			if allowed[path] || first != "inside53" && !strings.Contains(first, ".") {
				continue
			}
			why := "only the data model, the forwarder, miekg/dns and the standard library are"
			for bad, reason := range reasons {
				if path == bad || strings.HasPrefix(path, bad+"/") {
					why = reason
				}
			}
			t.Errorf("%s imports %s: %s", name, path, why)
		}
	}
}
