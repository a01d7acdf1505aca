package server

import (
	"reflect"
	"strings"
	"testing"

	"inside53/server/config"
)

// parseGood parses text as /etc/inside53/inside53.yaml.
func parseGood(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text), "/etc/inside53/inside53.yaml")
	if err != nil {
		t.Fatalf("parsing %q: %v", text, err)
	}
	return c
}

// allKeys returns every key of the configuration that has a value of its own.
func allKeys() []string {
	var keys []string
	var walk func(t reflect.Type, path string) bool
	walk = func(t reflect.Type, path string) bool {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		section := false
		for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
			key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			if key == "" {
				continue
			}
			section = true
			full := strings.TrimPrefix(path+"."+key, ".")
			if !walk(t.Field(i).Type, full) {
				keys = append(keys, full)
			}
		}
		return section
	}
	walk(reflect.TypeFor[config.Config](), "")
	return keys
}
