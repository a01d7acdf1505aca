package changes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/zonesource/awscall"
	"inside53/zonesource/refresh"
)

// Records lists all record sets of a zone, in the order of Route 53.
func (c *Client) Records(ctx context.Context, z Zone) ([]RecordSet, error) {
	return c.list(ctx, z, start{}, func(*RecordSet) bool { return true })
}

// SteadyRecords lists all record sets of a zone, once more where Route 53 counts another
// number of them: a listing is no snapshot.
func (c *Client) SteadyRecords(ctx context.Context, z Zone) ([]RecordSet, error) {
	sets, err := c.Records(ctx, z)
	if err != nil || len(sets) == z.Records {
		return sets, err
	}
	now, err := c.Zone(ctx, z.ID)
	if err != nil || len(sets) == now.Records {
		return sets, err
	}
	return c.Records(ctx, z)
}

// RecordsAt lists the record sets of one name of a zone, in the form of the API.
func (c *Client) RecordsAt(ctx context.Context, z Zone, name string) ([]RecordSet, error) {
	name = CanonicalName(name)
	isAt := func(r *RecordSet) bool { return CanonicalName(aws.ToString(r.Name)) == name }
	return c.list(ctx, z, start{name: name}, isAt)
}

// start is where a page of record sets begins.
type start struct {
	name   string
	rrtype types.RRType
	id     string
}

