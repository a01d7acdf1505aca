package config

import (
	"reflect"
	"strings"
)

// allKeys returns every key of the configuration that has a value of its own.
func allKeys() []string {
	var keys []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		fields, names := fieldsOf(t)
		for _, name := range names {
			full := strings.TrimPrefix(path+"."+name, ".")
			section := t.Field(fields[name].index).Type
			for section.Kind() == reflect.Pointer || section.Kind() == reflect.Slice {
				section = section.Elem()
			}
			if section.Kind() == reflect.Struct {
				_, inner := fieldsOf(section)
				if len(inner) > 0 {
					walk(section, full)
					continue
				}
			}
			keys = append(keys, full)
		}
	}
	walk(reflect.TypeFor[Config](), "")
	return keys
}
