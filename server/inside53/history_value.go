package main

import (
	"encoding/json"
	"strings"
)

// plainValue is a value of the past for people: what isn't a record, an instance or a VPC, is an object of JSON
// there, of which that is shown which isn't empty.
func plainValue(value string) string {
	if !strings.HasPrefix(value, "{") || !json.Valid([]byte(value)) {
		return value
	}
	var parts []string
	for key, member := range members(json.RawMessage(value)) {
		if text := strings.Join(scalars(member), " "); text != "" {
			parts = append(parts, key+" "+text)
		}
	}
	return strings.Join(parts, ", ")
}

// members yields the members of an object in their order.
func members(object json.RawMessage) func(yield func(string, json.RawMessage) bool) {
	return func(yield func(string, json.RawMessage) bool) {
		d := json.NewDecoder(strings.NewReader(string(object)))
		_, _ = d.Token() // its beginning; it is valid
		for d.More() {
			key, _ := d.Token()
			var member json.RawMessage
			err := d.Decode(&member)
			name, ok := key.(string)
			if err != nil || !ok || !yield(name, member) {
				return
			}
		}
	}
}

// scalars are all texts, numbers and truths of a valid value, whatever they are in.
func scalars(value json.RawMessage) (all []string) {
	var list []json.RawMessage
	var text string
	switch value[0] {
	case '{':
		for _, member := range members(value) {
			all = append(all, scalars(member)...)
		}
	case '[':
		_ = json.Unmarshal(value, &list) // it is one
		for _, member := range list {
			all = append(all, scalars(member)...)
		}
	case '"':
		_ = json.Unmarshal(value, &text) // it is one
		if text != "" {
			all = append(all, text)
		}
	case 'n': // null
	default:
		all = append(all, string(value))
	}
	return all
}
