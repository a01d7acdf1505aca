package events

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"inside53/resolver/zone"
	"inside53/zonesource/changes"
	"inside53/zonesource/rdata"
)

// recordsOf lists the record sets of some names of a zone.
func (r *Reader) recordsOf(ctx context.Context, z *zone.Zone, names [][]byte) ([]types.ResourceRecordSet, error) {
	client := r.clients[z.Account]
	if client == nil {
		return nil, fmt.Errorf("reading names of %s: its account %q isn't read", z.ID, z.Account)
	}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = rdata.FormatName(name)
	}
	of := changes.Zone{ID: z.ID, Name: rdata.FormatName(z.Apex), Private: z.Origin == zone.Private}
	return client.RecordsOf(ctx, of, texts)
}
