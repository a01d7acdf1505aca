package changes

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource/awscall"
	"inside53/zonesource/rdata"
)

// Visibility says which kind of zone is meant.
type Visibility int

// The kinds of zones.
const (
	Any Visibility = iota
	Public
	Private
)

// Zone is one hosted zone.
type Zone struct {
	ID      string `json:"id"`   // without "/hostedzone/"
	Name    string `json:"name"` // as the API has it: example.com.
	Private bool   `json:"private"`
	Records int    `json:"records"` // record sets as Route 53 counts them
	Comment string `json:"comment,omitempty"`
	// Reference is that of whoever made the zone.
	Reference string `json:"-"`
	// VPCs and Servers are known of zones that Find, Zone and Create return.
	VPCs    []VPC    `json:"vpcs,omitempty"`
	Servers []string `json:"servers,omitempty"`
}

// VPC is a VPC that a private zone is associated with.
type VPC struct {
	ID     string `json:"id"`
	Region string `json:"region"`
}

// Kind is public or private.
func (z Zone) Kind() string {
	if z.Private {
		return "private"
	}
	return "public"
}

// String names the zone for people.
func (z Zone) String() string {
	return fmt.Sprintf("%s zone %s (%s)", z.Kind(), ReadableName(z.Name), z.ID)
}

// ZoneOf returns what a listing says of a zone.
func ZoneOf(h *types.HostedZone) Zone {
	z := Zone{
		ID: zoneID(h.Id), Name: CanonicalName(aws.ToString(h.Name)), Records: int(aws.ToInt64(h.ResourceRecordSetCount)),
		Reference: aws.ToString(h.CallerReference),
	}
	if h.Config != nil {
		z.Private, z.Comment = h.Config.PrivateZone, aws.ToString(h.Config.Comment)
	}
	return z
}

