package export

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"inside53/zonesource/changes"
)

// TestEncodeJSON: a batch is written as `aws route53 change-resource-record-sets
// --change-batch` reads it.
func TestEncodeJSON(t *testing.T) {
	set := changes.RecordSet{
		Name: aws.String("a.example."), Type: "TXT", TTL: aws.Int64(300),
		ResourceRecords: []changes.Value{{Value: aws.String(`"000"`)}},
	}
	alias := changes.RecordSet{
		Name: aws.String("b.example."), Type: "A",
		AliasTarget: &changes.AliasTarget{DNSName: aws.String("a.example."), HostedZoneId: aws.String("Z1")},
	}
	set.Weight, set.SetIdentifier = aws.Int64(0), aws.String("x<&>")
	text, err := EncodeJSON(changes.Batch{{Action: changes.Create, Set: set},
		{Action: changes.Delete, Set: alias}}.Input(""))
	want := `{
    "Changes": [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {
                "Name": "a.example.",
                "Type": "TXT",
                "ResourceRecords": [
                    {
                        "Value": "\"000\""
                    }
                ],
                "SetIdentifier": "x<&>",
                "TTL": 300,
                "Weight": 0
            }
        },
        {
            "Action": "DELETE",
            "ResourceRecordSet": {
                "Name": "b.example.",
                "Type": "A",
                "AliasTarget": {
                    "DNSName": "a.example.",
                    "EvaluateTargetHealth": false,
                    "HostedZoneId": "Z1"
                }
            }
        }
    ]
}
`
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, text, want)
	}
	_, err = EncodeJSON(map[string]string{"a": "b"})
	if err == nil {
		t.Error("what is no output of the SDK was encoded")
	}
}
