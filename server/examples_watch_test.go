package server

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
)

// alertRules are the rules in alerts.yaml.
type alertRules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func readAlerts(t *testing.T) alertRules {
	t.Helper()
	var rules alertRules
	err := yaml.Unmarshal([]byte(readExample(t, "alerts.yaml")), &rules)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// wantMetrics reports metrics of ours that a query names and that there are none of.
func wantMetrics(t *testing.T, where, query string) (named int) {
	t.Helper()
	have := ownMetrics(t)
	for _, name := range regexp.MustCompile(`\binside53_[a-z_0-9]+`).FindAllString(query, -1) {
		named++
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		if !slices.Contains(have, name) && !slices.Contains(have, base) {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
	return named
}

// TestExampleAlerts holds the rules to the metrics that there are; what fires when is for promtool.
func TestExampleAlerts(t *testing.T) {
	seen := map[string]bool{}
	for _, group := range readAlerts(t).Groups {
		for _, rule := range group.Rules {
			if seen[rule.Alert] || rule.Alert == "" {
				t.Errorf("%q is there twice, or has no name", rule.Alert)
			}
			seen[rule.Alert] = true
			if wantMetrics(t, rule.Alert, rule.Expr) == 0 && rule.Alert != "Inside53Away" {
				t.Errorf("%s looks at no metric of ours", rule.Alert)
			}
			if !slices.Contains([]string{"critical", "warning", "info"}, rule.Labels["severity"]) ||
				rule.Annotations["summary"] == "" || rule.Annotations["do"] == "" {
				t.Errorf("%s says %v, %v", rule.Alert, rule.Labels, rule.Annotations)
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d rules", len(seen))
	}
}

// TestExampleDashboard holds the dashboard to the metrics that there are.
func TestExampleDashboard(t *testing.T) {
	var board struct {
		Title, UID string
		Panels     []struct {
			ID          int
			Title, Type string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ RefID, Expr, LegendFormat string }
		}
	}
	err := json.Unmarshal([]byte(readExample(t, "grafana/inside53.json")), &board)
	if err != nil {
		t.Fatal(err)
	}
	ids, places, named := map[int]bool{}, map[[2]int]bool{}, 0
	for _, p := range board.Panels {
		place := [2]int{p.GridPos.X, p.GridPos.Y}
		if ids[p.ID] || places[place] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("the panel %s is number %d at %v", p.Title, p.ID, p.GridPos)
		}
		ids[p.ID], places[place] = true, true
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("the panel %s shows %d queries", p.Title, len(p.Targets))
		}
		for _, target := range p.Targets {
			if target.LegendFormat == "" || wantMetrics(t, p.Title, target.Expr) == 0 {
				t.Errorf("%s: %q looks at no metric of ours, or has no name", p.Title, target.Expr)
			}
			named++
		}
	}
	if board.UID != "inside53" || named < 30 {
		t.Errorf("the board %s has %d queries", board.UID, named)
	}
}
