//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inside53/server/bench/dataset"
	"inside53/server/bench/load"
)

// growing is a sweep whose costs grow with so steep an exponent, but for a change, which costs what is said.
func growing(name string, exponent float64, change ...time.Duration) measured {
	m := measured{sweep: sweep{name: name}}
	for i, d := range change {
		n := int(math.Pow10(i + 1))
		v := math.Pow(float64(n), exponent)
		m.settings = append(m.settings, n)
		m.costs = append(m.costs, cost{ready: time.Duration(v * 1e6), saved: time.Duration(v * 1e6),
			idle: time.Duration(v * 1e6), change: d, rss: int64(v * 1e6), disk: int64(v * 1e3)})
	}
	return m
}

func TestScaleFaults(t *testing.T) {
	for _, c := range []struct {
		m    measured
		want string // in the error; "": none
	}{
		{growing("straight", 1, 8*time.Millisecond, 9*time.Millisecond, 15*time.Millisecond), ""},
		{growing("small", 0.5, 1, time.Millisecond, 4*time.Millisecond), ""},
		{growing("steep", 1.3, time.Millisecond, time.Millisecond), "steep: CPU to ready grows with exponent 1.30"},
		{growing("with all", 1, 4*time.Millisecond, 9*time.Millisecond), "with all: one change costs 2.2 times as much"},
	} {
		err := scaleFaults([]measured{c.m})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.m.name, err, c.want)
		}
	}
}

// TestPairs: reading counts as felt where it was in most rounds.
func TestPairs(t *testing.T) {
	felt := pairing{rate: 200, refreshing: []float64{1, 4.5, 30}, still: []float64{1, 2, 3}}
	other := pairing{rate: 20_000, refreshing: []float64{90, 4, 5}, still: []float64{1, 3, 3}}
	err := pairFaults([]pairing{felt, other})
	if err == nil || !strings.Contains(err.Error(), "at 200 queries a second the p99.9 is worse by 2.5ms") ||
		strings.Contains(err.Error(), "20000") {
		t.Error(err)
	}
	text := pairTable(pairSizeOf("small"), []pairing{felt, other})
	if !strings.Contains(text, "| 20000 |") || !strings.Contains(text, "| 2.50 ms |") {
		t.Error(text)
	}
	s, err := dataset.NewStream("scale", 1)
	if err != nil {
		t.Fatal(err)
	}
	query := make([]byte, load.MaxQuery)
	n, want := s.Next(query)
	if !strings.Contains(string(query[:n]), "\x0azone-00000") || want.Length != 4 {
		t.Errorf("%q, %+v", query[:n], want)
	}
}

func TestScaleReport(t *testing.T) {
	all := []measured{growing("zones", 1, 1e6, 1e6, 1e6), growing("views", 0.5, 1e6, 1e6)}
	text := scaleTable(all)
	for _, want := range []string{"| 1000 zones | 1000.0 ms |", "| *exponent* | *1.00* |", "| 10 views |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	d := xml.NewDecoder(strings.NewReader(string(scaleChart(all))))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestScaleAccounts: each sweep's data are what the simulator reads, and its configuration names them.
func TestScaleAccounts(t *testing.T) {
	for _, s := range sweeps() {
		dir := t.TempDir()
		n := s.small[0]
		err := s.account(n).Write(dir)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		cloud, err := newCloud(os.DirFS(dir))
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if zones := s.account(n).Zones; zones > 0 && len(cloud.sim.Records(dataset.ScaleZoneID(zones-1))) < 2 {
			t.Errorf("%s: the last zone has no records", s.name)
		}
		sections, err := s.sections(n, dir)
		if err != nil || !strings.HasSuffix(sections, "\n") {
			t.Errorf("%s: %q, %v", s.name, sections, err)
		}
		err = cloud.close()
		if err != nil {
			t.Error(err)
		}
	}
	size, err := sizeOf(filepath.Join("testdata", "nothing"))
	if size != 0 || err == nil {
		t.Errorf("%d octets, %v", size, err)
	}
	used, err := processorTime(os.Getpid())
	if used <= 0 || err != nil {
		t.Errorf("%v of processor time, %v", used, err)
	}
}
