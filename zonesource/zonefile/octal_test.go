package zonefile

import (
	"strings"
	"testing"

	"inside53/resolver/zone"
)

// TestOctalNames: a name that AWS has printed is read as master files are, and the report says so.
func TestOctalNames(t *testing.T) {
	content := load(t, head3+"ns A 192.0.2.1\n\\052.dev A 192.0.2.2\n\\042.lab A 192.0.2.3\n")
	tree, problems := content.Tree, content.Problems
	for name, want := range map[string]bool{"4.dev.example.com.": true, "*.dev.example.com.": false,
		"*.lab.example.com.": true} {
		if tree.Lookup(zone.MustName(name)).Exists() != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
	if len(problems) != 1 || problems[0].Name != "4.dev.example.com." ||
		!strings.Contains(problems[0].Reason, `AWS's \052 is *`) {
		t.Errorf("problems %+v", problems)
	}
}
