package awssim

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// restOperation is a Route 53 operation: its method and path below /2013-04-01/, where * stands for a variable.
type restOperation struct {
	name, method, path string
	listing            bool
	handle             handler
}

func restOperations() []restOperation {
	return []restOperation{
		{"ListHostedZones", "GET", "hostedzone", true, listHostedZones},
		{"CreateHostedZone", "POST", "hostedzone", false, createHostedZone},
		{"ListHostedZonesByName", "GET", "hostedzonesbyname", true, listHostedZonesByName},
		{"ListHostedZonesByVPC", "GET", "hostedzonesbyvpc", true, listHostedZonesByVPC},
		{"GetHostedZoneCount", "GET", "hostedzonecount", false, getHostedZoneCount},
		{"GetHostedZone", "GET", "hostedzone/*", false, getHostedZone},
		{"DeleteHostedZone", "DELETE", "hostedzone/*", false, deleteHostedZone},
		{"AssociateVPCWithHostedZone", "POST", "hostedzone/*/associatevpc", false, associateVPC},
		{"DisassociateVPCFromHostedZone", "POST", "hostedzone/*/disassociatevpc", false, disassociateVPC},
		{"ListResourceRecordSets", "GET", "hostedzone/*/rrset", true, listRecordSets},
		{"ChangeResourceRecordSets", "POST", "hostedzone/*/rrset", false, changeRecordSets},
		{"GetChange", "GET", "change/*", false, getChange},
		{"ListTagsForResource", "GET", "tags/*/*", false, listTags},
		{"ChangeTagsForResource", "POST", "tags/*/*", false, changeTags},
		{"ListTagsForResources", "POST", "tags/*", false, listTagsOfMany},
		{"ListHealthChecks", "GET", "healthcheck", true, listHealthChecks},
		{"GetHealthCheckCount", "GET", "healthcheckcount", false, getHealthCheckCount},
		{"GetHealthCheck", "GET", "healthcheck/*", false, getHealthCheck},
		{"GetHealthCheckStatus", "GET", "healthcheck/*/status", false, getHealthCheckStatus},
		{"ListCidrCollections", "GET", "cidrcollection", true, listCIDRCollections},
		{"ListCidrLocations", "GET", "cidrcollection/*", true, listCIDRLocations},
		{"ListCidrBlocks", "GET", "cidrcollection/*/cidrblocks", true, listCIDRBlocks},
	}
}

// operationNames lists all operations of all services.
func operationNames() []string {
	var names []string
	for _, o := range append(restOperations(), s3Operations()...) {
		names = append(names, o.name)
	}
	for _, o := range queryOperations() {
		names = append(names, o.name)
	}
	for _, o := range jsonOperations() {
		names = append(names, o.name)
	}
	return append(names, "GetMetricData")
}

func (c *call) routeRoute53(r *http.Request) (handler, bool, error) {
	rest, _ := strings.CutPrefix(r.URL.EscapedPath(), apiVersion)
	path := strings.Split(strings.Trim(rest, "/"), "/")
	c.form = r.URL.Query()
	for _, o := range restOperations() {
		vars, match := matchPath(strings.Split(o.path, "/"), path)
		if o.method == r.Method && match {
			c.operation, c.vars = o.name, vars
			return o.handle, o.listing, nil
		}
	}
	return nil, false, &apiError{http.StatusNotFound, "UnknownOperationException",
		"The simulator has no operation for " + r.Method + " " + r.URL.Path}
}

func matchPath(pattern, path []string) (vars []string, match bool) {
	if len(pattern) != len(path) {
		return nil, false
	}
	for i, p := range pattern {
		if p != "*" {
			if p != path[i] {
				return nil, false
			}
			continue
		}
		v, err := url.PathUnescape(path[i])
		if err != nil || v == "" {
			return nil, false
		}
		vars = append(vars, v)
	}
	return vars, true
}

// answer is the document called name, holding the fields of v.
func answer(name string, v any) []byte { return marshal(route53Namespace, name, v) }

