package server

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestExampleCosts works the table of costs out again.
func TestExampleCosts(t *testing.T) {
	const (
		hours   = 730.0
		minutes = 60 * hours
		seconds = 60 * minutes
		put     = 0.005 / 1000 // and LIST
		get     = 0.0004 / 1000
		changes = 10000
	)
	rows := regexp.MustCompile(`(?m)^\| ([0-9,]+) \| ([0-9,]+) \| ([0-9,]+) \| ([0-9,]+) \| ([0-9,]+) \| ([0-9,]+) \|$`).
		FindAllStringSubmatch(readExample(t, "deploy/README.md"), -1)
	if len(rows) != 3 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		var said [6]float64
		for i := range said {
			n, err := strconv.ParseFloat(strings.ReplaceAll(row[i+1], ",", ""), 64)
			if err != nil {
				t.Fatal(err)
			}
			said[i] = n
		}
		n := said[0]
		followers := n - 1
		near := math.Min(followers, 5)
		lease := seconds/3*put + (near*seconds/3+(followers-near)*seconds/15)*get
		head := n * seconds / 5 * get
		members := n*minutes*put + (4+followers)*minutes*put // the leader lists them each 15 s
		members += (1 + followers/10) * n * minutes * get    // and reads them each minute, the others each ten
		commits := changes * (4*put + n*4*get)
		want := [6]float64{2: n * (0.0168*hours + 8*0.08), 3: hours * (0.0225 + 0.006*said[1]/400),
			4: lease + head + members + commits}
		want[5] = want[2] + want[3] + want[4]
		for i := 2; i < 6; i++ {
			if math.Abs(said[i]-want[i]) > 1+want[i]/200 {
				t.Errorf("%v servers, column %d: %v, want %.1f", n, i+1, said[i], want[i])
			}
		}
	}
}
