package awssim

import (
	"encoding/json"
	"strings"
)

// faultOrder is a fault as PUT /_sim/faults has it.
type faultOrder struct {
	Operation string    `json:"operation"`
	Fault     faultName `json:"fault"`
	Page      int       `json:"page"`
	Count     int       `json:"count"`
}

func (o faultOrder) fault() Fault { return Fault{o.Operation, string(o.Fault), o.Page, o.Count} }

// faultName is a kind of fault as people write it, or as AWS calls the error; see faultNames.
type faultName string

// UnmarshalJSON takes a string, or the number of an HTTP status.
func (n *faultName) UnmarshalJSON(text []byte) error {
	var number json.Number
	err := json.Unmarshal(text, &number)
	if err == nil {
		*n = canonicalFault(number.String())
		return nil
	}
	var name string
	err = json.Unmarshal(text, &name)
	if err != nil {
		return err
	}
	*n = canonicalFault(name)
	return nil
}

// canonicalFault returns the kind that a name means: case, spaces, hyphens and underscores don't
// count. What means none is returned as it is.
func canonicalFault(name string) faultName {
	squeezed := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
	for kind, names := range faultNames() {
		for _, other := range names {
			if squeezed == other {
				return faultName(kind)
			}
		}
	}
	return faultName(name)
}

// faultNames are the names of each kind; the kind "" disarms.
func faultNames() map[string][]string {
	return map[string][]string{
		"":    {"", "none", "off"},
		"500": {"500", "error", "internalerror", "internalfailure", "internalservererror", "servererror"},
		"throttle": {"throttle", "throttled", "throttling", "throttlingexception", "requestlimitexceeded",
			"rateexceeded"},
		"access-denied": {"accessdenied", "accessdeniedexception", "denied", "unauthorizedoperation", "403"},
		"expired-token": {"expiredtoken", "expiredtokenexception", "requestexpired", "expired"},
		"hang":          {"hang", "hanging", "timeout"},
		"fail":          {"fail", "failed", "failure"},
		"empty":         {"empty", "emptied", "emptylisting"},
		"changing":      {"changing", "change", "changes"},
		"stuck":         {"stuck"},
		"prior-request": {"priorrequest", "priorrequestnotcomplete"},
		"409":           {"409", "conflict", "conditionalrequestconflict", "operationaborted"},
		"lost":          {"lost", "lose", "loss"},
	}
}
