//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"
)

// measured is a sweep with what its settings cost.
type measured struct {
	sweep
	settings []int
	costs    []cost
}

const (
	// mostExponent is how steeply a cost may grow with what there is: a little more than straight.
	mostExponent = 1.1
	// mostGrowth is by how much the cost of one change may grow from the smallest to the largest setting.
	mostGrowth = 2.0
	// leastChange is what a change may cost in any case: less isn't told from the noise.
	leastChange = 5 * time.Millisecond
)

// measure is one of the things that a setting costs.
type measure struct {
	name string
	of   func(cost) float64
	text func(cost) string
}

func measures() []measure {
	span := func(name string, of func(cost) time.Duration) measure {
		return measure{name, func(c cost) float64 { return float64(of(c)) },
			func(c cost) string { return fmt.Sprintf("%.1f ms", of(c).Seconds()*1e3) }}
	}
	octets := func(name string, of func(cost) int64) measure {
		return measure{name, func(c cost) float64 { return float64(of(c)) },
			func(c cost) string { return fmt.Sprintf("%.1f MiB", float64(of(c))/(1<<20)) }}
	}
	return []measure{
		span("CPU to ready", func(c cost) time.Duration { return c.ready }),
		span("from saved state", func(c cost) time.Duration { return c.saved }),
		span("idle, a cycle", func(c cost) time.Duration { return c.idle }),
		span("one change", func(c cost) time.Duration { return c.change }),
		octets("RSS", func(c cost) int64 { return c.rss }),
		octets("on disk", func(c cost) int64 { return c.disk }),
	}
}

// exponent is the slope of a cost over the settings, both in logarithms, by least squares. What a start costs in any
// case makes it smaller, never greater.
func (m measured) exponent(of func(cost) float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for i, setting := range m.settings {
		v := of(m.costs[i])
		if v <= 0 {
			continue
		}
		x, y := math.Log(float64(setting)), math.Log(v)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	d := n*sxx - sx*sx
	if n < 2 || d == 0 {
		return 0
	}
	return (n*sxy - sx*sy) / d
}

// growth is the cost of a change at the largest setting for one at the smallest.
func (m measured) growth() float64 {
	first, last := m.costs[0].change, m.costs[len(m.costs)-1].change
	return float64(last) / float64(max(first, time.Microsecond))
}

// scaleTable is what was measured, as Markdown.
func scaleTable(all []measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s with %s on %d processors, AWS simulated on the same machine; cycles of a second, of "+
		"checks of one and a half.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU())
	b.WriteString("A change is an UPDATE by DNS; of instances a tag that the next reading finds, of files one that is " +
		"written, of checks one that flips.\n\n")
	b.WriteString("| what there is | CPU to ready | from saved state | idle, a cycle | one change | RSS | on disk |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, m := range all {
		for i, n := range m.settings {
			fmt.Fprintf(&b, "| %d %s |", n, m.name)
			for _, one := range measures() {
				fmt.Fprintf(&b, " %s |", one.text(m.costs[i]))
			}
			b.WriteString("\n")
		}
		b.WriteString("| *exponent* |")
		for _, one := range measures() {
			fmt.Fprintf(&b, " *%.2f* |", m.exponent(one.of))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// scaleFaults names what grows more than it may.
func scaleFaults(all []measured) error {
	var faults []error
	for _, m := range all {
		for _, one := range measures() {
			if one.name == "one change" {
				continue
			}
			if e := m.exponent(one.of); e > mostExponent {
				faults = append(faults, fmt.Errorf("%s: %s grows with exponent %.2f; %.1f is the most", m.name,
					one.name, e, mostExponent))
			}
		}
		if last := m.costs[len(m.costs)-1].change; m.growth() > mostGrowth && last > leastChange {
			faults = append(faults, fmt.Errorf("%s: one change costs %.1f times as much at the largest setting (%s); "+
				"%.0f is the most", m.name, m.growth(), last.Round(10*time.Microsecond), mostGrowth))
		}
	}
	return errors.Join(faults...)
}

// scaleChart draws, for each sweep, how its costs grow: both axes are logarithmic, each cost for that of the smallest
// setting.
func scaleChart(all []measured) []byte {
	const width, height, columns, pad = 280, 190, 3, 34
	colours := []string{"#d9730d", "#2f6f9f", "#5b8c5a", "#9b4f96", "#9aa5b1", "#6b705c"}
	rows := (len(all) + columns - 1) / columns
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		"font-size=\"11\">\n",
		columns*width, rows*height+24)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	for i, one := range measures() {
		text(&b, 16+i*130, 16, colours[i], "bold", one.name)
	}
	for i, m := range all {
		left, top := i%columns*width+pad, i/columns*height+24+pad/2
		w, h := float64(width-2*pad), float64(height-2*pad)
		first, last := float64(m.settings[0]), float64(m.settings[len(m.settings)-1])
		span := math.Log(last / first)
		text(&b, left, top+8, "#111111", "bold",
			fmt.Sprintf("%s, %d to %d", m.name, m.settings[0], m.settings[len(m.settings)-1]))
		fmt.Fprintf(&b, `<path d="M%d %.1f L%.1f %.1f" stroke="#dddddd" stroke-dasharray="3 3"/>`+"\n", left,
			float64(top)+h+12, float64(left)+w, float64(top)+12)
		for k, one := range measures() {
			base := max(one.of(m.costs[0]), 1)
			fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.6" points="`, colours[k])
			for j, n := range m.settings {
				x := math.Log(float64(n)/first) / span
				y := math.Log(max(one.of(m.costs[j]), 1)/base) / span
				fmt.Fprintf(&b, "%.1f,%.1f ", float64(left)+x*w, float64(top)+12+h*(1-min(max(y, -0.05), 1.1)))
			}
			b.WriteString("\"/>\n")
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
