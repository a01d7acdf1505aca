//go:build linux

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// The layout of the chart, in its own units.
const (
	chartWidth = 840
	labelWidth = 270
	noteWidth  = 190
	barHeight  = 16
	barStride  = 22
	headHeight = 34
	margin     = 16
)

// drawChart returns an SVG image: for each workload a bar for each server, as long as
// the median of what is compared; ours in colour, and the ratio beside the others.
func drawChart(all []outcome) []byte {
	height := 2 * margin
	for _, o := range all {
		height += headHeight + barStride*len(o.rows)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+
		"\n", chartWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", chartWidth, height)
	y := margin
	for _, o := range all {
		y = o.draw(&b, y)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// draw draws one workload from y down, and returns where it ends.
func (o outcome) draw(b *bytes.Buffer, y int) int {
	unit, longest := "us of CPU an answer", 0.0
	if o.work == bulk {
		unit = "s to the first right answer"
	}
	for _, r := range o.rows {
		longest = max(longest, o.median(r))
	}
	text(b, margin, y+18, "#111111", "bold", fmt.Sprintf("%s: %s", o.work, unit))
	y += headHeight
	for _, r := range o.rows {
		median, colour := o.median(r), "#9aa5b1"
		if r.ours {
			colour = "#d9730d"
		}
		room := float64(chartWidth - labelWidth - noteWidth - 2*margin)
		length := 0.0
		if longest > 0 {
			length = max(1, room*median/longest)
		}
		text(b, margin, y+12, "#333333", "normal", r.name)
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" rx="2" fill="%s"/>`+"\n", margin+labelWidth, y, length,
			barHeight, colour)
		text(b, margin+labelWidth+int(length)+6, y+12, "#333333", "normal", o.note(r))
		y += barStride
	}
	return y
}

// note is what stands beside a bar.
func (o outcome) note(r *row) string {
	note := fmt.Sprintf("%.2f", o.median(r))
	s, ok := o.ratio(r)
	switch {
	case !ok || r == o.rows[0]:
	case r.ours:
		note += fmt.Sprintf("  (%.2f of the first)", s.median)
	default:
		note += fmt.Sprintf("  (inside53: %.2f of it)", s.median)
	}
	return note
}

// median returns the median of what is compared; 0 when there is nothing.
func (o outcome) median(r *row) float64 {
	v := values(o.figures(r))
	if len(v) == 0 {
		return 0
	}
	return spreadOf(v).median
}

func text(b *bytes.Buffer, x, y int, colour, weight, words string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s" font-weight="%s">`, x, y, colour, weight)
	_ = xml.EscapeText(b, []byte(words)) // a Buffer takes all
	b.WriteString("</text>\n")
}
