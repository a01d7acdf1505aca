package route53

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"inside53/resolver/zone"
	"inside53/zonesource"
	"inside53/zonesource/awscall"
)

// refreshCollections lists the CIDR collections that the zones' IP-based records name,
// and delivers the catalog again where they differ from those it had. Who has no such
// records makes no call. It is optional: what goes wrong is a problem, and the last
// good collections stay.
func (l *lister) refreshCollections(ctx context.Context, deliver func(zonesource.Part)) {
	was, ids := l.delivered, l.namedCollections()
	if was.Catalog == nil || slices.Equal(ids, l.asked) {
		return // no list of zones to go with, or nothing new in this cycle
	}
	l.asked = ids
	collections, problems := l.listCollections(ctx, ids)
	if ctx.Err() != nil {
		return
	}
	if reflect.DeepEqual(collections, l.collections) && reflect.DeepEqual(problems, l.collectionProblems) {
		return
	}
	others := was.Problems[:len(was.Problems)-len(l.collectionProblems)]
	l.collections, l.collectionProblems = collections, problems
	catalog := *was.Catalog
	catalog.Collections = collections
	was.Catalog, was.Problems = &catalog, slices.Concat(others, problems)
	l.delivered = was
	deliver(was)
}

// refreshNewCollections does so at once for a zone that names a collection which nobody
// has asked for: its records shouldn't wait for the end of the cycle.
func (l *lister) refreshNewCollections(ctx context.Context, z *state, deliver func(zonesource.Part)) {
	for _, id := range z.named {
		known := slices.ContainsFunc(l.collections, func(c zonesource.Collection) bool { return c.ID == id })
		if !known && !slices.Contains(l.asked, id) {
			l.refreshCollections(ctx, deliver)
		}
	}
}

// namedCollections are the ids that the zones' records name, sorted.
func (l *lister) namedCollections() []string {
	var ids []string
	for _, z := range l.zones {
		if !z.hosted.Gone {
			ids = append(ids, z.named...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// listCollections returns the collections of these ids, with the last good one for
// each that can't be listed. One whose version hasn't changed isn't listed again.
func (l *lister) listCollections(ctx context.Context, ids []string) ([]zonesource.Collection, []zonesource.Problem) {
	if len(ids) == 0 {
		return nil, nil
	}
	var out []zonesource.Collection
	var problems []zonesource.Problem
	listed, err := l.listSummaries(ctx)
	if err != nil {
		problems = append(problems, l.collectionProblem("", err))
	}
	for _, id := range ids {
		at := slices.IndexFunc(l.collections, func(c zonesource.Collection) bool { return c.ID == id })
		fresh := listed[id]
		fresh.ID = id
		if err == nil && (at < 0 || fresh.Version == 0 || fresh.Version != l.collections[at].Version) {
			found, failure := l.listBlocks(ctx, &fresh)
			problems = append(problems, found...)
			if failure == nil {
				if len(found) > 0 {
					fresh.Version = 0 // to be listed again: the problems have to stay
				}
				out = append(out, fresh)
				continue
			}
			problems = append(problems, l.collectionProblem(id, failure))
		}
		if at >= 0 {
			out = append(out, l.collections[at])
		}
	}
	return out, problems
}

func (l *lister) collectionProblem(id string, err error) zonesource.Problem {
	l.source.log.Warn("cidr collections not refreshed", "account", l.account.Name, "collection", id, "error", err)
	return zonesource.Problem{Zone: strings.TrimSpace("CIDR collections " + id),
		Reason: fmt.Sprintf("IP-based records go by an earlier listing of the blocks, or by their default: %v", err)}
}

// listSummaries lists the collections of the account, without their blocks, by id.
func (l *lister) listSummaries(ctx context.Context) (map[string]zonesource.Collection, error) {
	what := "listing the CIDR collections of " + l.account.String()
	all := map[string]zonesource.Collection{}
	err := awscall.Pages(what, func(token string) (string, error) {
		out, err := call(ctx, l, l.api.collections, what, &route53.ListCidrCollectionsInput{NextToken: awscall.Token(token)})
		if err != nil {
			return "", err
		}
		for _, c := range out.CidrCollections {
			all[aws.ToString(c.Id)] = zonesource.Collection{Name: aws.ToString(c.Name), Version: aws.ToInt64(c.Version)}
		}
		return followingToken(what, out.NextToken, len(out.CidrCollections))
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// listBlocks fills in the blocks of a collection. Problems are of single blocks. A
// collection that isn't the account's own may be shared with it, so it is asked for
// all the same.
func (l *lister) listBlocks(ctx context.Context, c *zonesource.Collection) ([]zonesource.Problem, error) {
	what := fmt.Sprintf("listing the blocks of CIDR collection %s (%s)", c.Name, c.ID)
	var problems []zonesource.Problem
	err := awscall.Pages(what, func(token string) (string, error) {
		out, err := call(ctx, l, l.api.blocks, what,
			&route53.ListCidrBlocksInput{CollectionId: aws.String(c.ID), NextToken: awscall.Token(token)})
		if err != nil {
			return "", err
		}
		for _, b := range out.CidrBlocks {
			location := aws.ToString(b.LocationName)
			p, err := netip.ParsePrefix(aws.ToString(b.CidrBlock))
			if err != nil {
				reason := fmt.Sprintf("a block can't be read: %v", err)
				problems = append(problems, zonesource.Problem{Zone: "CIDR collections " + c.ID, Name: location, Reason: reason})
				continue
			}
			c.Blocks = append(c.Blocks, zonesource.Block{Location: location, Prefix: p.Masked()})
		}
		return followingToken(what, out.NextToken, len(out.CidrBlocks))
	})
	if err != nil {
		return nil, err
	}
	return problems, nil
}

// collectionsOf returns the ids of the collections that record sets name, sorted.
func collectionsOf(sets []recordSet) []string {
	var ids []string
	for i := range sets {
		if c := sets[i].CidrRoutingConfig; c != nil && aws.ToString(c.CollectionId) != "" {
			ids = append(ids, *c.CollectionId)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// collectionsOfTree is collectionsOf for records that were saved.
func collectionsOfTree(tree *zone.Tree) []string {
	var ids []string
	for _, n := range tree.All {
		for s := range n.RRsets {
			if s.Kind != zone.Group || s.Policy() != zone.IPBased {
				continue
			}
			var m zone.Member
			for w := s.Members(); w.Next(&m); {
				ids = append(ids, string(m.Collection))
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
