package nametemplate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// facts are the values of an instance, by the placeholder's text.
type facts map[string][]string

func (f facts) values(p Placeholder) []string { return f[p.String()] }

// namesOf returns the names that templates and words give an instance, with their sources.
func namesOf(t *testing.T, f facts, tagKey string, texts ...string) []string {
	t.Helper()
	templates, err := ParseAll(texts, tagKey)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, one := range templates {
		names, err := one.Names(f.values)
		if err != nil {
			out = append(out, err.Error())
		}
		for _, n := range names {
			out = append(out, n.Text+" by "+n.From)
		}
	}
	return out
}

func TestNames(t *testing.T) {
	many := make([]string, 70)
	for i := range many {
		many[i] = fmt.Sprint("n", i)
	}
	f := facts{
		"tag:dns": {"web", "api"}, "tag:Name": {"Web 1"}, "tag:role": {"web"}, "tag:env": {"prod", "dr"},
		"security-group": {"app", "ssh"}, "id": {"i-0abc"}, "region": {"eu-west-1"}, "az": {"eu-west-1a"},
		"vpc": {"vpc-1"}, "account": {"111111111111"}, "asg": {"web-asg"}, "ordinal": {"3"}, "tag:many": many,
	}
	for _, test := range []struct {
		key   string
		texts []string
		want  []string
	}{
		{"dns", []string{"tag", "Name"}, []string{"web by dns tag", "api by dns tag"}},
		{"none", []string{"tag", "Name"}, []string{"Web 1 by Name tag"}},
		{"none", []string{"Name", "tag"}, []string{"Web 1 by Name tag"}},
		{"Name", []string{"tag", "Name"}, []string{"Web 1 by Name tag"}},
		{"dns", []string{"Name"}, []string{"Web 1 by Name tag"}},
		{"none", []string{"tag"}, nil},
		{"dns", []string{"tag", "security-group"},
			[]string{"web by dns tag", "api by dns tag", "app by security group", "ssh by security group"}},
		{"", []string{"{tag:dns}", "{tag:Name}"}, []string{"web by dns tag", "api by dns tag", "Web 1 by Name tag"}},
		{"", []string{"{tag:none|security-group}"}, []string{"app by security group", "ssh by security group"}},
		{"", []string{"{tag:dns | security-group}"}, []string{"web by dns tag", "api by dns tag"}},
		{"", []string{"{tag:role}.{tag:env}.example.com."}, []string{
			"web.prod.example.com. by {tag:role}.{tag:env}.example.com.",
			"web.dr.example.com. by {tag:role}.{tag:env}.example.com.",
		}},
		{"", []string{"{asg|tag:role}-{ordinal|id}"}, []string{"web-asg-3 by {asg|tag:role}-{ordinal|id}"}},
		{"", []string{"{id}.{az}.{region}.{vpc}.{account}"},
			[]string{"i-0abc.eu-west-1a.eu-west-1.vpc-1.111111111111 by {id}.{az}.{region}.{vpc}.{account}"}},
		{"", []string{"{tag:role}-{tag:none}"}, nil},
		{"", []string{"{tag:many}-{tag:many}"}, []string{"{tag:many}-{tag:many}: gives more than 64 names"}},
	} {
		if diff := cmp.Diff(test.want, namesOf(t, f, test.key, test.texts...)); diff != "" {
			t.Errorf("%q with the key %q (-want +got)\n%s", test.texts, test.key, diff)
		}
	}
	got := namesOf(t, f, "", "{tag:many}")
	if len(got) != 1+Most || got[0] != "{tag:many}: gives more than 64 names; the first 64 count" {
		t.Errorf("of 70 names there are %d, first %q", len(got)-1, got[0])
	}
}

func TestFaults(t *testing.T) {
	long := strings.Repeat("a", 64)
	known := " which is none of {tag:KEY}, {security-group}, {asg}, {ordinal}, {id}, {region}, {az}, {vpc}, {account}"
	for text, want := range map[string]string{
		"":                           `is empty; write a template like "{tag:dns}"`,
		" ":                          `is empty; write a template like "{tag:dns}"`,
		"dns":                        `"dns" has no placeholder: every instance would have this name; write {tag:dns}, say`,
		"{tag:dns":                   `"{tag:dns" has a { without a } behind it`,
		"{tag:{id}}":                 `"{tag:{id}}" has a { without a } behind it`,
		"a}-{id}":                    `"a}-{id}" has a } without a { before it`,
		"{tag}":                      `"{tag}" has a tag without its key; write {tag:dns}, say`,
		"{tag: }":                    `"{tag: }" has a tag without its key; write {tag:dns}, say`,
		"{id|id}":                    `"{id|id}" has id twice between one pair of braces`,
		"{name}":                     `"{name}" has {name},` + known,
		"{}":                         `"{}" has {},` + known,
		"{id:x}":                     `"{id:x}" has {id:x},` + known,
		"{id}..x":                    `"{id}..x" has an empty label`,
		".{id}":                      `".{id}" has an empty label`,
		"{id}.a b":                   `"{id}.a b" has the character ' ', which no host name has`,
		"{id},{az}":                  `"{id},{az}" has the character ',', which no host name has`,
		"{id}." + long:               `"{id}.` + long + `" has a label of 64 characters, 63 are allowed`,
		"{tag:" + long + long + "a}": `"{tag:` + long + long + `a}" has a tag's key of 129 octets; they have 128 at most`,
	} {
		_, err := Parse(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	_, err := ParseAll([]string{"{tag}", "tag", "{x}"}, "dns")
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two faults are %v", err)
	}
}

func TestSuffix(t *testing.T) {
	for text, want := range map[string]string{
		"{tag:dns}": "", "{tag:role}.{tag:env}": "", "{tag:role}.{tag:env}.example.com.": "example.com.",
		"{tag:role}-x.example.com": "example.com", "{tag:role}-x": "", "a.{id}": "",
	} {
		template, err := Parse(text)
		if err != nil || template.Suffix() != want {
			t.Errorf("%s: %q, %v; want %q", text, template.Suffix(), err, want)
		}
	}
}

func TestUses(t *testing.T) {
	one, err := Parse("{asg|tag:role}-{ordinal}")
	if err != nil {
		t.Fatal(err)
	}
	if !one.Uses(Ordinal) || !one.Uses(Tag) || one.Uses(ID) || one.String() != "{asg|tag:role}-{ordinal}" {
		t.Errorf("uses of %s", one)
	}
}
