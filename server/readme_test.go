package server

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"inside53/server/config"
)

// readmes returns the README.md at the top and those beside the code, by path from here.
func readmes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../README.md", "../*/README.md", "../*/*/README.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all[path] = string(text)
		}
	}
	for _, dir := range []string{"..", "../server", "../resolver", "../zonesource", "../examples", "../server/house"} {
		if all[dir+"/README.md"] == "" {
			t.Errorf("%s has no README.md", dir)
		}
	}
	return all
}

// readme returns what all of them say.
func readme(t *testing.T) string {
	t.Helper()
	all := readmes(t)
	var text strings.Builder
	for _, path := range slices.Sorted(maps.Keys(all)) {
		text.WriteString(all[path] + "\n")
	}
	return text.String()
}

// blocks returns the code blocks of a language.
func blocks(text, language string) []string {
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^ *```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// TestReadmeConfigurations loads each configuration of the README. It shows sections by
// themselves: route53, ec2 and forward stand beside them as nearly always.
func TestReadmeConfigurations(t *testing.T) {
	all := blocks(readme(t), "yaml")
	if len(all) < 5 {
		t.Fatalf("%d configurations", len(all))
	}
	for _, text := range all {
		for _, section := range []string{"route53:\n", "ec2:\n",
			"forward: [{ zone: \".\", upstreams: [169.254.169.253] }]\n"} {
			name, _, _ := strings.Cut(section, ":")
			if !regexp.MustCompile(`(?m)^` + name + `:`).MatchString(text) {
				text += section
			}
		}
		_, err := config.Parse([]byte(text), "README.md")
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}

// TestReadmeKeys: each key that the README names is one.
func TestReadmeKeys(t *testing.T) {
	known := allKeys()
	sections := map[string]bool{}
	for _, key := range known {
		section, _, _ := strings.Cut(key, ".")
		sections[section] = true
	}
	named := 0
	for _, m := range regexp.MustCompile("`([a-z0-9_]+)((?:\\[\\])?\\.[a-z_]+)(?:: [^`]*)?`").FindAllStringSubmatch(
		readme(t), -1) {
		if !sections[m[1]] {
			continue
		}
		named++
		key := m[1] + strings.TrimPrefix(m[2], "[]")
		if !slices.ContainsFunc(known, func(k string) bool { return k == key || strings.HasPrefix(k, key+".") }) {
			t.Errorf("%s is no key", key)
		}
	}
	if named < 10 {
		t.Errorf("only %d keys found", named)
	}
	for section := range sections {
		if !regexp.MustCompile("[`*]([a-z0-9_]+, )*"+section+"\\b").MatchString(readme(t)) &&
			!strings.Contains(readme(t), "`"+section) {
			t.Errorf("the README says nothing of %s", section)
		}
	}
}

// ownMetrics are the names of the metrics that the code makes.
func ownMetrics(t *testing.T) []string {
	t.Helper()
	var have []string
	for _, pattern := range []string{"*.go", "*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "bench/") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`Name: +"(inside53_[a-z_0-9]+)"`).FindAllStringSubmatch(string(text), -1) {
				have = append(have, m[1])
			}
		}
	}
	if len(have) < 30 {
		t.Errorf("only %d metrics are seen", len(have))
	}
	return have
}

