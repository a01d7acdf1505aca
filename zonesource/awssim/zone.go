package awssim

import (
	"fmt"
	"slices"
	"time"
)

// hostedZone is what the lists say of a zone, in the API's shape.
type hostedZone struct {
	ID                     string         `json:"Id" xml:"Id"` // "/hostedzone/Z..."
	Name                   string         `json:"Name" xml:"Name"`
	CallerReference        string         `json:"CallerReference" xml:"CallerReference"`
	Config                 *zoneConfig    `json:"Config,omitempty" xml:"Config,omitempty"`
	ResourceRecordSetCount int            `json:"ResourceRecordSetCount" xml:"ResourceRecordSetCount"`
	LinkedService          *linkedService `json:"LinkedService,omitempty" xml:"LinkedService,omitempty"`
	Features               *zoneFeatures  `json:"Features,omitempty" xml:"Features,omitempty"`
}

type zoneConfig struct {
	Comment     string `json:"Comment,omitempty" xml:"Comment,omitempty"`
	PrivateZone bool   `json:"PrivateZone" xml:"PrivateZone"`
}

type linkedService struct {
	ServicePrincipal string `json:"ServicePrincipal,omitempty" xml:"ServicePrincipal,omitempty"`
	Description      string `json:"Description,omitempty" xml:"Description,omitempty"`
}

type zoneFeatures struct {
	AcceleratedRecoveryStatus string `json:"AcceleratedRecoveryStatus,omitempty" xml:"AcceleratedRecoveryStatus,omitempty"`

	FailureReasons *failureReasons `json:"FailureReasons,omitempty" xml:"FailureReasons,omitempty"`
}

type failureReasons struct {
	AcceleratedRecovery string `json:"AcceleratedRecovery,omitempty" xml:"AcceleratedRecovery,omitempty"`
}

type delegationSet struct {
	ID              string   `json:"Id,omitempty" xml:"Id,omitempty"`
	CallerReference string   `json:"CallerReference,omitempty" xml:"CallerReference,omitempty"`
	NameServers     []string `json:"NameServers" xml:"NameServers>NameServer"`
}

type vpc struct {
	VPCRegion string `json:"VPCRegion" xml:"VPCRegion"`
	VPCID     string `json:"VPCId" xml:"VPCId"`
}

// zone is a hosted zone with its data. records is replaced, never changed, so that a listing may go on
// reading what it took while holding Sim.mu.
type zone struct {
	id         string // "Z...", without "/hostedzone/"
	apex       domainName
	info       hostedZone // ResourceRecordSetCount is computed, see describe
	delegation *delegationSet
	vpcs       []vpc
	records    []*record // in the order of position
	tags       []tag
	busyUntil  time.Time // a prior batch is in work, see Options.ChangeWork
}

func (z *zone) private() bool { return z.info.Config != nil && z.info.Config.PrivateZone }

// describe is the zone as the API shows it, with the record sets it has now less the hidden ones.
func (z *zone) describe(hidden int) hostedZone {
	info := z.info
	info.ResourceRecordSetCount = len(z.records) - hidden
	return info
}

// setRecords takes sets as a whole, as a listing has them, after checking names and that none stands twice.
// Values are taken as they are: what AWS has listed is right, and tests may want what is wrong.
func (z *zone) setRecords(sets []RecordSet) error {
	records := make([]*record, 0, len(sets))
	for i, set := range sets {
		r, err := normalise(set)
		if err != nil {
			return fmt.Errorf("ResourceRecordSets[%d]: %w", i, err)
		}
		if r.Type == "" {
			return fmt.Errorf("ResourceRecordSets[%d] (%s): has no Type", i, r.Name)
		}
		name, err := parseName(r.Name)
		if err != nil {
			return err
		}
		if !name.within(z.apex) {
			return fmt.Errorf("ResourceRecordSets[%d] (%s): outside of %s", i, r.Name, z.apex.text)
		}
		records = append(records, r)
	}
	slices.SortStableFunc(records, func(a, b *record) int { return a.position().compare(b.position()) })
	for i := 1; i < len(records); i++ {
		if records[i].position() == records[i-1].position() {
			return fmt.Errorf("%s %s %q: listed twice", records[i].Name, records[i].Type, records[i].SetIdentifier)
		}
	}
	z.records = records
	return nil
}

// nameServers are those of get-hosted-zone.json, else those of the apex.
func (z *zone) nameServers() *delegationSet {
	if z.delegation != nil {
		return z.delegation
	}
	i, found := slices.BinarySearchFunc(z.records, position{z.apex.sort, "NS", ""}, func(r *record, p position) int {
		return r.position().compare(p)
	})
	set := &delegationSet{}
	if found {
		for _, v := range z.records[i].ResourceRecords {
			set.NameServers = append(set.NameServers, v.Value)
		}
	}
	return set
}
