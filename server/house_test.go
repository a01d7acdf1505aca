package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"inside53/server/house"
)

// maxLines is how long a file may be before it has surely more than one subject.
const maxLines = 500

type source struct {
	path  string // from the top of the module
	lines int
	file  *ast.File
	set   *token.FileSet
}

func sourceFiles(t *testing.T) []source {
	t.Helper()
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var all []source
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != top {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s := source{set: token.NewFileSet(), lines: strings.Count(string(text), "\n")}
		s.path, err = filepath.Rel(top, path)
		if err != nil {
			return err
		}
		s.file, err = parser.ParseFile(s.set, path, text, parser.ParseComments)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d files of Go below %s", len(all), top)
	}
	return all
}

func isTest(path string) bool { return strings.HasSuffix(path, "_test.go") }

func TestImportsFollowTheArrows(t *testing.T) {
	for _, s := range sourceFiles(t) {
		pkg := filepath.ToSlash(filepath.Dir(s.path))
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			fault := house.Fault(pkg, path, isTest(s.path))
			if fault != "" {
				t.Errorf("%s imports %s: %s", s.path, path, fault)
			}
		}
	}
}

func TestHouseHasPictures(t *testing.T) {
	documented, packages := map[string]bool{}, map[string]bool{}
	for _, s := range sourceFiles(t) {
		dir := filepath.Dir(s.path)
		packages[dir] = packages[dir] || !isTest(s.path)
		if filepath.Base(s.path) == "doc.go" && s.file.Doc != nil {
			documented[dir] = true
		}
		switch filepath.Base(dir) {
		case "util", "utils", "common", "helpers", "types", "misc":
			t.Errorf("%s: a package is named after what is in it", dir)
		}
	}
	for dir, real := range packages {
		if real && !documented[dir] {
			t.Errorf("%s has no doc.go with a package comment", dir)
		}
	}
}

// TestHouseStaysOnLoopback: the tests of a package that speak to the simulated AWS can't reach the real one.
func TestHouseStaysOnLoopback(t *testing.T) {
	held, simulate := map[string]bool{}, map[string]bool{}
	for _, s := range sourceFiles(t) {
		dir := filepath.Dir(s.path)
		if !isTest(s.path) {
			continue
		}
		for _, i := range s.file.Imports {
			if i.Path.Value == `"inside53/zonesource/awssim"` {
				simulate[dir] = true
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, isSelector := n.(*ast.SelectorExpr)
			if isSelector && call.Sel.Name == "Loopback" {
				held[dir] = true
			}
			return true
		})
	}
	if len(simulate) < 5 {
		t.Errorf("only %d packages simulate AWS", len(simulate))
	}
	for dir := range simulate {
		if !held[dir] {
			t.Errorf("%s: its tests speak to a simulated AWS, and have no TestMain with house.Loopback", dir)
		}
	}
}

func TestHouseStyle(t *testing.T) {
	for _, s := range sourceFiles(t) {
		if s.lines > maxLines {
			t.Errorf("%s has %d lines: it has more than one subject", s.path, s.lines)
		}
		for _, group := range s.file.Comments {
			for _, word := range []string{"TODO", "FIXME", "XXX"} {
				if strings.Contains(group.Text(), word) {
					t.Errorf("%s: %s: do it, or say what is known in the README", s.set.Position(group.Pos()), word)
				}
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: no init: everything is made where it is used", s.set.Position(n.Pos()))
				}
			case *ast.IfStmt:
				if callsInInit(n) && !isTest(s.path) {
					t.Errorf("%s: the call and the check of its error stand on two lines", s.set.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// callsInInit reports whether an if statement calls something, and compares the
// error of it, on one line.
func callsInInit(n *ast.IfStmt) bool {
	assign, ok := n.Init.(*ast.AssignStmt)
	if !ok || len(assign.Lhs) == 0 {
		return false
	}
	last, ok := assign.Lhs[len(assign.Lhs)-1].(*ast.Ident)
	return ok && last.Name == "err"
}
