package awssim

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// zoneSummary is what ListHostedZonesByVPC tells of a zone.
type zoneSummary struct {
	HostedZoneID string    `json:"HostedZoneId" xml:"HostedZoneId"`
	Name         string    `json:"Name" xml:"Name"`
	Owner        zoneOwner `json:"Owner" xml:"Owner"`
}

type zoneOwner struct {
	OwningAccount string `json:"OwningAccount,omitempty" xml:"OwningAccount,omitempty"`
	OwningService string `json:"OwningService,omitempty" xml:"OwningService,omitempty"`
}

// zoneList is the caller's zones as they are now.
func (c *call) zoneList(name string) listing[hostedZone] {
	s := c.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	l := listing[hostedZone]{call: c, name: c.account + " " + name,
		place: func(z hostedZone) position { return position{id: z.ID} }}
	for _, z := range s.data(c.account).zones {
		l.items = append(l.items, c.describe(z))
	}
	return l
}

// bareID is a zone's id as markers have it.
func bareID(z hostedZone) string { return strings.TrimPrefix(z.ID, "/hostedzone/") }

func listHostedZones(c *call) ([]byte, error) {
	size, err := c.maxItems("maxitems", 100)
	if err != nil {
		return nil, err
	}
	l := c.zoneList("zones")
	if c.form.Get("hostedzonetype") == "PrivateHostedZone" {
		l.items = slices.DeleteFunc(l.items, func(z hostedZone) bool { return z.Config == nil || !z.Config.PrivateZone })
	}
	l.visible()
	w, m, err := l.marked(size, "hosted zone", bareID)
	page := struct {
		HostedZones struct{ HostedZone []hostedZone }
		marks
	}{marks: m}
	page.HostedZones.HostedZone = w.items
	return answer("ListHostedZonesResponse", page), err
}

func listHostedZonesByName(c *call) ([]byte, error) {
	size, err := c.maxItems("maxitems", 100)
	if err != nil {
		return nil, err
	}
	l := c.zoneList("zones by name")
	l.place = func(z hostedZone) position {
		n, _ := parseName(z.Name) // it came from parseName
		return position{name: n.sort, id: strings.TrimPrefix(z.ID, "/hostedzone/")}
	}
	slices.SortFunc(l.items, func(a, b hostedZone) int { return l.place(a).compare(l.place(b)) })
	l.visible()
	name, id := c.form.Get("dnsname"), c.form.Get("hostedzoneid")
	var from position
	if name != "" {
		n, err := parseName(name)
		if err != nil {
			return nil, &apiError{http.StatusBadRequest, "InvalidDomainName", err.Error()}
		}
		name, from = n.text, position{name: n.sort, id: id}
	} else if id != "" {
		return nil, invalidInput("A hosted zone id needs a DNS name")
	}
	start, _ := slices.BinarySearchFunc(l.items, from, func(z hostedZone, p position) int { return l.place(z).compare(p) })
	w, err := l.page(start, size)
	page := struct {
		HostedZones      struct{ HostedZone []hostedZone }
		DNSName          string `xml:",omitempty"`
		HostedZoneID     string `xml:"HostedZoneId,omitempty"`
		IsTruncated      bool
		NextDNSName      string `xml:",omitempty"`
		NextHostedZoneID string `xml:"NextHostedZoneId,omitempty"`
		MaxItems         int
	}{DNSName: name, HostedZoneID: id, IsTruncated: w.next >= 0, MaxItems: size}
	page.HostedZones.HostedZone = w.items
	if w.next >= 0 {
		next := l.items[w.next]
		page.NextDNSName, page.NextHostedZoneID = next.Name, strings.TrimPrefix(next.ID, "/hostedzone/")
	}
	return answer("ListHostedZonesByNameResponse", page), err
}

// listHostedZonesByVPC answers the caller's own private zones, and those of others that the data names.
func listHostedZonesByVPC(c *call) ([]byte, error) {
	id, region := c.form.Get("vpcid"), c.form.Get("vpcregion")
	if id == "" || region == "" {
		return nil, invalidInput("vpcid and vpcregion are required")
	}
	size, err := c.maxItems("maxitems", 100)
	if err != nil {
		return nil, err
	}
	l := listing[zoneSummary]{call: c, name: c.account + " zones of " + id,
		place: func(z zoneSummary) position { return position{id: z.HostedZoneID} }}
	c.sim.mu.Lock()
	d := c.sim.data(c.account)
	for _, z := range d.zones {
		if slices.Contains(z.vpcs, vpc{region, id}) {
			l.items = append(l.items, zoneSummary{z.id, z.info.Name, zoneOwner{OwningAccount: c.account}})
		}
	}
	for _, z := range d.foreign[id] {
		if d.zone(z.HostedZoneID) == nil {
			l.items = append(l.items, z)
		}
	}
	c.sim.mu.Unlock()
	l.visible()
	start, err := c.token("nexttoken", "InvalidPaginationToken")
	if err != nil {
		return nil, err
	}
	w, err := l.page(start, size)
	page := struct {
		HostedZoneSummaries struct{ HostedZoneSummary []zoneSummary }
		MaxItems            int
		NextToken           string `xml:",omitempty"`
	}{MaxItems: size, NextToken: tokenOf(w.next)}
	page.HostedZoneSummaries.HostedZoneSummary = w.items
	return answer("ListHostedZonesByVPCResponse", page), err
}

