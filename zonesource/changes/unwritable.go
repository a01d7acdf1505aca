package changes

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/zonesource/rdata"
)

// isWritable reports whether a value has a form in master files: AWS keeps some that are no
// data of their type.
func isWritable(kind, value string) bool {
	rrtype, known := rdata.Type(kind)
	if !known {
		return false
	}
	packed, err := rdata.ParseValue(rrtype, value)
	if err != nil {
		return false
	}
	_, err = rdata.FormatMasterValue(rrtype, packed)
	return err == nil
}

// KeepUnwritable returns what is wanted by a master file with what such a file can't hold:
// the values of a zone that have no form in it, which an export leaves out. Notes name the
// record sets that have such values.
func KeepUnwritable(z Zone, current, wanted []RecordSet) ([]RecordSet, []Note) {
	var notes []Note
	out := slices.Clone(wanted)
	at := map[key]int{}
	for i := range out {
		at[keyOf(&out[i])] = i
	}
	for i := range current {
		set := &current[i]
		unwritable := slices.DeleteFunc(slices.Clone(set.ResourceRecords), func(v Value) bool {
			return isWritable(string(set.Type), aws.ToString(v.Value))
		})
		if len(unwritable) == 0 || z.Own(set) {
			continue
		}
		kept := *set
		kept.ResourceRecords = unwritable
		notes = append(notes, Note{kept, "a master file can't hold this; it stays as it is"})
		j, known := at[keyOf(set)]
		if !known {
			out = append(out, kept)
			continue
		}
		if out[j].AliasTarget == nil {
			out[j].ResourceRecords = append(slices.Clip(out[j].ResourceRecords), unwritable...)
		}
	}
	return out, notes
}
