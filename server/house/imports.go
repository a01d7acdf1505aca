package house

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module begins the paths of our packages.
const module = "inside53/"

// rule is what the files of a package may import.
type rule struct {
	// ours are packages of ours. A path that ends in /... stands for all below it.
	ours []string
	// why not others of ours; "" leaves it at what may be imported.
	why string
	// theirs are the only packages of other modules; nil is any.
	theirs []string
	// never are packages, and all below them, with the reason.
	never map[string]string
}

const (
	noSource = "the data model knows no source"
	noIO     = "nothing here does I/O"
	leaf     = "it is below every source"
	meet     = "resolver and server meet the sources in zone.Snapshot alone"
	dns      = "github.com/miekg/dns"
)

// rooms are the packages that the App is composed of.
func rooms() []string {
	return []string{
		"server/admin", "server/dangling", "server/dnstap", "server/front", "server/handon",
		"server/handover", "server/hands", "server/healthwatch", "server/limits", "server/listen",
		"server/member", "server/metrics", "server/observe", "server/past", "server/policy", "server/preflight",
		"server/served", "server/share", "server/sources", "server/transfer", "server/tsig", "server/update",
		"server/warm",
	}
}

// rules are by package; a path that ends in /... stands for all below it, and the longest
// that holds a package counts.
func rules() map[string]rule {
	below := []string{"resolver", "resolver/...", "zonesource", "zonesource/..."}
	calls := []string{"resolver/zone", "zonesource/awscall", "zonesource/awsclient", "zonesource/refresh"}
	return map[string]rule{
		"resolver/latency": {
			why: "everybody's times are counted in the same buckets", theirs: []string{},
		},
		"resolver/wire": {
			why:    "the form of messages is below everything",
			theirs: []string{},
		},
		"resolver/zone": {
			ours: []string{"resolver/wire"},
			why:  "the data model depends on nothing of the program, or its halves would depend on each other through it",
			never: map[string]string{
				dns:              "the wire is the data model: another DNS library must not change it",
				"github.com/aws": noSource, "log": "nothing here logs", "os": noIO, "net/http": noIO,
				"math/rand": "what is drawn comes with the query", "github.com/prometheus": "nothing here counts",
			},
		},
		"resolver/forward": {
			ours:  []string{"resolver/datagram", "resolver/wire", "resolver/latency"},
			why:   "it answers questions about bytes and knows no zones, views or transports: whoever needs both imports both",
			never: map[string]string{dns: "replies are taken apart by the walker, without its allocations"},
		},
		"resolver/history": {
			ours: []string{"resolver/wire", "resolver/zone"}, why: "history knows versions of zones, not who is told of them",
			never: map[string]string{dns: "messages are made by the server", "github.com/aws": noSource,
				"log": "nothing here logs", "os": "the server saves"},
		},
		"resolver/datagram": {
			why: "it moves bytes and knows none of them", theirs: []string{"golang.org/x/sys/unix"},
		},
		"resolver/freeport": {
			why: "it finds ports, for whoever tries the program", theirs: []string{},
		},
		"resolver/worst": {
			ours: []string{"resolver/wire"}, why: "it makes packets, for whoever has to bear them", theirs: []string{},
		},
		"resolver": {
			ours:   []string{"resolver/wire", "resolver/zone", "resolver/history", "resolver/forward", "resolver/latency"},
			why:    "sources and decisions meet in zone.Snapshot alone",
			theirs: []string{dns},
		},
		"zonesource": {
			ours: []string{"resolver/zone", "zonesource/atomicfile", "zonesource/breath", "zonesource/statedir"}, why: meet,
		},
		"zonesource/...":        {ours: []string{"resolver/zone", "zonesource", "zonesource/..."}, why: meet},
		"zonesource/atomicfile": {why: leaf},
		"zonesource/breath":     {why: leaf, theirs: []string{}},
		"zonesource/clock":      {why: leaf, theirs: []string{}},
		"zonesource/events": {
			ours: append([]string{"zonesource", "zonesource/changes", "zonesource/ec2", "zonesource/rdata",
				"zonesource/route53"}, calls...), why: meet,
		},
		"zonesource/nametemplate": {
			why: "it is text alone: the configuration reads it too, and knows no source", theirs: []string{},
		},
		"zonesource/statedir": {ours: []string{"zonesource/atomicfile"}, why: leaf},
		"zonesource/refresh":  {why: leaf},
		"zonesource/awscall":  {ours: []string{"zonesource/refresh"}, why: leaf},
		"zonesource/ledger": {ours: []string{"zonesource/atomicfile", "zonesource/clock"},
			why: "it keeps records and knows no zones"},
		"zonesource/awsclient": {ours: []string{"zonesource/awscall", "zonesource/breath"}, why: leaf},
		"zonesource/rdata":     {why: leaf, theirs: []string{dns}},
		"zonesource/route53": {ours: append([]string{"zonesource", "zonesource/breath", "zonesource/rdata"}, calls...),
			why: meet},
		"zonesource/ec2": {
			ours: append([]string{"zonesource", "zonesource/breath", "zonesource/nametemplate"}, calls...), why: meet,
		},
		"zonesource/health": {
			ours: append([]string{"zonesource/atomicfile", "zonesource/statedir"}, calls...), why: meet,
		},
		"zonesource/secondary": {ours: []string{"resolver/wire", "resolver/zone", "zonesource", "zonesource/rdata",
			"zonesource/refresh"}, why: meet},
		"zonesource/follow": {ours: []string{"resolver/zone", "zonesource", "zonesource/atomicfile", "zonesource/awsclient",
			"zonesource/changes", "zonesource/rdata", "zonesource/secondary"}, why: meet},
		"zonesource/register": {ours: []string{"resolver/zone", "zonesource", "zonesource/atomicfile", "zonesource/update"},
			why: meet},
		"zonesource/awssim": {why: "code shared with the sources would hide their faults"},
		"server":            {ours: append(slices.Concat(rooms(), []string{"server/config", "server/confine"}), below...)},
		"server/policy": {
			ours: []string{
				"resolver/zone", "server/config", "server/observe", "server/transfer", "server/tsig", "server/update",
				"zonesource", "zonesource/rdata",
			},
			why: "it translates the configuration, and asks nobody", theirs: []string{},
		},
		"server/sources": {
			ours: append([]string{
				"resolver/forward", "resolver/wire", "resolver/zone", "server/config", "server/metrics", "server/policy",
				"server/update",
			}, below[2:]...),
			why: "it makes sources of the configuration; the App runs them",
		},
		"server/healthwatch": {
			ours: []string{
				"resolver/zone", "server/admin", "server/config", "server/metrics", "server/sources", "zonesource",
				"zonesource/awsclient", "zonesource/health", "zonesource/statedir",
			},
			why: "it has health watched; what comes of that it publishes by the App", theirs: []string{},
		},
		"server/preflight": {
			ours: append([]string{
				"resolver/forward", "resolver/zone", "server/config", "server/healthwatch", "server/policy", "server/sources",
			}, below[2:]...),
			why: "it looks at a configuration before there is a server", theirs: []string{},
		},
		"server/past": {
			ours: append([]string{
				"resolver", "resolver/zone", "server/admin", "server/config", "server/member", "server/metrics",
			}, below[2:]...),
			why: "it knows what was, and where that is kept", theirs: []string{"github.com/prometheus/client_golang/prometheus"},
		},
		"server/served": {
			ours: []string{
				"resolver", "resolver/wire", "resolver/zone", "server/admin", "server/dangling", "server/dnstap",
				"server/metrics", "server/observe", "server/transfer", "zonesource", "zonesource/rdata",
				"zonesource/recorder",
			},
			why: "it describes what there is, and changes nothing", theirs: []string{dns, "golang.org/x/sync/errgroup"},
		},
		"server/hands": {
			ours: []string{
				"resolver", "resolver/forward", "resolver/latency", "resolver/wire", "resolver/zone", "server/admin",
				"server/config", "server/healthwatch", "server/listen", "server/served", "zonesource",
				"zonesource/secondary",
			},
			why: "it reads and orders; who leads a fleet it leaves to the App", theirs: []string{"golang.org/x/sync/errgroup"},
		},
		"server/member": {
			ours: append([]string{
				"resolver", "resolver/wire", "resolver/zone", "server/admin", "server/config", "server/handon",
				"server/healthwatch", "server/metrics", "server/policy", "server/sources", "server/transfer", "server/tsig",
				"server/update",
			}, below[2:]...),
			why: "it is one of a fleet; what it serves and how, it leaves to the App",
			theirs: []string{
				dns, "github.com/prometheus/client_golang/prometheus", "golang.org/x/sync/errgroup",
			},
		},
		"server/limits": {
			ours: []string{"resolver/forward", "resolver/wire", "resolver/zone", "server/config", "server/listen"},
			why:  "it says what may be used, and uses nothing",
		},
		"server/warm": {
			ours: []string{"zonesource/atomicfile", "zonesource/statedir"},
			why:  "it keeps what others know, and knows nothing of what that is", theirs: []string{},
		},
		"server/front": {
			ours: []string{
				"resolver", "resolver/wire", "resolver/zone", "server/config", "server/listen", "server/share",
				"server/transfer", "server/tsig", "server/update",
			},
			why: "it sorts packets, and knows nothing of where the data are from", theirs: []string{},
		},
		"server/handover": {
			ours: []string{"server/config", "server/listen"}, why: "it passes sockets on, and knows nothing of data",
			theirs: []string{"github.com/coreos/go-systemd/v22/activation", "golang.org/x/sys/unix"},
		},
		"server/dangling": {
			ours:   []string{"resolver/zone", "zonesource/atomicfile", "zonesource/breath"},
			why:    "it looks at what is published, and asks nobody but by the App",
			theirs: []string{},
		},
		"server/dnstap": {
			ours:   []string{"resolver", "resolver/forward"},
			why:    "it copies messages and looks at no more than their headers",
			theirs: []string{"github.com/dnstap/golang-dnstap", "google.golang.org/protobuf/proto"},
		},
		"server/observe": {
			ours:   []string{"resolver", "resolver/wire", "resolver/zone"},
			why:    "it reads answers and decides nothing; what of them is wanted comes from the App",
			theirs: []string{dns, "github.com/hashicorp/golang-lru/v2/simplelru"},
		},
		"server/metrics": {
			ours: []string{
				"resolver", "resolver/forward", "resolver/latency", "resolver/wire", "resolver/zone", "server/listen",
			},
			why: "it shows numbers and makes none",
		},
		"server/logs":    {why: "who writes lines knows nobody who does", theirs: []string{}},
		"server/confine": {ours: []string{"server/config"}, why: "it is done before there is a server"},
		"server/share":   {why: "who holds how much is counted alike for sockets, updates and transfers", theirs: []string{}},
		"server/handon":  {why: "it carries octets and knows neither who leads nor what they are", theirs: []string{}},
		"server/listen": {
			ours: []string{"resolver", "resolver/wire", "resolver/latency", "server/handon", "server/share"},
			why:  "sockets carry messages and know nothing of data",
		},
		"server/tsig": {
			ours: []string{"resolver", "resolver/wire", "zonesource/clock"},
			why:  "keys come from the configuration, by way of the App",
		},
		"server/transfer": {
			ours: []string{
				"server/share", "server/tsig", "resolver", "resolver/wire", "resolver/zone", "resolver/history",
				"zonesource/atomicfile", "zonesource/statedir",
			},
			why: "secondaries get what clients get, whatever source it is from",
		},
		"server/update": {
			ours: []string{
				"server/share", "server/tsig", "resolver", "resolver/wire", "resolver/zone", "zonesource", "zonesource/rdata",
				"zonesource/update",
			},
			why: "it decides who may change what; changes are made by zonesource/update",
		},
		"server/config": {
			ours: []string{"resolver/wire", "zonesource/nametemplate"},
			why:  "the configuration is data: the App translates it for whoever it is about",
			never: map[string]string{
				"net/http": "nothing here asks anybody", "github.com/prometheus": "nothing here counts",
				"github.com/spf13": "the command line reads it, not the reverse",
			},
		},
		"server/admin": {
			ours: []string{"server/config", "server/admin/console"},
			why:  "it prints what its own interfaces answer, and knows nobody behind them",
			theirs: []string{
				"github.com/prometheus/client_golang/prometheus", "github.com/prometheus/client_golang/prometheus/promhttp",
				"golang.org/x/sync/errgroup",
			},
		},
		"server/admin/console": {why: "it is a page, and asks by HTTP as everybody does", theirs: []string{}},
		"server/...": {ours: append([]string{
			"server", "server/config", "server/confine", "server/logs", "examples",
		}, below...)},
		"server/inside53": {
			ours: append([]string{
				"server", "server/admin", "server/config", "server/confine", "server/handover", "server/limits", "server/logs",
				"server/past", "server/preflight", "server/sources", "examples",
			}, below...),
			why: "what the server says it reads in the types of its admin paths, and whatever it serves it leaves to the App",
		},
		"server/bench": {ours: append([]string{"server/bench/...", "examples"}, below...)},
		"server/bench/...": {
			ours: []string{"server/bench/...", "resolver/datagram"}, // which moves bytes and expects nothing of them
			why:  "what it expects is not taken from what it measures",
		},
		"server/dist": {
			why: "it packs what others built", theirs: []string{"golang.org/x/crypto/x509roots/fallback/bundle"},
		},
		"server/house": {theirs: []string{}},
		"examples":     {},
	}
}

