package resolver

import (
	"strings"
	"testing"
)

func drawn() *Explanation {
	return &Explanation{
		Name: "www.example.com.", Type: "A", Client: "10.0.0.1", Rcode: "NOERROR", Flags: []string{"aa"},
		Answer: []string{"www.example.com. 60 IN A 10.0.0.1"},
		Steps: []Step{
			{Step: "view prod", Why: "10.0.0.1 is in 10.0.0.0/8"},
			{Step: "www.example.com. A", Why: "answered by private zone P1", Steps: []Step{
				{Step: "layer private zone P1", Why: "owns A: decides", Steps: []Step{{Step: "A records", Why: "1 record"}}},
				{Step: "layer public zone Z1", Why: "owns A: hidden by a layer above\x1b[31m"},
			}},
		},
	}
}

// TestDraw draws narrow, folded and in colour.
func TestDraw(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    Drawing
		want string
	}{
		{"plain", Drawing{}, `view prod: 10.0.0.1 is in 10.0.0.0/8
www.example.com. A: answered by private zone P1
  layer private zone P1: owns A: decides
    A records: 1 record
  layer public zone Z1: owns A: hidden by a layer above` + "\ufffd[31m"},
		{"folded", Drawing{Depth: 1}, `view prod: 10.0.0.1 is in 10.0.0.0/8
www.example.com. A: answered by private zone P1 (3 more)`},
		{"folded at two", Drawing{Depth: 2, Boxes: true}, `├─ view prod: 10.0.0.1 is in 10.0.0.0/8
└─ www.example.com. A: answered by private zone P1
   ├─ layer private zone P1: owns A: decides (1 more)
   └─ layer public zone Z1: owns A: hidden by a layer above` + "\ufffd[31m"},
		{"narrow", Drawing{Width: 34, Boxes: true}, `├─ view prod: 10.0.0.1 is in
│    10.0.0.0/8
└─ www.example.com. A: answered by
     private zone P1
   ├─ layer private zone P1: owns
   │    A: decides
   │  └─ A records: 1 record
   └─ layer public zone Z1: owns
        A: hidden by a layer` + "\n" + `        above` + "\ufffd[31m"},
		{"colours", Drawing{Paint: func(kind Paint, text string) string {
			return "<" + string("tdvgba"[kind]) + text + ">"
		}}, `<tview prod>: 10.0.0.1 is in 10.0.0.0/8
<dwww.example.com. A>: answered by private zone P1
<a  ><dlayer private zone P1>: owns A: decides
<a    ><tA records>: 1 record
<a  ><vlayer public zone Z1: owns A: hidden by a layer above` + "\ufffd[31m>"},
	} {
		_, got, _ := strings.Cut(strings.Join(drawn().Draw(tt.d), "\n"), "\n\n")
		if got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	head := drawn().Draw(Drawing{Paint: func(kind Paint, text string) string {
		if kind == Good {
			return "<" + text + ">"
		}
		return text
	}})[0]
	if head != "www.example.com. A for 10.0.0.1: <NOERROR> aa" {
		t.Errorf("the head is %q", head)
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "one": "one", "one two": "one|two", "onetwothree four": "onetw|oth|ree|fou|r", "a b c d e": "a b c|d e",
		"größer": "größe|r",
	} {
		if got := strings.Join(wrap(text, 5, 3), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