// TestReadmeMetrics: its table has each metric of ours, and no other.
func TestReadmeMetrics(t *testing.T) {
	have := ownMetrics(t)
	text := readme(t)
	for _, name := range have {
		if !strings.Contains(text, "| `"+name+"` |") {
			t.Errorf("the README does not say when to look at %s", name)
		}
	}
	for _, name := range regexp.MustCompile(`\binside53_[a-z_0-9]+`).FindAllString(text, -1) {
		if !slices.Contains(have, name) {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// TestReadmePaths: its table has each admin path, and no other.
func TestReadmePaths(t *testing.T) {
	var have []string
	files, err := filepath.Glob("admin/*.go")
	if err != nil {
		t.Fatal(err)
	}
	route := regexp.MustCompile(`\.Handle(?:Func)?\("((?:GET|POST|PUT|DELETE) /[a-z/-]+)"`)
	for _, file := range files {
		if isTest(file) {
			continue
		}
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range route.FindAllStringSubmatch(string(code), -1) {
			have = append(have, m[1])
		}
	}
	if len(have) < 5 {
		t.Fatalf("found only %q", have)
	}
	text := readme(t)
	for _, path := range have {
		if !regexp.MustCompile("(?m)^\\| `" + path + "(\\?[^`]*)?` \\|").MatchString(text) {
			t.Errorf("the README does not name %s", path)
		}
	}
	for _, m := range regexp.MustCompile("`((?:GET|POST|PUT|DELETE) /[a-z/-]+)").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(have, m[1]) {
			t.Errorf("there is no %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`http://127\.0\.0\.1:8053(/[a-z/-]+)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(have, "GET "+m[1]) && !slices.Contains(have, "POST "+m[1]) {
			t.Errorf("there is no path %s", m[1])
		}
	}
}

// TestReadmeFiles: the files, directories and targets of make that it names exist.
func TestReadmeFiles(t *testing.T) {
	text := readme(t)
	for _, name := range regexp.MustCompile(
		`\b(?:examples|server|resolver|zonesource)/[a-z0-9/._-]*[a-z0-9]`).FindAllString(text, -1) {
		_, err := os.Stat(filepath.Join("..", name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	shown := blocks(text, "text")
	if len(shown) != 1 {
		t.Fatalf("%d blocks of text, not the layout alone", len(shown))
	}
	parent := ""
	for line := range strings.Lines(shown[0]) {
		for name := range strings.FieldsSeq(line) {
			if !strings.HasSuffix(name, "/") {
				break // of the description
			}
			path := name
			if strings.HasPrefix(line, " ") {
				path = parent + name
			} else {
				parent = name
			}
			info, err := os.Stat(filepath.Join("..", path))
			if err != nil || !info.IsDir() {
				t.Errorf("the layout has %s: %v", path, err)
			}
		}
	}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*## \S`).FindAllStringSubmatch(string(makefile), -1) {
		targets = append(targets, m[1])
	}
	named := map[string]bool{"help": true, "clean": true} // these need no words
	for _, m := range regexp.MustCompile("(?m)(?:`|^ *)make ([a-z][a-z-]*)").FindAllStringSubmatch(text, -1) {
		named[m[1]] = true
		if !slices.Contains(targets, m[1]) {
			t.Errorf("there is no make %s", m[1])
		}
	}
	for _, target := range targets {
		if !named[target] {
			t.Errorf("the README does not name make %s", target)
		}
	}
}

// TestReadmeShell: a shell can read the commands.
func TestReadmeShell(t *testing.T) {
	all := blocks(readme(t), "sh")
	if len(all) < 5 {
		t.Fatalf("%d blocks of commands", len(all))
	}
	for _, text := range all {
		c := exec.CommandContext(t.Context(), "sh", "-n")
		c.Stdin = strings.NewReader(text)
		output, err := c.CombinedOutput()
		if err != nil || len(output) > 0 {
			t.Errorf("%v: %s\n%s", err, output, text)
		}
	}
}

// TestReadmeOpens as people need it: the pain, a picture, what it is, the two commands. It is short enough to be read.
func TestReadmeOpens(t *testing.T) {
	text := readmes(t)["../README.md"]
	opening := regexp.MustCompile("^# inside53\n\n" + // the pain
		"(?:[^\n]+\n){2,5}\n" + "!\\[[^\n]+\\]\\(examples/fleet\\.svg\\)\n\n" + "inside53 is (?:[^\n]+\n){2,6}\n" +
		"```sh\nmake run +# [^\n]+\nmake test +# [^\n]+\n```\n")
	if !opening.MatchString(text) {
		t.Errorf("it opens with\n%s", text[:min(len(text), 1500)])
	}
	if lines := strings.Count(text, "\n"); lines > 250 {
		t.Errorf("it has %d lines; what isn't for strangers stands beside the code", lines)
	}
}

// TestReadmeAnchors: links lead to headings, of the same file or another, or to files that are there.
func TestReadmeAnchors(t *testing.T) {
	anchors, links := map[string]bool{}, 0
	all := readmes(t)
	for path, text := range all {
		fenced := regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
		for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fenced, -1) {
			plain := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), "")
			anchor := path + "#" + strings.ReplaceAll(plain, " ", "-")
			if anchors[anchor] {
				t.Errorf("two headings are %s", anchor)
			}
			anchors[anchor] = true
		}
	}
	for path, text := range all {
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			links++
			file, anchor, inside := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			_, err := os.Stat(target)
			if err != nil || inside && !anchors[target+"#"+anchor] {
				t.Errorf("%s: the link %s leads nowhere", path, m[1])
			}
		}
	}
	if links < 40 {
		t.Errorf("only %d links", links)
	}
}
