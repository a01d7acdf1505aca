package resolver

import (
	"fmt"
	"slices"
	"strings"
)

// differences compares an answer with that of a client outside, and names what makes
// the difference.
func differences(inside, outside *Explanation) []Step {
	only, gone := without(inside.Answer, outside.Answer), without(outside.Answer, inside.Answer)
	if inside.Rcode == outside.Rcode && len(only)+len(gone) == 0 {
		return []Step{{Step: "same", Why: "a client outside gets the same records" + aside(inside, outside)}}
	}
	var steps []Step
	if inside.Rcode != outside.Rcode {
		steps = append(steps, Step{Step: "rcode", Why: fmt.Sprintf("%s here, %s outside", inside.Rcode, outside.Rcode)})
	}
	for _, record := range only {
		steps = append(steps, Step{Step: "only here", Why: record})
	}
	for _, record := range gone {
		steps = append(steps, Step{Step: "only outside", Why: record})
	}
	return append(steps, Step{Step: "because", Why: cause(inside, outside)})
}

// aside says that equal answers come from different layers.
func aside(inside, outside *Explanation) string {
	why := deciders(inside, outside)
	if why == "" {
		return ""
	}
	return "; " + why
}

// cause names the first thing that the two ways have different.
func cause(inside, outside *Explanation) string {
	why := deciders(inside, outside)
	if why != "" {
		return why
	}
	var moved []string
	for _, step := range inside.Steps {
		if strings.HasPrefix(step.Step, "address ") && strings.HasPrefix(step.Why, "becomes ") {
			moved = append(moved, strings.TrimPrefix(step.Step, "address ")+" "+step.Why)
		}
	}
	if len(moved) > 0 {
		return "both have the same records, but addresses are translated here: " + strings.Join(moved, "; ")
	}
	return "not known: the same layers decide"
}

// deciders compares what decided, name by name; "" when that is the same.
func deciders(inside, outside *Explanation) string {
	if inside.View == "" {
		return "the client has no view here"
	}
	for i := range inside.decisions {
		here := inside.decisions[i]
		if i >= len(outside.decisions) {
			return here.name + ": only the way here leads to it"
		}
		there := outside.decisions[i]
		switch {
		case here.name != there.name:
			return fmt.Sprintf("the way here leads to %s, outside to %s", here.name, there.name)
		case here.by != there.by:
			return fmt.Sprintf("%s: decided here by %s, outside by %s", here.name, here.by, there.by)
		case here.choice != there.choice:
			return fmt.Sprintf("%s: %s here, for a client in %s; %s outside, for one in %s", here.name, here.choice,
				placeText(here.place), there.choice, placeText(there.place))
		}
	}
	if len(outside.decisions) > len(inside.decisions) {
		return outside.decisions[len(inside.decisions)].name + ": only the way outside leads to it"
	}
	return ""
}

// without returns the records of a that b doesn't have, TTLs aside.
func without(a, b []string) (only []string) {
	for _, record := range a {
		if !slices.ContainsFunc(b, func(o string) bool { return ageless(o) == ageless(record) }) {
			only = append(only, record)
		}
	}
	return only
}

// ageless is the text of a record without its TTL, the second word.
func ageless(record string) string {
	owner, rest, _ := strings.Cut(record, " ")
	_, rest, _ = strings.Cut(rest, " ")
	return strings.ToLower(owner) + " " + rest
}
