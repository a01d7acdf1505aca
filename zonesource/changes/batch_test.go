package changes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// values is a record set of n values of the given length.
func values(name string, n, length int) RecordSet {
	set := RecordSet{Name: aws.String(name), Type: "TXT", TTL: aws.Int64(300)}
	for i := range n {
		text := fmt.Sprintf("%q", fmt.Sprintf("%0*d", length-2, i))
		set.ResourceRecords = append(set.ResourceRecords, Value{Value: &text})
	}
	return set
}

func alias(name, target, id string) RecordSet {
	return RecordSet{Name: aws.String(name), Type: "A",
		AliasTarget: &AliasTarget{DNSName: aws.String(target), HostedZoneId: aws.String(id)}}
}

func TestCost(t *testing.T) {
	tests := []struct {
		change Change
		want   Cost
	}{
		{Change{Create, values("a.", 3, 10)}, Cost{3, 30}},
		{Change{Delete, values("a.", 3, 10)}, Cost{3, 30}},
		{Change{Upsert, values("a.", 3, 10)}, Cost{6, 60}},
		{Change{Create, alias("a.", "b.", "Z1")}, Cost{1, 0}},
		{Change{Upsert, alias("a.", "b.", "Z1")}, Cost{2, 0}},
	}
	for _, test := range tests {
		got := test.change.Cost()
		if got != test.want {
			t.Errorf("%s of %d values costs %+v, want %+v", test.change.Action, len(test.change.Set.ResourceRecords), got,
				test.want)
		}
	}
}

func TestSplit(t *testing.T) {
	unit := func(n, length int) Unit { return Unit{{Create, values("a.", n, length)}} }
	tests := []struct {
		name  string
		units []Unit
		want  []Cost
	}{
		{"nothing", nil, nil},
		{"exactly full", []Unit{unit(400, 8), unit(400, 8), unit(200, 8)}, []Cost{{1000, 8000}}},
		{"one more record", []Unit{unit(400, 8), unit(400, 8), unit(200, 8), unit(1, 8)}, []Cost{{1000, 8000}, {1, 8}}},
		{"exactly the characters", []Unit{unit(80, 200), unit(80, 200)}, []Cost{{160, 32000}}},
		{"one character more", []Unit{unit(80, 200), unit(80, 200), unit(1, 3)}, []Cost{{160, 32000}, {1, 3}}},
		{"a unit is kept together", []Unit{unit(700, 8), {{Delete, values("b.", 200, 8)}, {Create, values("b.", 200, 8)}}},
			[]Cost{{700, 5600}, {400, 3200}}},
		{"creations alone may be divided",
			[]Unit{{{Create, values("c.", 400, 8)}, {Create, values("c.", 400, 8)}, {Create, values("c.", 400, 8)}}},
			[]Cost{{800, 6400}, {400, 3200}}},
	}
	for _, test := range tests {
		batches, err := Split(test.units)
		if err != nil || len(batches) != len(test.want) {
			t.Errorf("%s: %d batches, %v, want %d", test.name, len(batches), err, len(test.want))
			continue
		}
		for i, b := range batches {
			if CostOf(b) != test.want[i] {
				t.Errorf("%s: batch %d costs %+v, want %+v", test.name, i+1, CostOf(b), test.want[i])
			}
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	tests := []struct {
		unit Unit
		want string
	}{
		{Unit{{Delete, values("big.example.", 600, 8)}, {Create, values("big.example.", 600, 8)}},
			"the changes of big.example. belong into one batch and are 1200 records with 9600 characters"},
		{Unit{{Upsert, values("big.example.", 400, 50)}},
			"big.example. TXT has 800 records with 40000 characters; AWS allows 1000 with 32000"},
	}
	for _, test := range tests {
		_, err := Split([]Unit{test.unit})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}
