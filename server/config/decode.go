package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decoder fills a Config from the syntax tree of a file. It goes on after a
// fault, so that one run names them all, and notes the line of each key for the
// faults that only the whole shows. (The decoder of go-yaml ends at the first
// fault and forgets the lines.)
//
// A field is filled by its type; its tag is `yaml:"key"`, with ",path" for a
// path relative to the file and ",off" for an address that may be "".
type decoder struct {
	file   string
	dir    string         // absolute
	lines  map[string]int // by path: views[1].clients
	broken map[string]bool
	faults []Fault
}

// defaulter is a section that has defaults of its own once it is there.
type defaulter interface{ setDefaults() }

// scalar and wordList are the values of value.go.
type (
	scalar   interface{ parse(text string) error }
	wordList interface{ add(text string) error }
)

func (d *decoder) fault(path string, line int, format string, args ...any) {
	d.faults = append(d.faults, Fault{d.file, line, path, fmt.Sprintf(format, args...)})
	if d.broken == nil {
		d.broken = make(map[string]bool)
	}
	d.broken[path] = true
}

// document decodes a whole file into the Config at to.
func (d *decoder) document(data []byte, to reflect.Value) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // editors of Windows write it
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			at := syntax.Token.Position.Line
			d.fault("", at, "%s", explainSyntax(syntax.Message, data, at))
		} else {
			d.fault("", 0, "%s", err)
		}
		return
	}
	var bodies []ast.Node
	for _, doc := range tree.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		return
	}
	if len(bodies) > 1 {
		d.fault("", line(bodies[1]), "is a second document; a configuration is one")
	}
	d.structure(bodies[0], to, "")
}

func line(n ast.Node) int { return n.GetToken().Position.Line }

// structure decodes a mapping into the struct at to.
func (d *decoder) structure(n ast.Node, to reflect.Value, path string) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.NullNode:
		return // an empty section
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		d.fault(path, line(n), "is %s; write keys and values (key: value)", kind(n))
		return
	}
	fields, keys := fieldsOf(to.Type())
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		at := line(pair.Key)
		full := key
		if path != "" {
			full = path + "." + key
		}
		if pair.Key.IsMergeKey() {
			d.fault(full, at, "merging is not supported; write the keys out")
			continue
		}
		field, known := fields[key]
		if !known {
			near, homes := nearest(key, keys), []string(nil)
			if path == "" {
				homes = sectionsWith(key)
			}
			switch {
			case near != "":
				d.fault(full, at, "unknown key; did you mean %q?", near)
			case len(homes) > 0:
				d.fault(full, at, "unknown key at the left margin; it belongs into %s: indent it there", strings.Join(homes,
					" or "))
			default:
				d.fault(full, at, "unknown key; known here are %s", strings.Join(keys, ", "))
			}
			continue
		}
		d.lines[full] = at
		d.value(pair.Value, to.Field(field.index), field.option, full)
	}
}

// sectionsWith returns the sections that have a key of that name.
func sectionsWith(key string) []string {
	var sections []string
	top, names := fieldsOf(reflect.TypeFor[Config]())
	for _, name := range names {
		section := reflect.TypeFor[Config]().Field(top[name].index).Type
		for section.Kind() == reflect.Pointer || section.Kind() == reflect.Slice {
			section = section.Elem()
		}
		if section.Kind() != reflect.Struct {
			continue
		}
		fields, _ := fieldsOf(section)
		_, has := fields[key]
		if has {
			sections = append(sections, name)
		}
	}
	return sections
}

type fieldTag struct {
	index  int
	option string
}

// fieldsOf returns the fields of a struct by key, and the keys in their order.
func fieldsOf(t reflect.Type) (map[string]fieldTag, []string) {
	fields := make(map[string]fieldTag)
	var keys []string
	for i := range t.NumField() {
		key, option, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if key != "" {
			fields[key] = fieldTag{i, option}
			keys = append(keys, key)
		}
	}
	return fields, keys
}

// value decodes n into to, whatever its type.
func (d *decoder) value(n ast.Node, to reflect.Value, option, path string) {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		d.fault(path, line(n), "anchors and aliases are not supported; write the value out")
		return
	case *ast.TagNode:
		d.fault(path, line(n), "tags are not supported; write the value alone")
		return
	}
	target := to.Addr().Interface()
	if words, ok := target.(wordList); ok {
		to.SetZero()
		for i, item := range d.items(n, path, "[a, b]") {
			itemPath := fmt.Sprintf("%s[%d]", path, i)
			d.lines[itemPath] = line(item)
			text, ok := d.text(item, itemPath)
			if !ok {
				d.broken[path] = true
				continue
			}
			err := words.add(text)
			if err != nil {
				d.fault(itemPath, line(item), "%s", err)
				d.broken[path] = true
			}
		}
		return
	}
	if isScalar(to) {
		text, ok := d.text(n, path)
		if !ok {
			return
		}
		err := d.scalar(n, text, target, option)
		if err != nil {
			d.fault(path, line(n), "%s", err)
		}
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		section := reflect.New(to.Type().Elem())
		section.Interface().(defaulter).setDefaults()
		to.Set(section)
		d.structure(n, section.Elem(), path)
	case reflect.Slice:
		d.slice(n, to, path)
	default:
		d.structure(n, to, path)
	}
}

