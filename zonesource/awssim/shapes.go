package awssim

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shapesJSON maps the JSON members of the CLI's output to wire names; shapes_gen.py writes it
// from the models of botocore.
//
//go:embed shapes.json
var shapesJSON []byte

// model is the output side of one query-protocol service.
type model struct {
	Version string            `json:"version"`
	Outputs map[string]string `json:"outputs"` // operation -> shape
	Shapes  map[string]shape  `json:"shapes"`
}

// shape is a structure (Members set) or a list (Of set). Scalars have no entry: their shape is a word.
type shape struct {
	Members map[string][2]string `json:"m"` // JSON name -> wire name, shape
	Item    string               `json:"i"`
	Of      string               `json:"l"`
}

func loadModels() (map[string]*model, error) {
	models := map[string]*model{}
	err := json.Unmarshal(shapesJSON, &models)
	if err != nil {
		return nil, fmt.Errorf("reading the embedded shapes: %w", err)
	}
	return models, nil
}

// check reports every member of v that shape s cannot carry, with its path: what cannot be
// rendered would otherwise be lost without a word.
func (m *model) check(path, s string, v any) error {
	switch sh := m.Shapes[s]; {
	case v == nil:
		return nil
	case sh.Members != nil:
		return m.checkStructure(path, sh, v)
	case sh.Of != "":
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s: is %s, want a list", path, kind(v))
		}
		var errs []error
		for i, item := range list {
			errs = append(errs, m.check(fmt.Sprintf("%s[%d]", path, i), sh.Of, item))
		}
		return errors.Join(errs...)
	}
	_, err := scalar(s, v)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (m *model) checkStructure(path string, sh shape, v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: is %s, want an object", path, kind(v))
	}
	var errs []error
	for _, name := range sortedKeys(object) {
		member, known := sh.Members[name]
		if !known {
			errs = append(errs, fmt.Errorf("%s.%s: no such member in the API", path, name))
			continue
		}
		errs = append(errs, m.check(path+"."+name, member[1], object[name]))
	}
	return errors.Join(errs...)
}

// render writes the members of v, an object of structure shape s, as XML elements.
// v has passed check, so nothing in it is skipped.
func (m *model) render(b *bytes.Buffer, s string, v map[string]any) {
	sh := m.Shapes[s]
	for _, name := range sortedKeys(v) {
		member, known := sh.Members[name]
		if known && v[name] != nil {
			m.renderElement(b, member[0], member[1], v[name])
		}
	}
}

func (m *model) renderElement(b *bytes.Buffer, element, s string, v any) {
	b.WriteString("<" + element + ">")
	switch sh := m.Shapes[s]; {
	case sh.Members != nil:
		object, _ := v.(map[string]any)
		m.render(b, s, object)
	case sh.Of != "":
		list, _ := v.([]any)
		for _, item := range list {
			m.renderElement(b, sh.Item, sh.Of, item)
		}
	default:
		text, err := scalar(s, v)
		if err == nil { // check has seen to it
			_ = xml.EscapeText(b, []byte(text))
		}
	}
	b.WriteString("</" + element + ">")
}

// scalar is the wire text of v. Timestamps of the CLI ("2024-05-01T09:12:33+00:00") become the
// services' own form in UTC with milliseconds.
func scalar(s string, v any) (string, error) {
	switch x := v.(type) {
	case string:
		if s == "string" {
			return x, nil
		}
		if s == "timestamp" {
			t, err := time.Parse(time.RFC3339Nano, x)
			if err != nil {
				return "", fmt.Errorf("is %q, want an RFC 3339 time", x)
			}
			return t.UTC().Format("2006-01-02T15:04:05.000Z"), nil
		}
	case bool:
		if s == "boolean" {
			return strconv.FormatBool(x), nil
		}
	case json.Number:
		if s == "integer" || s == "double" {
			return x.String(), nil
		}
	}
	return "", fmt.Errorf("is %s, want a %s", kind(v), s)
}

func kind(v any) string {
	switch v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	}
	return "null"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}
