package changes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/zonesource/awscall"
)

// RecordsOf lists the record sets of some names of a zone, in the form of the API. It
// goes through the zone in Route 53's order, from name to name, and so makes at most as
// many calls as there are names or pages, whichever is fewer.
func (c *Client) RecordsOf(ctx context.Context, z Zone, names []string) ([]RecordSet, error) {
	what := "listing records of " + z.String()
	wanted := map[string]bool{}
	var order []string
	for _, n := range names {
		n = CanonicalName(n)
		if !wanted[n] {
			wanted[n] = true
			order = append(order, n)
		}
	}
	slices.SortFunc(order, func(a, b string) int { return strings.Compare(reversed(a), reversed(b)) })
	found := map[key]RecordSet{}
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(z.ID)}
	for len(order) > 0 {
		if in.StartRecordName == nil {
			in.StartRecordName = aws.String(order[0])
		}
		out, err := call(ctx, c, c.api.records, true, what, in)
		if err != nil {
			return nil, err
		}
		for i := range out.ResourceRecordSets {
			set := out.ResourceRecordSets[i]
			if wanted[CanonicalName(aws.ToString(set.Name))] {
				found[keyOf(&set)] = set
			}
		}
		if !out.IsTruncated {
			order = remaining(order, "")
			in = &route53.ListResourceRecordSetsInput{HostedZoneId: in.HostedZoneId}
			continue
		}
		next := CanonicalName(aws.ToString(out.NextRecordName))
		if len(out.ResourceRecordSets) == 0 || next == "" || next == CanonicalName(*in.StartRecordName) &&
			out.NextRecordType == in.StartRecordType &&
			aws.ToString(out.NextRecordIdentifier) == aws.ToString(in.StartRecordIdentifier) {
			return nil, fmt.Errorf("%s: %w", what, awscall.ErrStuck)
		}
		in = &route53.ListResourceRecordSetsInput{HostedZoneId: in.HostedZoneId}
		if next == order[0] { // its sets go on
			in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType,
				out.NextRecordIdentifier
			continue
		}
		order = remaining(order, next)
		if len(order) > 0 && order[0] == next {
			in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType,
				out.NextRecordIdentifier
		}
	}
	sets := make([]RecordSet, 0, len(found))
	for _, set := range found {
		sets = append(sets, set)
	}
	slices.SortFunc(sets, func(a, b RecordSet) int { return Compare(&a, &b) })
	return sets, nil
}

// remaining are the names that a page, listed from the first of them, doesn't cover:
// those from next on, which begins the page after it ("" for none). Names with octets
// that aren't of host names have to be listed each by itself: how Route 53 sorts them
// isn't documented.
func remaining(order []string, next string) []string {
	if !IsPlain(order[0]) {
		return order[1:]
	}
	var left []string
	for _, n := range order[1:] {
		if !IsPlain(n) || next != "" && (!IsPlain(next) || strings.Compare(reversed(n), reversed(next)) >= 0) {
			left = append(left, n)
		}
	}
	return left
}

// IsPlain reports whether a name is of letters, digits, '-' and '_': those of a page are read by one call.
func IsPlain(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool {
		return !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.')
	})
}
