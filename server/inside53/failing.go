package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"inside53/server/admin"
)

const (
	// failingShown is how many parts status names.
	failingShown = 10
	// lostShown is how many of the names that would go it names.
	lostShown = 3
)

// failing asks which parts can't be read or are held back.
func (f *serverFlags) failing(ctx context.Context) ([]admin.Part, error) {
	at, err := parseAdmin(f.admin)
	if err != nil {
		return nil, usage{err}
	}
	body, err := requestAdmin(ctx, at, http.MethodGet, "/parts", url.Values{"failing": {"true"}, "limit": {"1000"}})
	if err != nil {
		return nil, err
	}
	var parts []admin.Part
	err = json.Unmarshal(body, &parts)
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", at, err)
	}
	return parts, nil
}

// showFailing prints which parts can't be read or are held back, and what helps.
func (f *serverFlags) showFailing(c console, parts []admin.Part) error {
	if len(parts) == 0 {
		return nil
	}
	rows, helps := [][]string{{"\nPART", "NEXT", "STATE"}}, []string(nil)
	for i := range parts {
		if i == failingShown {
			rows = append(rows, []string{fmt.Sprintf("and %d more: see /parts", len(parts)-i)})
			break
		}
		row, help := failingRow(&parts[i])
		rows, helps = append(rows, row), append(helps, help)
	}
	likewise(rows[1:])
	err := c.table(rows)
	if err == nil {
		_, err = fmt.Fprint(c.out, hintsOf(helps, f.atServer()))
	}
	return err
}

// failingRow is the line of a part, and the command that helps: "" for none.
func failingRow(p *admin.Part) (row []string, help string) {
	name := p.Key
	if p.Zone != "" {
		name = p.Zone + " (" + p.Key + ")"
	}
	next := "-"
	if p.NextSeconds != nil {
		next = "in " + age(*p.NextSeconds)
	}
	state := []string{}
	if p.Shrunk != nil {
		state = append(state, heldText(p.Shrunk))
		_, own, _ := strings.Cut(p.Key, " ")
		help = "inside53 accept " + strings.TrimPrefix(strings.TrimPrefix(own, "zone/"), "/") +
			"  # if that is meant; else it ends with the next reading that is whole"
	}
	if p.Error != "" {
		state = append(state, firstLine([]byte(briefError(p.Error))))
		switch {
		case help != "":
		case strings.Contains(p.Error, "NoSuchHostedZone"):
			help = "inside53 refresh  # it has the list of zones be read, too"
		case strings.Contains(p.Error, "api error"):
			help = "inside53 check --aws --config FILE  # which permission is missing, and whether the budget is enough"
		}
	}
	return []string{name, next, strings.Join(state, "; ")}, help
}

// briefError is an error without what the SDK of AWS says of the request: which service and operation it was, and
// what came of it, remain. /parts and the log have all of it.
func briefError(text string) string {
	request := regexp.MustCompile(`operation error ([^:]+): (\w+), (exceeded maximum number of attempts, \d+, )?` +
		`(https? response error StatusCode: \d+, RequestID: [^,]*, )?(request send failed, )?(api error )?`)
	return request.ReplaceAllString(text, "$1 $2: ")
}

// likewise leaves out why a part can't be read where that is why the one above it can't.
func likewise(rows [][]string) {
	before := ""
	for _, row := range rows {
		last := len(row) - 1
		what, cause, _ := strings.Cut(row[last], ": ")
		if cause != "" && cause == before {
			row[last] = what + ": likewise"
		}
		before = cause
	}
}

// heldText says what would go with a listing that is held back.
func heldText(l *admin.LostNames) string {
	text := fmt.Sprintf("held back: %d would become %d", l.Before, l.Now)
	if l.Now == 0 {
		text = fmt.Sprintf("held back: it isn't listed any more, with its %d records", l.Before)
	}
	shown := l.Names[:min(len(l.Names), lostShown)]
	if len(shown) > 0 {
		text += ", without " + strings.Join(shown, ", ")
	}
	if more := len(l.Names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// hintsOf are the lines of commands that help, each once.
func hintsOf(commands []string, at string) string {
	var text strings.Builder
	seen := map[string]bool{}
	for _, line := range commands {
		command, why, _ := strings.Cut(line, "  # ")
		if command == "" || seen[command] {
			continue
		}
		seen[command] = true
		if !strings.Contains(command, " check ") {
			command += at
		}
		fmt.Fprintf(&text, "hint: %s (%s)\n", command, why)
	}
	return text.String()
}

// atServer is the flag that asks the same server.
func (f *serverFlags) atServer() string {
	if f.admin == defaultAdmin {
		return ""
	}
	return " --admin " + f.admin
}
