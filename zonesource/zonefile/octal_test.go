package zonefile

import (
	"slices"
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// TestOctalNames: a name that AWS has printed is read as master files are, and the report says so.
func TestOctalNames(t *testing.T) {
	content := load(t, head3+"ns A 192.0.2.1\n\\052.dev A 192.0.2.2\n\\042.lab A 192.0.2.3\n"+
		"c CNAME \\052.dev\nt TXT plain \"a\\052\"\nq TXT \"a\\042\" \\\\052\n")
	tree, problems := content.Tree, content.Problems
	for name, want := range map[string]bool{"4.dev.example.com.": true, "*.dev.example.com.": false,
		"*.lab.example.com.": true} {
		if tree.Lookup(zone.MustName(name)).Exists() != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
	var hinted []string
	for _, p := range problems {
		if strings.Contains(p.Reason, `AWS's \052 is *`) {
			hinted = append(hinted, p.Name)
		}
	}
	want := []string{"4.dev.example.com.", "c.example.com.", "t.example.com."}
	if !slices.Equal(hinted, want) || len(problems) != len(want) {
		t.Errorf("problems %+v", problems)
	}
}