// within reports whether a package is what a pattern stands for.
func within(pkg, pattern string) bool {
	all, wide := strings.CutSuffix(pattern, "/...")
	return pkg == pattern || wide && strings.HasPrefix(pkg, all+"/")
}

func ruleOf(pkg string) (rule, bool) {
	longest := ""
	for pattern := range rules() {
		if within(pkg, pattern) && len(pattern) > len(longest) {
			longest = pattern
		}
	}
	return rules()[longest], longest != ""
}

// Fault says why a file of a package (its path in the module) may not import a path; ""
// when it may. Tests may import what they like of ours, but for those of the resolver:
// what these would bring in, the others could use.
func Fault(pkg, path string, test bool) string {
	r, known := ruleOf(pkg)
	if !known {
		return "the package stands nowhere in the house"
	}
	if strings.HasPrefix(path, "github.com/aws/") && !strings.HasPrefix(pkg, "zonesource/") {
		return "the SDK of AWS stays below zonesource"
	}
	ours, isOurs := strings.CutPrefix(path, module)
	helps := ours == "server/house" || ours == "resolver/worst" || ours == "resolver/freeport"
	if test && (!isOurs || helps || !strings.HasPrefix(pkg, "resolver")) {
		return ""
	}
	for bad, why := range r.never {
		if path == bad || strings.HasPrefix(path, bad+"/") {
			return why
		}
	}
	first, _, _ := strings.Cut(path, "/")
	switch {
	case isOurs && !slices.ContainsFunc(r.ours, func(p string) bool { return within(ours, p) }):
		return strings.TrimPrefix(r.why+fmt.Sprintf("; of ours it may import %v", r.ours), "; ")
	case !isOurs && strings.Contains(first, ".") && r.theirs != nil && !slices.Contains(r.theirs, path):
		return fmt.Sprintf("of others it may import %v", r.theirs)
	}
	return ""
}

// Imports holds the package whose test is running, in its own directory, to the arrows.
func Imports(t *testing.T) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := packageOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			fault := Fault(pkg, path, strings.HasSuffix(name, "_test.go"))
			if fault != "" {
				t.Errorf("%s imports %s: %s", name, path, fault)
			}
		}
	}
	if seen == 0 {
		t.Error("no imports seen")
	}
}

// packageOf returns the path of a directory in the module.
func packageOf(dir string) (string, error) {
	for top := dir; ; top = filepath.Dir(top) {
		_, err := os.Stat(filepath.Join(top, "go.mod"))
		if err == nil {
			pkg, err := filepath.Rel(top, dir)
			return filepath.ToSlash(pkg), err
		}
		if top == filepath.Dir(top) {
			return "", fmt.Errorf("looking for go.mod above %s: %w", dir, err)
		}
	}
}
