package recorder

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseMoment reads a time as people write it: RFC 3339, a date (its beginning, in UTC), or a
// duration ago such as 90s, 2h or 3d.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		t, err := time.Parse(form, text)
		if err == nil {
			return t, nil
		}
	}
	number, isDays := strings.CutSuffix(text, "d")
	days, err := strconv.ParseUint(number, 10, 15)
	if isDays && err == nil {
		return now.AddDate(0, 0, -int(days)), nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, fmt.Errorf("%q is no time; write one like 2026-01-31T21:14:00Z, a date like 2026-01-31, or how "+
			"long ago, like 2h or 3d", text)
	}
	return now.Add(-ago), nil
}
