package awscall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestBind: an operation is the method that it was made of, without options.
func TestBind(t *testing.T) {
	type options struct{}
	op := Bind("route53", "ListThings", func(_ context.Context, in *int, o ...func(*options)) (*string, error) {
		out := fmt.Sprint(*in, len(o))
		return &out, nil
	})
	in := 7
	out, err := op.Call(t.Context(), &in)
	if err != nil || *out != "7 0" || op.Action() != "route53:ListThings" {
		t.Errorf("%q, %v, %s", *out, err, op.Action())
	}
}

func TestPages(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		next  map[string]string // by token
		asked string
		err   string // "" for none
	}{
		{"one", map[string]string{"": ""}, "-", ""},
		{"three", map[string]string{"": "a", "a": "b", "b": ""}, "- a b", ""},
		{"to itself", map[string]string{"": "a", "a": "a"}, "- a", "listing: page 2: the page doesn't advance"},
		{"in a circle", map[string]string{"": "a", "a": "b", "b": "a"}, "- a b", "listing: page 3: the page doesn't advance"},
		{"fails", map[string]string{"": "a"}, "- a", "broken"},
	} {
		var asked []string
		err := Pages("listing", func(token string) (string, error) {
			pointer := Token(token)
			if (pointer == nil) != (token == "") || pointer != nil && *pointer != token {
				t.Errorf("%s: %q is %v", tt.name, token, pointer)
			}
			if token == "" {
				asked = append(asked, "-")
			} else {
				asked = append(asked, token)
			}
			next, there := tt.next[token]
			if !there {
				return "", broken
			}
			return next, nil
		})
		if strings.Join(asked, " ") != tt.asked || err == nil != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: asked for %q, %v", tt.name, asked, err)
		}
	}
}

// TestPagesEnd: a listing whose pages have no end is given up.
func TestPagesEnd(t *testing.T) {
	n := 0
	err := Pages("listing", func(int) (int, error) { n++; return n, nil })
	if n != maxPages || err == nil || !strings.Contains(err.Error(), "more than 100000 pages") {
		t.Errorf("%d pages, %v", n, err)
	}
}

// TestPagesOfPositions: tokens may be of any kind that can be compared.
func TestPagesOfPositions(t *testing.T) {
	type position struct{ name, kind string }
	list := []position{{}, {"a.", "A"}, {"a.", "AAAA"}}
	var asked []position
	err := Pages("listing", func(at position) (position, error) {
		asked = append(asked, at)
		if len(asked) == len(list) {
			return position{}, nil
		}
		return list[len(asked)], nil
	})
	if err != nil || !slices.Equal(asked, list) {
		t.Errorf("asked for %v, %v", asked, err)
	}
}