// decode reads the XML body of the request.
func (c *call) decode(v any) error {
	err := xml.Unmarshal(c.body, v)
	if err != nil {
		return &apiError{http.StatusBadRequest, "MalformedInput",
			fmt.Sprintf("The request body is not the XML document expected: %v", err)}
	}
	return nil
}

func invalidInput(format string, args ...any) error {
	return &apiError{http.StatusBadRequest, "InvalidInput", fmt.Sprintf(format, args...)}
}

// maxItems reads the page size asked for; more than the most allowed is the most allowed.
func (c *call) maxItems(parameter string, most int) (int, error) {
	text := c.form.Get(parameter)
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, invalidInput("Value for parameter MaxItems is invalid: %s", text)
	}
	return min(n, most), nil
}

// hostedZone finds the zone of the path. It returns a copy: its slices may be read without mu.
func (c *call) hostedZone() (zone, error) {
	s := c.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.data(c.account).zone(c.vars[0])
	if z == nil {
		return zone{}, noSuchZone(c.vars[0])
	}
	return *z, nil
}

func noSuchZone(id string) error {
	return &apiError{http.StatusNotFound, "NoSuchHostedZone", "No hosted zone found with ID: " + id}
}

// recordList names the listing of a zone's records.
func (c *call) recordList(z *zone) string { return c.account + " records of " + z.id }

// describe is a zone as this caller sees it.
func (c *call) describe(z *zone) hostedZone { return z.describe(len(c.sim.hidden[c.recordList(z)])) }

type recordPage struct {
	ResourceRecordSets   struct{ ResourceRecordSet []RecordSet }
	IsTruncated          bool
	NextRecordName       string `xml:",omitempty"`
	NextRecordType       string `xml:",omitempty"`
	NextRecordIdentifier string `xml:",omitempty"`
	MaxItems             int
}

// listRecordSets answers at most 300 sets a page. The next page starts at or after the marker, whether or not that
// record still is.
func listRecordSets(c *call) ([]byte, error) {
	z, err := c.hostedZone()
	if err != nil {
		return nil, err
	}
	size, err := c.maxItems("maxitems", 300)
	if err != nil {
		return nil, err
	}
	from, err := c.recordStart()
	if err != nil {
		return nil, err
	}
	l := listing[*record]{call: c, name: c.recordList(&z), items: z.records, place: (*record).position,
		keep: func(r *record) bool { return r.sort == z.apex.sort && (r.Type == "SOA" || r.Type == "NS") }}
	l.visible()
	start, _ := slices.BinarySearchFunc(l.items, from, func(r *record, p position) int { return r.position().compare(p) })
	w, err := l.page(start, size)
	page := recordPage{IsTruncated: w.next >= 0, MaxItems: size}
	for _, r := range w.items {
		page.ResourceRecordSets.ResourceRecordSet = append(page.ResourceRecordSets.ResourceRecordSet, r.RecordSet)
	}
	if w.next >= 0 {
		next := l.items[w.next]
		page.NextRecordName, page.NextRecordType, page.NextRecordIdentifier = next.Name, next.Type, next.SetIdentifier
	}
	return answer("ListResourceRecordSetsResponse", page), err
}

// recordStart is where the caller wants the page to begin; the zero position is the zone's first record.
func (c *call) recordStart() (position, error) {
	name, typ, id := c.form.Get("name"), c.form.Get("type"), c.form.Get("identifier")
	if typ != "" && name == "" {
		return position{}, invalidInput("The input is not valid: a start record type needs a start record name")
	}
	if id != "" && typ == "" {
		return position{}, invalidInput(
			"The input is not valid: a start record identifier needs a start record name and type")
	}
	if name == "" {
		return position{}, nil
	}
	if typ != "" && !slices.Contains(recordTypes(), typ) {
		return position{}, invalidInput(
			"Value '%s' at 'startRecordType' failed to satisfy constraint: Member must satisfy enum value set: %v", typ,
			recordTypes())
	}
	n, err := parseName(name)
	if err != nil {
		return position{}, invalidInput("%v", err)
	}
	return position{n.sort, typ, id}, nil
}
