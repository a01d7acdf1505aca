package server

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inside53/server/admin"
)

// TestProgramDangling finds records that lead to what is gone: an address that was ours, a name
// that no zone has, one that nobody outside knows; also after a restart, and not before the last of
// them is mended.
func TestProgramDangling(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, c.config())
	lines := func() (all []string) {
		var problems []admin.Problem
		p.into(t, "/report", &problems)
		for _, one := range problems {
			if strings.HasPrefix(one.Reason, "dangling: ") {
				all = append(all, one.Name+" "+one.Type+" "+strings.Join(strings.Fields(one.Reason)[1:4], " "))
			}
		}
		slices.Sort(all)
		return all
	}
	before := lines()
	c.change(t, publicZone, "CREATE lost.example.com CNAME never-was.example.com",
		"CREATE away.example.com CNAME nobody.example.org", "CREATE there.example.com CNAME www.example.org",
		"CREATE host.example.com CNAME ec2-198-51-100-77.eu-west-1.compute.amazonaws.com")
	want := []string{
		"away.example.com. CNAME leads to nobody.example.org.,",
		"host.example.com. CNAME leads to ec2-198-51-100-77.eu-west-1.compute.amazonaws.com.,",
		"lost.example.com. CNAME leads to never-was.example.com.,",
	}
	want = append(want, before...)
	slices.Sort(want)
	p.await(t, "names that are gone are found", func() bool { return slices.Equal(lines(), want) })

	// The address of the bastion goes to somebody else.
	move := func(from, to string) {
		for _, name := range []string{"describe-instances", "describe-network-interfaces", "describe-addresses"} {
			name = "eu-west-1/" + name + ".json"
			text, err := os.ReadFile(filepath.Join(examples, "demo", name))
			if err == nil {
				err = c.Replace(name, []byte(strings.ReplaceAll(string(text), `"`+from+`"`, `"`+to+`"`)))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	p.await(t, "the addresses are known", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "state", "addresses"))
		return err == nil
	})
	move("203.0.113.10", "203.0.113.250")
	has := func() bool { return slices.Contains(lines(), "bastion.example.com. A leads to 203.0.113.10,") }
	p.await(t, "the address is found", has)
	for kind, n := range map[string]string{"address": "1", "outside": "1"} {
		got, _ := p.metric(t, `inside53_dangling_records{kind="`+kind+`"}`)
		if got != n {
			t.Errorf("%s records by %s, want %s", got, kind, n)
		}
	}
	_, known := p.metric(t, `inside53_dangling_records{kind="shared"}`)
	if !known {
		t.Error("no metric of names that environments share")
	}
	p.end(t)
	p = s.ready(t, c.config())
	p.await(t, "it is known after a restart", has)
	move("", "")
	p.await(t, "it is ours again", func() bool { return !has() })
}