func getHostedZoneCount(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	n := len(c.sim.data(c.account).zones)
	c.sim.mu.Unlock()
	return answer("GetHostedZoneCountResponse", struct{ HostedZoneCount int }{n}), nil
}

func getHostedZone(c *call) ([]byte, error) {
	z, err := c.hostedZone()
	if err != nil {
		return nil, err
	}
	c.sim.mu.Lock()
	info := c.describe(&z)
	c.sim.mu.Unlock()
	type vpcs struct{ VPC []vpc }
	detail := struct {
		HostedZone    hostedZone
		DelegationSet *delegationSet
		VPCs          *vpcs
	}{HostedZone: info}
	if z.private() {
		detail.VPCs = &vpcs{z.vpcs}
	} else {
		detail.DelegationSet = z.nameServers()
	}
	return answer("GetHostedZoneResponse", detail), nil
}

type createRequest struct {
	XMLName          xml.Name `xml:"CreateHostedZoneRequest"`
	Name             string
	VPC              *vpc
	CallerReference  string
	HostedZoneConfig *zoneConfig
	DelegationSetID  string `xml:"DelegationSetId"`
}

// createHostedZone makes a zone with the NS and SOA records that Route 53 gives every new one.
func createHostedZone(c *call) ([]byte, error) {
	var request createRequest
	err := c.decode(&request)
	if err != nil {
		return nil, err
	}
	apex, err := parseName(request.Name)
	if err != nil {
		return nil, &apiError{http.StatusBadRequest, "InvalidDomainName", err.Error()}
	}
	private := request.VPC != nil
	switch {
	case request.CallerReference == "":
		return nil, invalidInput("CallerReference is required")
	case apex.text == ".":
		return nil, &apiError{http.StatusBadRequest, "InvalidDomainName", "The root is not a valid domain name"}
	case request.DelegationSetID != "":
		return nil, &apiError{http.StatusBadRequest, "NoSuchDelegationSet",
			"No delegation set found with ID: " + request.DelegationSetID}
	case !private && request.HostedZoneConfig != nil && request.HostedZoneConfig.PrivateZone:
		return nil, invalidInput("When you're creating a private hosted zone (when you specify true for PrivateZone), you " +
			"must also specify values for VPCId and VPCRegion.")
	}
	comment := ""
	if request.HostedZoneConfig != nil {
		comment = request.HostedZoneConfig.Comment
	}
	n := c.sim.nextID()
	z := &zone{
		id:   awsID("Z", "zone", n, 20),
		apex: apex,
	}
	z.info = hostedZone{
		ID: "/hostedzone/" + z.id, Name: apex.text, CallerReference: request.CallerReference,
		Config: &zoneConfig{Comment: comment, PrivateZone: private},
	}
	z.delegation = &delegationSet{NameServers: zoneServers(n, private)}
	if private {
		z.vpcs = []vpc{*request.VPC}
	}
	err = z.setRecords(firstRecords(apex, z.delegation.NameServers))
	if err != nil {
		return nil, invalidInput("%v", err)
	}

	from := c.origin()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	d := c.sim.data(c.account)
	for _, o := range d.zones {
		if o.info.CallerReference == request.CallerReference {
			return nil, &apiError{http.StatusConflict, "HostedZoneAlreadyExists",
				"A hosted zone has already been created with the specified caller reference."}
		}
	}
	if private {
		err = d.associable(z, *request.VPC)
		if err != nil {
			return nil, err
		}
	}
	d.zones = append(slices.Clone(d.zones), z)
	change := c.sim.newChange(d, "")
	c.sim.trailZone(from, request, z, change)
	created := struct {
		HostedZone    hostedZone
		ChangeInfo    changeInfo
		DelegationSet *delegationSet
		VPC           *vpc
	}{z.describe(0), change, nil, request.VPC}
	if !private {
		created.DelegationSet = z.delegation
	}
	c.header.Set("Location", route53Namespace+"hostedzone/"+z.id)
	return answer("CreateHostedZoneResponse", created), nil
}

// zoneServers are the name servers of a new zone, in the manner of AWS.
func zoneServers(n uint64, private bool) []string {
	if private {
		return []string{"ns-0.awsdns-00.com.", "ns-512.awsdns-00.net.", "ns-1024.awsdns-00.org.", "ns-1536.awsdns-00.co.uk."}
	}
	servers := make([]string, 0, 4)
	for i, tld := range []string{"com", "net", "org", "co.uk"} {
		host := uint64(i)*512 + n%512
		servers = append(servers, fmt.Sprintf("ns-%d.awsdns-%02d.%s", host, host%64, tld))
	}
	return servers
}

