package changes

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// Action is what is done with a record set.
type Action = types.ChangeAction

// The actions of the API.
const (
	Create = types.ChangeActionCreate
	Delete = types.ChangeActionDelete
	Upsert = types.ChangeActionUpsert
)

// Change is one element of a batch.
type Change struct {
	Action Action
	Set    RecordSet
}

// Unit is changes that have to be accepted together, in their order.
type Unit []Change

// Batch is what is sent by one call, and accepted or refused as a whole.
type Batch []Change

// The limits of one batch.
const (
	MaxRecords    = 1000  // ResourceRecord elements
	MaxCharacters = 32000 // of all values
)

// Cost is what AWS counts of a batch.
type Cost struct{ Records, Characters int }

// add returns the sum.
func (c Cost) add(d Cost) Cost { return Cost{c.Records + d.Records, c.Characters + d.Characters} }

// fits reports whether a batch may cost so much.
func (c Cost) fits() bool { return c.Records <= MaxRecords && c.Characters <= MaxCharacters }

// Cost returns what AWS counts of one change: its ResourceRecord elements, of which an
// alias is one, and the characters of its values; both twice for an UPSERT.
func (c *Change) Cost() Cost {
	cost := Cost{Records: len(c.Set.ResourceRecords)}
	if c.Set.AliasTarget != nil {
		cost.Records++
	}
	for _, v := range c.Set.ResourceRecords {
		cost.Characters += len(aws.ToString(v.Value))
	}
	if c.Action == Upsert {
		return cost.add(cost)
	}
	return cost
}

// CostOf returns what AWS counts of changes.
func CostOf(changes []Change) Cost {
	var sum Cost
	for i := range changes {
		sum = sum.add(changes[i].Cost())
	}
	return sum
}

// Split puts units into as few batches as their order allows. A unit that only
// creates or only deletes may be divided where it is larger than a batch; any
// other that is too large is an error, and so is a single change.
func Split(units []Unit) ([]Batch, error) {
	var batches []Batch
	var open Batch
	var spent Cost
	for _, u := range units {
		parts, err := u.divide()
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			cost := CostOf(part)
			if len(open) > 0 && !spent.add(cost).fits() {
				batches = append(batches, open)
				open, spent = nil, Cost{}
			}
			open = append(open, part...)
			spent = spent.add(cost)
		}
	}
	if len(open) > 0 {
		batches = append(batches, open)
	}
	return batches, nil
}

// divide returns the unit as it is, or where it is too large change by change.
func (u Unit) divide() ([]Unit, error) {
	if CostOf(u).fits() {
		return []Unit{u}, nil
	}
	mixed := slices.ContainsFunc(u, func(c Change) bool { return c.Action != u[0].Action })
	if mixed {
		cost := CostOf(u)
		return nil, fmt.Errorf("the changes of %s belong into one batch and are %d records with %d characters; "+
			"AWS allows %d with %d",
			ReadableName(aws.ToString(u[0].Set.Name)), cost.Records, cost.Characters, MaxRecords, MaxCharacters)
	}
	parts := make([]Unit, 0, len(u))
	for _, c := range u {
		cost := c.Cost()
		if !cost.fits() {
			return nil, fmt.Errorf("%s %s has %d records with %d characters; AWS allows %d with %d in a batch",
				ReadableName(aws.ToString(c.Set.Name)), c.Set.Type, cost.Records, cost.Characters, MaxRecords, MaxCharacters)
		}
		parts = append(parts, Unit{c})
	}
	return parts, nil
}

// Input is the batch as the API has it, with a comment unless that is "".
func (b Batch) Input(comment string) *types.ChangeBatch {
	in := &types.ChangeBatch{Changes: make([]types.Change, len(b))}
	if comment != "" {
		in.Comment = aws.String(comment)
	}
	for i := range b {
		in.Changes[i] = types.Change{Action: b[i].Action, ResourceRecordSet: &b[i].Set}
	}
	return in
}
