package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
)

// ownData opens a directory with data of the AWS CLI's form.
func ownData(dir string) (fs.FS, error) {
	data := os.DirFS(dir)
	_, err := fs.Stat(data, "route53")
	if err != nil {
		return nil, fmt.Errorf("reading the data: %w; inside53 export json --dir %s writes them", err, dir)
	}
	return data, nil
}

// regionPattern is how regions are named.
var regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// ownConfig is the configuration of a demo of somebody's own data: one view, which sees all private zones and the
// private addresses of all regions that there are data of.
func ownConfig(data fs.FS, listen, admin netip.AddrPort, upstream net.Addr) (string, error) {
	entries, err := fs.ReadDir(data, ".")
	if err != nil {
		return "", fmt.Errorf("reading the data: %w", err)
	}
	var regions []string
	for _, e := range entries {
		if e.IsDir() && regionPattern.MatchString(e.Name()) {
			regions = append(regions, e.Name())
		}
	}
	first := "us-east-1"
	inventory := ""
	if len(regions) > 0 {
		first = regions[0]
		inventory = fmt.Sprintf("ec2: { regions: [%s], refresh: 5s }\n", strings.Join(regions, ", "))
	}
	return fmt.Sprintf(`listen: { dns: ["%s"] }
admin: "%s"
state_dir: state
drain: 0s
log: { level: warn }
aws: { region: %s }
route53: { refresh: 5s, requests_per_second: 10 }
%sviews:
  - { name: all, clients: [0.0.0.0/0, "::/0"], vpcs: ["*"], region: %s, addresses: private }
forward:
  - { zone: ".", upstreams: ["%s"] }
`, listen, admin, first, inventory, first, upstream), nil
}

// ownText is the tour of a demo of somebody's own data.
func (t *demoTour) ownText(addr netip.AddrPort, admin string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\nYour data are served; try it in another terminal, with names of yours:\n\n%s\n",
		demoQuestion{name: "NAME", kind: "TYPE"}.dig(addr))
	if admin != "" {
		fmt.Fprintf(&b, "%s explain NAME TYPE --admin http://%s --diff public\n", t.program, admin)
		fmt.Fprintf(&b, "curl http://%s/zones\n", admin)
	}
	fmt.Fprintf(&b, "\nThe simulated AWS is %s: what changes there is served within seconds, "+
		"and never leaves this host.\n"+
		"\nThe configuration is %s. Ctrl-C ends the demo.\n", t.endpoint, t.config)
	return b.Bytes()
}
