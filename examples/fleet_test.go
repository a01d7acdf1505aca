package examples

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
)

var draw = flag.Bool("draw", false, "write fleet.svg anew")

// TestFleetPicture holds fleet.svg, the picture of the README, to what is drawn here. With -draw it writes the file.
func TestFleetPicture(t *testing.T) {
	want := fleetPicture()
	decoder := xml.NewDecoder(bytes.NewReader(want))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
	if *draw {
		err := os.WriteFile("fleet.svg", want, 0o644)
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("fleet.svg")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("fleet.svg is not what is drawn (%v); run: go test ./examples -draw", err)
	}
}

// The colours of the picture.
const (
	ink    = "#1f2933"
	pale   = "#52606d"
	ours   = "#d9730d"
	theirs = "#7b8794"
	paper  = "#ffffff"
	tint   = "#fff4e8"
	ground = "#f5f7fa"
)

// canvas is an SVG image that is being drawn.
type canvas struct{ bytes.Buffer }

// fleetPicture draws AWS on the left, a fleet in the middle, clients on the right, and other name servers below.
func fleetPicture() []byte {
	const width, height = 880, 414
	c := new(canvas)
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+
		"\n",
		width, height)
	c.WriteString("<title>AWS, a fleet of inside53 behind a load balancer, and its clients</title>\n")
	fmt.Fprintf(c,
		`<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">`+
			`<path d="M0 0L8 4L0 8z" fill="%s"/></marker></defs>`+"\n", pale)
	fmt.Fprintf(c, `<rect width="%d" height="%d" fill="%s"/>`+"\n", width, height, paper)

	c.group(16, 16, 200, 284, "AWS: where the data are kept")
	c.box(32, 48, 168, 64, paper, theirs, "Route 53", "public and private zones,", "policies, health checks")
	c.box(32, 132, 168, 64, paper, theirs, "EC2 in each region", "instances, interfaces,", "VPCs, peerings, tags")
	c.box(32, 216, 168, 64, paper, theirs, "CloudWatch, ELB", "what is healthy")

	c.group(316, 16, 236, 284, "the fleet: all data in each server")
	for i, zone := range []string{"zone a", "zone b", "zone c"} {
		c.box(332, 48+84*i, 150, 64, tint, ours, "inside53 in "+zone, "views, zones, policies,", "translation, cache")
	}
	c.box(506, 48, 30, 232, paper, theirs, "")
	c.turned(525, 164, "load balancer, port 53")

	c.group(664, 16, 200, 284, "clients: each in its view")
	c.box(680, 48, 168, 64, paper, theirs, "VPC in eu-west-1", "bastion.example.com:", "10.0.1.10")
	c.box(680, 132, 168, 64, paper, theirs, "VPC peered with it", "bastion.example.com:", "10.0.1.10")
	c.box(680, 216, 168, 64, paper, theirs, "everybody else", "bastion.example.com:", "203.0.113.10")

	c.arrow(200, 80, 332, 80, "lists, on a budget")
	c.arrow(200, 164, 332, 164, "lists")
	c.arrow(200, 248, 332, 248, "reads")
	for _, y := range []int{80, 164, 248} {
		c.arrow(680, y, 536, y, "")
		c.arrow(506, y, 482, y, "")
	}
	c.label(608, 74, "middle", "queries")

	c.box(32, 334, 168, 64, paper, theirs, "nsupdate, certbot, ...", "signed updates, which", "go into Route 53")
	c.box(248, 334, 168, 64, paper, theirs, "VPC resolver, others", "all names that are in", "none of our zones")
	c.box(464, 334, 168, 64, paper, theirs, "BIND, Knot, NSD", "secondaries: AXFR, IXFR,", "NOTIFY, catalog zones")
	c.box(680, 334, 168, 64, paper, theirs, "Prometheus, people", "metrics, /report,", "explain")
	c.elbow(116, 334, 372, 300)
	c.arrow(390, 300, 390, 334, "")
	c.arrow(500, 300, 500, 334, "")
	c.elbow(764, 334, 536, 300)
	c.WriteString("</svg>\n")
	return c.Bytes()
}

// group draws the ground of boxes that belong together.
func (c *canvas) group(x, y, width, height int, title string) {
	fmt.Fprintf(c, `<rect x="%d" y="%d" width="%d" height="%d" rx="8" fill="%s"/>`+"\n", x, y, width, height, ground)
	c.label(x+width/2, y+20, "middle", title)
}

// box draws a box with a title and lines below it.
func (c *canvas) box(x, y, width, height int, fill, edge, title string, lines ...string) {
	fmt.Fprintf(c, `<rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="%s" stroke="%s"/>`+"\n",
		x, y, width, height, fill, edge)
	fmt.Fprintf(c, `<text x="%d" y="%d" fill="%s" font-weight="bold">`, x+10, y+20, ink)
	c.words(title)
	for i, line := range lines {
		c.label(x+10, y+38+15*i, "start", line)
	}
}

// arrow draws an arrow with words in its middle.
func (c *canvas) arrow(x1, y1, x2, y2 int, label string) {
	fmt.Fprintf(c, `<path d="M%d %dL%d %d" stroke="%s" fill="none" marker-end="url(#tip)"/>`+"\n", x1, y1, x2, y2, pale)
	if label != "" {
		c.label((x1+x2)/2, y1-6, "middle", label)
	}
}

// elbow draws an arrow upwards, then across, then upwards.
func (c *canvas) elbow(x1, y1, x2, y2 int) {
	fmt.Fprintf(c, `<path d="M%d %dV%dH%dV%d" stroke="%s" fill="none" marker-end="url(#tip)"/>`+"\n",
		x1, y1, (y1+y2)/2, x2, y2, pale)
}

// label draws a line of words.
func (c *canvas) label(x, y int, anchor, words string) {
	fmt.Fprintf(c, `<text x="%d" y="%d" fill="%s" text-anchor="%s">`, x, y, pale, anchor)
	c.words(words)
}

// turned draws words from the bottom to the top, around a point.
func (c *canvas) turned(x, y int, words string) {
	fmt.Fprintf(c, `<text x="%d" y="%d" fill="%s" text-anchor="middle" transform="rotate(-90 %d %d)">`, x, y, ink, x, y)
	c.words(words)
}

// words ends a text.
func (c *canvas) words(words string) {
	_ = xml.EscapeText(c, []byte(words)) // a Buffer takes all
	c.WriteString("</text>\n")
}