func firstRecords(apex domainName, servers []string) []RecordSet {
	nsTTL, soaTTL := int64(172800), int64(900)
	ns := RecordSet{Name: apex.text, Type: "NS", TTL: &nsTTL}
	for _, s := range servers {
		ns.ResourceRecords = append(ns.ResourceRecords, ResourceRecord{strings.TrimSuffix(s, ".") + "."})
	}
	soa := ns.ResourceRecords[0].Value + " awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
	return []RecordSet{ns, {Name: apex.text, Type: "SOA", TTL: &soaTTL, ResourceRecords: []ResourceRecord{{soa}}}}
}

func deleteHostedZone(c *call) ([]byte, error) {
	from := c.origin()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	d := c.sim.data(c.account)
	z := d.zone(c.vars[0])
	if z == nil {
		return nil, noSuchZone(c.vars[0])
	}
	for _, r := range z.records {
		if r.sort != z.apex.sort || r.Type != "NS" && r.Type != "SOA" {
			return nil, &apiError{http.StatusBadRequest, "HostedZoneNotEmpty",
				"The specified hosted zone contains non-required resource record sets and so cannot be deleted."}
		}
	}
	d.zones = slices.DeleteFunc(slices.Clone(d.zones), func(o *zone) bool { return o == z })
	change := c.sim.newChange(d, "")
	c.sim.trail(from, "route53", "DeleteHostedZone", map[string]any{"id": z.id},
		map[string]any{"changeInfo": change.trailed()})
	return answer("DeleteHostedZoneResponse", changeOnly{change}), nil
}

type vpcRequest struct {
	VPC     vpc
	Comment string
}

func associateVPC(c *call) ([]byte, error) {
	return c.associations("AssociateVPCWithHostedZone", func(d *dataSet, z *zone, v vpc) error {
		err := d.associable(z, v)
		if err == nil {
			z.vpcs = append(slices.Clone(z.vpcs), v)
		}
		return err
	})
}

func disassociateVPC(c *call) ([]byte, error) {
	return c.associations("DisassociateVPCFromHostedZone", func(d *dataSet, z *zone, v vpc) error {
		i := slices.Index(z.vpcs, v)
		if i < 0 {
			return &apiError{http.StatusNotFound, "VPCAssociationNotFound",
				"The specified VPC and hosted zone are not currently associated."}
		}
		if len(z.vpcs) == 1 {
			return &apiError{http.StatusBadRequest, "LastVPCAssociation",
				"The VPC that you are trying to disassociate from the private hosted zone is the last VPC that is associated " +
					"with the hosted zone."}
		}
		z.vpcs = slices.Delete(slices.Clone(z.vpcs), i, i+1)
		return nil
	})
}

// associations applies one change to the VPCs of the zone in the path.
func (c *call) associations(operation string, apply func(*dataSet, *zone, vpc) error) ([]byte, error) {
	var request vpcRequest
	err := c.decode(&request)
	if err != nil {
		return nil, err
	}
	from := c.origin()
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	d := c.sim.data(c.account)
	z := d.zone(c.vars[0])
	switch {
	case z == nil:
		return nil, noSuchZone(c.vars[0])
	case !z.private():
		return nil, &apiError{http.StatusBadRequest, "PublicZoneVPCAssociation",
			"You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support associating a VPC " +
				"with a public hosted zone."}
	case !strings.HasPrefix(request.VPC.VPCID, "vpc-") || request.VPC.VPCRegion == "":
		return nil, &apiError{http.StatusBadRequest, "InvalidVPCId",
			"The VPC ID that you specified either isn't a valid ID or the current account is not authorized to access this VPC."}
	}
	err = apply(d, z, request.VPC)
	if err != nil {
		return nil, err
	}
	change := c.sim.newChange(d, request.Comment)
	c.sim.trail(from, "route53", operation, map[string]any{"hostedZoneId": z.id, "vPC": request.VPC.trailed()},
		map[string]any{"changeInfo": change.trailed()})
	return answer(operation+"Response", changeOnly{change}), nil
}

// associable refuses two private zones of one name on one VPC.
func (d *dataSet) associable(z *zone, v vpc) error {
	for _, o := range d.zones {
		if o.private() && o.apex.text == z.apex.text && slices.Contains(o.vpcs, v) {
			return &apiError{http.StatusBadRequest, "ConflictingDomainExists",
				fmt.Sprintf(
					"The VPC %s in region %s has already been associated with the hosted zone %s with the same domain name.", v.VPCID,
					v.VPCRegion, o.id)}
		}
	}
	return nil
}

// awsID makes an id that looks like AWS's, from a number: the same run of calls gives the same ids.
func awsID(prefix, kind string, n uint64, length int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, n))
	text := base32.StdEncoding.EncodeToString(sum[:])
	return prefix + text[:length-len(prefix)]
}
