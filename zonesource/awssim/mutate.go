package awssim

import (
	"fmt"
	"strings"
)

// Replace loads one file of the data directory anew, e.g. "eu-west-1/describe-instances.json" or
// "accounts/222222222222/route53/list-hosted-zones.json". On an error the old data stays. Zones that a new
// list-hosted-zones.json still has keep their records; those it adds have none until theirs are replaced.
func (s *Sim) Replace(name string, text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, ofAccount := strings.CutPrefix(name, "accounts/")
	if !ofAccount {
		return s.base.load(name, text)
	}
	account, file, _ := strings.Cut(rest, "/")
	if !accountName.MatchString(account) {
		return fmt.Errorf("loading %s: want accounts/, a 12-digit account id, and a file", name)
	}
	d, known := s.accounts[account]
	if !known {
		d = newDataSet(s.models)
	}
	err := d.load(file, text)
	if err != nil {
		return err
	}
	if !known {
		if s.accounts == nil {
			s.accounts = map[string]*dataSet{}
		}
		s.accounts[account] = d
	}
	return nil
}

// owner is the account whose data has the zone; zones of the base data belong to the base account. Call it with mu
// held.
func (s *Sim) owner(zoneID string) string {
	for account, d := range s.accounts {
		if d.zone(zoneID) != nil {
			return account
		}
	}
	return s.options.Account
}

// Change applies a change batch as ChangeResourceRecordSets does, with the same checks but no throttling,
// and returns the id of the change. zoneID is bare ("Z...").
func (s *Sim) Change(zoneID string, changes ...Change) (changeID string, err error) {
	s.mu.Lock()
	o := s.ownOrigin(s.owner(zoneID), globalRegion)
	s.mu.Unlock()
	info, err := s.change(o, zoneID, changeBatch{Changes: changes})
	if err != nil {
		return "", fmt.Errorf("changing %s: %w", zoneID, err)
	}
	return strings.TrimPrefix(info.ID, "/change/"), nil
}

// Records lists the record sets of a zone in the order of the API; nil if there is no such zone.
func (s *Sim) Records(zoneID string) []RecordSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.data(s.owner(zoneID)).zone(zoneID)
	if z == nil {
		return nil
	}
	sets := make([]RecordSet, 0, len(z.records))
	for _, r := range z.records {
		sets = append(sets, r.RecordSet)
	}
	return sets
}

// SetRecords replaces all record sets of a zone without any check of their values: also with what
// ChangeResourceRecordSets would refuse. Names must lie in the zone, and no set may stand twice.
func (s *Sim) SetRecords(zoneID string, sets []RecordSet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.data(s.owner(zoneID)).zone(zoneID)
	if z == nil {
		return fmt.Errorf("setting the records of %s: no such zone", zoneID)
	}
	err := z.setRecords(sets)
	if err != nil {
		return fmt.Errorf("setting the records of %s: %w", zoneID, err)
	}
	return nil
}

// AssociateAddress moves an elastic IP of the base account to a network interface: to its address private,
// or to its primary one if private is empty. An empty networkInterface only takes it away from where it is.
// Addresses, interfaces and instances of the region all show it.
func (s *Sim) AssociateAddress(region, public, networkInterface, private string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := move{public: public, networkInterface: networkInterface, private: private}
	o := s.ownOrigin(s.options.Account, region)
	e := s.editRegion(o)
	err := e.associate(&m)
	if err != nil {
		return fmt.Errorf("associating %s in %s: %w", public, region, err)
	}
	e.commit()
	request, name := map[string]any{"publicIp": public, "networkInterfaceId": networkInterface}, "AssociateAddress"
	if networkInterface == "" {
		request, name = map[string]any{"publicIp": public}, "DisassociateAddress"
	}
	s.trail(o, "ec2", name, request, map[string]any{"_return": true})
	return nil
}