// slice decodes a sequence into the slice at to. Items at fault are in it too,
// as zero values, so that indexes are those of the file.
func (d *decoder) slice(n ast.Node, to reflect.Value, path string) {
	to.SetZero()
	_, empty := n.(*ast.NullNode)
	if empty && !isScalar(reflect.New(to.Type().Elem()).Elem()) {
		return // an empty section
	}
	form := "[a, b]"
	if element := to.Type().Elem(); element.Kind() == reflect.Struct {
		_, keys := fieldsOf(element)
		if len(keys) > 0 {
			form = "a dash before each entry, - " + keys[0] + ": ..."
		}
	}
	for i, item := range d.items(n, path, form) {
		itemPath := fmt.Sprintf("%s[%d]", path, i)
		d.lines[itemPath] = line(item)
		element := reflect.New(to.Type().Elem())
		section, ok := element.Interface().(defaulter)
		if ok {
			section.setDefaults()
		}
		d.value(item, element.Elem(), "", itemPath)
		to.Set(reflect.Append(to, element.Elem()))
	}
}

// items returns the items of a sequence; form is how one is written.
func (d *decoder) items(n ast.Node, path, form string) []ast.Node {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fault(path, line(n), "is %s; write a list (%s)", kind(n), form)
		return nil
	}
	return seq.Values
}

// text returns the text of a scalar as it is written in the file: account ids
// stay as they are, whatever number YAML sees in them.
func (d *decoder) text(n ast.Node, path string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		d.fault(path, line(n), "has no value; leave the key out for its default")
	default:
		if text := unquoted(n); text != "" {
			d.fault(path, line(n), "needs quotes: %q", text)
			break
		}
		d.fault(path, line(n), "is %s; write one value", kind(n))
	}
	return "", false
}

// unquoted returns the text of a mapping that was meant to be one value: in [ ], the
// parser takes the colon of 10.0.0.2:53 for that of a key. "" for other nodes.
func unquoted(n ast.Node) string {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) == 1 && !strings.HasPrefix(m.Start.Value, "{") {
		n = m.Values[0]
	}
	pair, ok := n.(*ast.MappingValueNode)
	if !ok {
		return ""
	}
	key, value := pair.Key.GetToken(), pair.Value.GetToken()
	text := key.Value + ":" + value.Value
	if key.Position.Line != value.Position.Line || value.Position.Column-key.Position.Column != len(key.Value)+1 {
		return "" // key: value
	}
	return text
}

// isScalar reports whether the value at to is written as one text.
func isScalar(to reflect.Value) bool {
	switch to.Addr().Interface().(type) {
	case scalar, *netip.AddrPort, *netip.Prefix:
		return true
	}
	return to.Kind() != reflect.Struct && to.Kind() != reflect.Slice && to.Kind() != reflect.Pointer
}

// scalar fills target from text.
func (d *decoder) scalar(n ast.Node, text string, target any, option string) error {
	var err error
	switch t := target.(type) {
	case scalar:
		return t.parse(text)
	case *string:
		*t = text
		if option == "path" && text != "" && !filepath.IsAbs(text) {
			*t = filepath.Join(d.dir, text)
		}
	case *bool:
		_, isBool := n.(*ast.BoolNode)
		if !isBool {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*t = text == "true" || text == "True" || text == "TRUE"
	case *int:
		_, quoted := n.(*ast.StringNode)
		*t, err = strconv.Atoi(text)
		if err != nil || quoted {
			return fmt.Errorf("%q is no whole number", text)
		}
	case *float64:
		_, quoted := n.(*ast.StringNode)
		*t, err = strconv.ParseFloat(text, 64)
		if err != nil || quoted {
			return fmt.Errorf("%q is no number", text)
		}
	case *time.Duration:
		*t, err = time.ParseDuration(text)
		if err != nil {
			_, err = strconv.ParseFloat(text, 64)
			if err == nil {
				return fmt.Errorf("%q has no unit; write %ss for seconds", text, text)
			}
			return fmt.Errorf("%q is no duration; write one like 100ms, 30s, 1m30s or 24h", text)
		}
	case *slog.Level:
		levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
			"error": slog.LevelError}
		level, known := levels[text]
		if !known {
			return oneOf(text, "debug", "info", "warn", "error")
		}
		*t = level
	case *netip.AddrPort:
		if text == "" && option == "off" {
			*t = netip.AddrPort{}
			return nil
		}
		*t, err = parseAddrPort(text)
	case *netip.Prefix:
		*t, err = parsePrefix(text)
	default:
		panic(fmt.Sprintf("no decoding for the type %T", target)) // a field of a new type
	}
	return err
}

// kind names what is written, for people.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "without a value"
	default:
		return "a single value"
	}
}

// nearest returns the word of known that text was probably meant to be, or "".
func nearest(text string, known []string) string {
	plain := func(s string) string {
		return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
	}
	best, least := "", max(1, len(text)/3)+1
	for _, word := range known {
		distance := editDistance(plain(text), plain(word))
		if distance < least {
			best, least = word, distance
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours from a to b (optimal string alignment).
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