// list lists record sets from where begin says, as long as keep says so.
func (c *Client) list(ctx context.Context, z Zone, begin start, keep func(*RecordSet) bool) ([]RecordSet, error) {
	what := "listing the records of " + z.String()
	var all []RecordSet
	seen := map[key]bool{}
	err := awscall.Pages(what, func(at start) (start, error) {
		if at == (start{}) {
			at = begin
		}
		out, err := call(ctx, c, c.api.records, true, what, &route53.ListResourceRecordSetsInput{
			HostedZoneId: aws.String(z.ID), StartRecordName: awscall.Token(at.name),
			StartRecordType: at.rrtype, StartRecordIdentifier: awscall.Token(at.id),
		})
		if err != nil {
			return start{}, err
		}
		for i := range out.ResourceRecordSets {
			set := &out.ResourceRecordSets[i]
			if !keep(set) {
				return start{}, nil
			}
			if seen[keyOf(set)] {
				return start{}, fmt.Errorf("%s: %s %s is listed twice", what, ReadableName(aws.ToString(set.Name)), set.Type)
			}
			seen[keyOf(set)] = true
			all = append(all, *set)
		}
		if !out.IsTruncated {
			return start{}, nil
		}
		if len(out.ResourceRecordSets) == 0 || aws.ToString(out.NextRecordName) == "" {
			return start{}, fmt.Errorf("%s: %w", what, awscall.ErrStuck)
		}
		return start{*out.NextRecordName, out.NextRecordType, aws.ToString(out.NextRecordIdentifier)}, nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// RefusedError says that AWS refused a batch for what is in it, or in the zone.
type RefusedError struct {
	Zone    Zone
	Reasons []string // as AWS words them
	Err     error
}

// Error has a line a reason.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("AWS refused the changes in %s, none of them was made:\n  %s", e.Zone,
		strings.Join(e.Reasons, "\n  "))
	if e.Changed() {
		text += "\nsomebody else has changed the zone meanwhile: look at it, and try again"
	}
	return text
}

// Changed reports whether the zone was not as the batch expected it: what it deletes
// was another or gone, or what it creates was there.
func (e *RefusedError) Changed() bool {
	return slices.ContainsFunc(e.Reasons, func(text string) bool {
		return strings.Contains(text, "but it was not found") || strings.Contains(text, "but it already exists") ||
			strings.Contains(text, "do not match the current values")
	})
}

// Unwrap returns the error of the call.
func (e *RefusedError) Unwrap() error { return e.Err }

// ErrUnknown says that it isn't known whether a batch was accepted.
var ErrUnknown = errors.New("whether the changes were made is not known")

// submissions is how often a batch is sent whose answer was lost.
const submissions = 3

// Submit sends one batch and returns the id of the change once AWS has accepted it. Where
// the answer was lost, the zone is read to see whether the batch was accepted; the id is
// "" then if it was.
func (c *Client) Submit(ctx context.Context, z Zone, b Batch) (string, error) {
	what := fmt.Sprintf("changing %s", z)
	in := &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String(z.ID),
		ChangeBatch: b.Input(c.options.Comment)}
	for n := 1; ; n++ {
		out, err := call(ctx, c, c.api.change, false, what, in)
		var invalid *types.InvalidChangeBatch
		switch {
		case err == nil:
			return changeID(out.ChangeInfo), nil
		case errors.As(err, &invalid):
			refused := &RefusedError{z, reasons(invalid), err}
			if n == 1 {
				return "", refused
			}
			// Of an earlier attempt nothing was known: it may have arrived since.
			done, readErr := c.applied(ctx, z, b)
			if readErr != nil {
				return "", fmt.Errorf("%w: %w; %w", ErrUnknown, refused, readErr)
			}
			if !done {
				return "", refused
			}
			return "", nil
		case ctx.Err() == nil && !isUnanswered(err):
			return "", err
		case ctx.Err() != nil || n == submissions:
			return "", fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		done, readErr := c.applied(ctx, z, b)
		if readErr != nil {
			return "", fmt.Errorf("%w: %w; %w", ErrUnknown, err, readErr)
		}
		if done {
			return "", nil
		}
		c.options.Log.Debug("sending a batch again that was not accepted", "zone", z.ID, "error", err)
	}
}

// reasons are what AWS says of the changes at fault.
func reasons(e *types.InvalidChangeBatch) []string {
	if len(e.Messages) > 0 {
		return e.Messages
	}
	return []string{strings.TrimSuffix(strings.TrimPrefix(aws.ToString(e.Message), "["), "]")}
}

// applied reads whether the zone is as a batch leaves it.
func (c *Client) applied(ctx context.Context, z Zone, b Batch) (bool, error) {
	names := make([]string, len(b))
	for i := range b {
		names[i] = aws.ToString(b[i].Set.Name)
	}
	sets, err := c.RecordsOf(ctx, z, names)
	if err != nil {
		return false, err
	}
	return Applied(sets, b), nil
}

// Applied reports whether record sets are as a batch leaves them.
func Applied(sets []RecordSet, b Batch) bool {
	have := index(sets)
	left := map[key]*RecordSet{}
	for i := range b {
		k := keyOf(&b[i].Set)
		left[k] = nil
		if b[i].Action != Delete {
			left[k] = &b[i].Set
		}
	}
	for k, want := range left {
		is := have[k]
		if (is == nil) != (want == nil) || want != nil && !Equal(is, want) {
			return false
		}
	}
	return true
}

// changeID is the id of a change, without its path.
func changeID(info *types.ChangeInfo) string {
	if info == nil {
		return ""
	}
	return strings.TrimPrefix(aws.ToString(info.Id), "/change/")
}

// Wait returns when all name servers of Route 53 have the changes of these ids. After
// each question progress, if not nil, is told how many have arrived.
func (c *Client) Wait(ctx context.Context, ids []string, progress func(arrived, all int)) error {
	for arrived := 0; arrived < len(ids); {
		id := ids[arrived]
		if id == "" { // of a batch whose answer was lost
			arrived++
			continue
		}
		insync, err := c.Insync(ctx, id)
		if err != nil {
			return err
		}
		if insync {
			arrived++
		}
		if progress != nil {
			progress(arrived, len(ids))
		}
		if insync {
			continue
		}
		err = refresh.Pause(ctx, c.options.Poll/2+rand.N(c.options.Poll))
		if err != nil {
			return fmt.Errorf("waiting for change %s: %w", id, err)
		}
	}
	return nil
}

// Insync asks whether all name servers of Route 53 have a change.
func (c *Client) Insync(ctx context.Context, id string) (bool, error) {
	out, err := call(ctx, c, c.api.status, true, "waiting for change "+id, &route53.GetChangeInput{Id: aws.String(id)})
	if err != nil {
		return false, err
	}
	return out.ChangeInfo != nil && out.ChangeInfo.Status == types.ChangeStatusInsync, nil
}
