package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// EncodeJSON returns an output of the SDK, or a part of one, as the AWS CLI prints it:
// member names as the API has them, what isn't there left out, times in RFC 3339. It
// ends in a line feed.
func EncodeJSON(v any) ([]byte, error) {
	tree, err := plain(reflect.ValueOf(v))
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	err = e.Encode(tree)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	return out.Bytes(), nil
}

// member is a field of an object; objects keep the order of their fields.
type member struct {
	name  string
	value any
}

type object []member

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		err := errors.Join(e.Encode(m.name), e.Encode(m.value))
		if err != nil {
			return nil, err
		}
		name, value, _ := bytes.Cut(text.Bytes(), []byte("\n"))
		out = append(append(append(out, name...), ':'), bytes.TrimSuffix(value, []byte("\n"))...)
	}
	return append(out, '}'), nil
}

// plain turns a value of the SDK into objects, lists and scalars. It is nil for what
// isn't there.
func plain(v reflect.Value) (any, error) {
	if !v.IsValid() {
		return nil, nil
	}
	moment, isTime := v.Interface().(time.Time)
	if isTime {
		return moment.UTC().Format("2006-01-02T15:04:05.999999-07:00"), nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		return plain(v.Elem())
	case reflect.Struct:
		return plainStruct(v)
	case reflect.Slice:
		if v.IsNil() {
			return nil, nil
		}
		list := make([]any, v.Len())
		for i := range list {
			var err error
			list[i], err = plain(v.Index(i))
			if err != nil {
				return nil, err
			}
		}
		return list, nil
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float32, reflect.Float64:
		return v.Interface(), nil
	}
	return nil, fmt.Errorf("a %s is in no output of the API", v.Type())
}

func plainStruct(v reflect.Value) (any, error) {
	fields := object{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		// The metadata of a call are not part of its output.
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		value := v.Field(i)
		// An enumeration has no pointer: the empty one isn't there.
		if value.Kind() == reflect.String && value.Len() == 0 {
			continue
		}
		item, err := plain(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if item != nil {
			fields = append(fields, member{f.Name, item})
		}
	}
	return fields, nil
}
