package ec2

import (
	"bytes"
	"strings"
	"testing"

	"inside53/zonesource"
)

// TestCutting: what is cut comes together again, and a page that isn't what EC2 writes isn't cut.
func TestCutting(t *testing.T) {
	page, begin := string(instancesPage(0, 2, 0)), []byte("<reservationId>")
	c, ok := instanceForm.cutPage([]byte(page), true, zonesource.Sum{1})
	if !ok || len(c.chunks) < 30 {
		t.Fatalf("%d chunks, %t", len(c.chunks), ok)
	}
	all := instanceForm.chunksOf([]zonesource.Page{{Of: instanceForm.operation, Chunks: c.sums(&instanceForm, nil)}})
	differing, same := c.divide(0, len(c.chunks), nil)
	if string(differing) != page || len(same) > 0 {
		t.Error("where nothing is known another page differs")
	}
	differing, same = c.divide(0, len(c.chunks), all)
	if bytes.Contains(differing, begin) || bytes.Count(same, begin) != pageSize {
		t.Error("where all is known something differs")
	}
	changed, ok := instanceForm.cutPage(instancesPage(0, 2, 1), true, zonesource.Sum{1})
	differing, same = changed.divide(0, len(changed.chunks), all)
	n := bytes.Count(differing, begin)
	if !ok || n == 0 || n > pageSize/5 || n+bytes.Count(same, begin) != pageSize {
		t.Errorf("%d reservations differ", n)
	}
	other, _ := instanceForm.cutPage([]byte(page), true, zonesource.Sum{2})
	if other.chunks[0].sum == c.chunks[0].sum {
		t.Error("the sums of another program count")
	}
	turned := strings.ReplaceAll(page, "<item><reservationId>", "<item> <ownerId>2</ownerId> <reservationId>")
	if c, ok := instanceForm.cutPage([]byte(turned), true, zonesource.Sum{}); !ok || len(c.chunks) < 30 {
		t.Error("the order of elements matters")
	}
	if _, ok := instanceForm.cutPage(tokenFirst([]byte(page)), true, zonesource.Sum{}); !ok {
		t.Error("a page whose token stands before its items isn't cut")
	}
	for what, odd := range map[string]string{
		"nothing": "", "no reservations": "<a></a>", "cut short": page[:len(page)/2],
		"a comment":        strings.Replace(page, "<item>", "<!-- --><item>", 1),
		"something before": strings.Replace(page, "<item>", "<x/><item>", 1),
		"an item too many": strings.Replace(page, "<item>", "<item><item>", 1),
		"two tokens":       strings.Replace(page, "<requestId>", "<nextToken>a</nextToken><requestId>", 1),
		"no token":         strings.ReplaceAll(page, "nextToken", "other"),
	} {
		if _, ok := instanceForm.cutPage([]byte(odd), true, zonesource.Sum{}); ok {
			t.Errorf("%s is cut", what)
		}
	}
}
