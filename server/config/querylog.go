package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inside53/resolver/wire"
)

// QueryLog is the section query_log: a line for each of the queries that it wants, in the format
// of log.format.
type QueryLog struct {
	// Sample logs one query in so many: 1 logs each, 1000 each thousandth. 0 logs none. Default 0.
	Sample int `yaml:"sample"`

	// Clients are the prefixes whose queries are logged. Default [], all.
	Clients []netip.Prefix `yaml:"clients"`

	// Names are those whose queries are logged, each with all below it. Default [], all.
	Names []DomainName `yaml:"names"`

	// Rcodes are the response codes whose queries are logged: NXDOMAIN, SERVFAIL and the like.
	// Default [], all.
	Rcodes []Rcode `yaml:"rcodes"`

	// Slower logs only queries whose answer took so long. Default 0s, all.
	Slower time.Duration `yaml:"slower"`

	// File is where lines go, below state_dir; its name ends in .log, and at 100 MiB it becomes
	// FILE.1. Default "", standard error.
	File string `yaml:"file"`
}

// Rcode is a response code by its name.
type Rcode string

func (r *Rcode) parse(text string) error {
	*r = Rcode(strings.ToUpper(text))
	known := []string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS"}
	if !slices.Contains(known, string(*r)) {
		return oneOf(text, known...)
	}
	return nil
}

// Number returns the code.
func (r Rcode) Number() uint8 {
	switch r {
	case "FORMERR":
		return wire.RcodeFormErr
	case "SERVFAIL":
		return wire.RcodeServFail
	case "NXDOMAIN":
		return wire.RcodeNXDomain
	case "NOTIMP":
		return wire.RcodeNotImp
	case "REFUSED":
		return wire.RcodeRefused
	case "BADVERS":
		return wire.RcodeBadVers
	}
	return wire.RcodeNoError
}

// Queries is what of the queries is logged: query_log, or where that logs none what
// log.sample_queries says.
func (c *Config) Queries() QueryLog {
	if c.QueryLog.Sample == 0 {
		return QueryLog{Sample: c.Log.SampleQueries}
	}
	return c.QueryLog
}

func (v *validator) queryLog() {
	q := v.config.QueryLog
	if q.Sample < 0 {
		v.fault("query_log.sample", "%d is negative; write 0 for none, 1 for every query, 1000 for each thousandth", q.Sample)
	}
	for i, p := range q.Clients {
		path := fmt.Sprintf("query_log.clients[%d]", i)
		if !v.broken[path] && slices.Contains(q.Clients[:i], p) {
			v.fault(path, "%s is here twice", p)
		}
	}
	if q.Slower < 0 { // an answer may well be faster than other times that are configured
		v.fault("query_log.slower", "%s is negative; write 10ms, say, or 0s", q.Slower)
	}
	if q.File == "" || v.broken["query_log.file"] {
		return
	}
	if !filepath.IsLocal(q.File) || filepath.Base(q.File) != q.File {
		v.fault("query_log.file", "%q is not the name of a file; it stands in state_dir: write one like queries.log", q.File)
	}
	if filepath.Base(q.File) == q.File && filepath.Ext(q.File) != ".log" {
		v.fault("query_log.file", "%q doesn't end in .log, by which it is none of the files that state_dir has of its own: "+
			"write one like queries.log", q.File)
	}
	if v.config.StateDir == "" {
		v.fault("query_log.file", "needs state_dir, where it stands; write a directory there")
	}
}