// Zones lists all hosted zones of the account, by name, the private ones of a name first.
func (c *Client) Zones(ctx context.Context) ([]Zone, error) {
	var all []Zone
	const what = "listing the hosted zones"
	err := awscall.Pages(what, func(marker string) (string, error) {
		out, err := call(ctx, c, c.api.zones, true, what, &route53.ListHostedZonesInput{Marker: awscall.Token(marker)})
		if err != nil {
			return "", err
		}
		for i := range out.HostedZones {
			all = append(all, ZoneOf(&out.HostedZones[i]))
		}
		if !out.IsTruncated {
			return "", nil
		}
		if aws.ToString(out.NextMarker) == "" {
			return "", fmt.Errorf("%s: %w", what, awscall.ErrStuck)
		}
		return *out.NextMarker, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, compareZones)
	return all, nil
}

// SortZones sorts what has a zone as Zones does.
func SortZones[T any](all []T, of func(T) Zone) {
	slices.SortFunc(all, func(a, b T) int { return compareZones(of(a), of(b)) })
}

func compareZones(a, b Zone) int {
	switch {
	case a.Name != b.Name:
		return strings.Compare(reversed(a.Name), reversed(b.Name))
	case a.Private != b.Private && a.Private:
		return -1
	case a.Private != b.Private:
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

// Zone returns the zone of an id, with its VPCs and name servers.
func (c *Client) Zone(ctx context.Context, id string) (Zone, error) {
	out, err := call(ctx, c, c.api.zone, true, "asking for zone "+id, &route53.GetHostedZoneInput{Id: aws.String(id)})
	if err != nil {
		return Zone{}, err
	}
	if out.HostedZone == nil {
		return Zone{}, fmt.Errorf("asking for zone %s: an answer without a hosted zone", id)
	}
	z := ZoneOf(out.HostedZone)
	for _, v := range out.VPCs {
		z.VPCs = append(z.VPCs, VPC{aws.ToString(v.VPCId), string(v.VPCRegion)})
	}
	if out.DelegationSet != nil {
		z.Servers = out.DelegationSet.NameServers
	}
	return z, nil
}

// Selector says which zone is meant.
type Selector struct {
	Text       string // a hosted zone id, or a name as AWS writes it, escapes in octal
	Visibility Visibility
	VPC        string // of a private zone; "" is any
}

// fits reports whether a zone with its VPCs is what s asks for.
func (s Selector) fits(z Zone) bool {
	if s.Visibility == Public && z.Private || s.Visibility == Private && !z.Private {
		return false
	}
	return s.VPC == "" || slices.ContainsFunc(z.VPCs, func(v VPC) bool { return v.ID == s.VPC })
}

// AmbiguousError says that a name means several zones.
type AmbiguousError struct {
	Text  string
	Zones []Zone
}

// Error lists the zones with their ids.
func (e *AmbiguousError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s is the name of %d hosted zones; say which one, by --public, --private, --vpc or its id:",
		e.Text, len(e.Zones))
	for _, z := range e.Zones {
		fmt.Fprintf(&text, "\n  %s  %s", z.ID, z.Kind())
		for _, v := range z.VPCs {
			fmt.Fprintf(&text, "  %s (%s)", v.ID, v.Region)
		}
		if z.Comment != "" {
			fmt.Fprintf(&text, "  %q", z.Comment)
		}
	}
	return text.String()
}

// ErrNoZone says that there is no zone of a name or id.
var ErrNoZone = errors.New("no such hosted zone")

// idForm is what ids of hosted zones look like: AWS's begin with Z, those of others that
// speak its language may not.
var idForm = regexp.MustCompile(`^[0-9A-Z]{3,32}$`)

// Find returns the one zone that s means. Nothing is guessed: of several the error is
// an *AmbiguousError. With none it is ErrNoZone.
func (c *Client) Find(ctx context.Context, s Selector) (Zone, error) {
	found, err := c.candidates(ctx, s.Text)
	if err != nil {
		return Zone{}, err
	}
	fitting := slices.DeleteFunc(slices.Clone(found), func(z Zone) bool { return !s.fits(z) })
	switch {
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) > 1:
		return Zone{}, &AmbiguousError{s.Text, fitting}
	case len(found) > 0:
		return Zone{}, fmt.Errorf("%w: %s is there as %s, and not as asked for", ErrNoZone, s.Text, kinds(found))
	}
	return Zone{}, fmt.Errorf("%w: %s", ErrNoZone, s.Text)
}

func kinds(zones []Zone) string {
	texts := make([]string, len(zones))
	for i, z := range zones {
		texts[i] = z.Kind() + " zone " + z.ID
	}
	return strings.Join(texts, " and ")
}

// candidates are the zones that have a text as their id or name, with their VPCs.
func (c *Client) candidates(ctx context.Context, text string) ([]Zone, error) {
	id := strings.TrimPrefix(text, "/hostedzone/")
	if idForm.MatchString(id) {
		z, err := c.Zone(ctx, id)
		if err == nil {
			return []Zone{z}, nil
		}
		if !awscall.HasCode(err, "NoSuchHostedZone") {
			return nil, err
		}
	}
	named, err := c.Named(ctx, text)
	if err != nil {
		return nil, err
	}
	all := make([]Zone, 0, len(named))
	for _, z := range named {
		z, err = c.Zone(ctx, z.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, z)
	}
	return all, nil
}

// Named lists the zones of a name, written as AWS does. Their VPCs are not known.
func (c *Client) Named(ctx context.Context, text string) ([]Zone, error) {
	wire, err := rdata.ParseName(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no name and no id of a hosted zone: %w", text, err)
	}
	name := rdata.FormatName(wire)
	var all []Zone
	what := "looking for hosted zones called " + text
	err = awscall.Pages(what, func(id string) (string, error) {
		in := &route53.ListHostedZonesByNameInput{DNSName: aws.String(name), HostedZoneId: awscall.Token(id)}
		out, err := call(ctx, c, c.api.zonesByName, true, what, in)
		if err != nil {
			return "", err
		}
		for i := range out.HostedZones {
			z := ZoneOf(&out.HostedZones[i])
			if z.Name == name && !slices.ContainsFunc(all, func(o Zone) bool { return o.ID == z.ID }) {
				all = append(all, z)
			}
		}
		next := aws.ToString(out.NextHostedZoneId)
		if !out.IsTruncated || CanonicalName(aws.ToString(out.NextDNSName)) != name || next == id {
			return "", nil
		}
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, compareZones)
	return all, nil
}

// NewZone is a hosted zone to be made.
type NewZone struct {
	Name    string // as AWS writes it, escapes in octal
	Comment string
	VPC     *VPC // of a private zone; nil makes a public one
	// Reference is what Route 53 makes one zone of; "" is a random one.
	Reference string
}

// CreateZone makes a hosted zone and returns it with the id of the change to wait for. The
// call is repeated with the same reference, which makes no second zone. Where there is the
// zone of this reference already, with that name and VPC, it is returned, with "" for the
// id: it was made before, or by a call whose answer was lost.
func (c *Client) CreateZone(ctx context.Context, n NewZone) (Zone, string, error) {
	wire, err := rdata.ParseName(n.Name)
	if err != nil {
		return Zone{}, "", err
	}
	reference := n.Reference
	if reference == "" {
		reference = "inside53 " + time.Now().UTC().Format(time.RFC3339) + " " + rand.Text()
	}
	in := &route53.CreateHostedZoneInput{
		Name:             aws.String(rdata.FormatName(wire)),
		CallerReference:  aws.String(reference),
		HostedZoneConfig: &types.HostedZoneConfig{PrivateZone: n.VPC != nil},
	}
	if n.Comment != "" {
		in.HostedZoneConfig.Comment = aws.String(n.Comment)
	}
	if n.VPC != nil {
		in.VPC = &types.VPC{VPCId: aws.String(n.VPC.ID), VPCRegion: types.VPCRegion(n.VPC.Region)}
	}
	out, err := call(ctx, c, c.api.createZone, true, "creating zone "+n.Name, in)
	if awscall.HasCode(err, "HostedZoneAlreadyExists") {
		z, findErr := c.ofReference(ctx, n, reference)
		if findErr != nil {
			return Zone{}, "", fmt.Errorf("%w: %w", findErr, err)
		}
		return z, "", nil
	}
	if err != nil {
		return Zone{}, "", err
	}
	if out.HostedZone == nil {
		return Zone{}, "", fmt.Errorf("creating zone %s: an answer without a hosted zone", n.Name)
	}
	z := ZoneOf(out.HostedZone)
	if n.VPC != nil {
		z.VPCs = []VPC{*n.VPC}
	}
	if out.DelegationSet != nil {
		z.Servers = out.DelegationSet.NameServers
	}
	return z, changeID(out.ChangeInfo), nil
}

// ofReference returns the zone that was made of a reference, if it is as n wants it.
func (c *Client) ofReference(ctx context.Context, n NewZone, reference string) (Zone, error) {
	named, err := c.Named(ctx, n.Name)
	if err != nil {
		return Zone{}, err
	}
	for _, z := range named {
		if z.Reference != reference {
			continue
		}
		z, err = c.Zone(ctx, z.ID)
		if err != nil {
			return Zone{}, err
		}
		if z.Private != (n.VPC != nil) || n.VPC != nil && !slices.Contains(z.VPCs, *n.VPC) {
			return Zone{}, fmt.Errorf("the reference %q made the %s, which is not as asked for", reference, z)
		}
		return z, nil
	}
	return Zone{}, fmt.Errorf("the reference %q made a zone of another name, or one that is gone: give another one",
		reference)
}

// DeleteZone deletes a zone that has no records but its SOA and NS, and returns the id
// of the change to wait for.
func (c *Client) DeleteZone(ctx context.Context, z Zone) (string, error) {
	out, err := call(ctx, c, c.api.deleteZone, false, "deleting "+z.String(),
		&route53.DeleteHostedZoneInput{Id: aws.String(z.ID)})
	if err != nil {
		return "", err
	}
	return changeID(out.ChangeInfo), nil
}
