package recorder

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2h": now.Add(-2 * time.Hour), "3d": now.AddDate(0, 0, -3), "0s": now,
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"2026-01-31T21:14:00+01:00": time.Date(2026, 1, 31, 20, 14, 0, 0, time.UTC),
	} {
		got, err := ParseMoment(text, now)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s is %s, want %s, %v", text, got, want, err)
		}
	}
	for _, text := range []string{"", "yesterday", "-2h", "2x", "31.1.2026", "-3d"} {
		_, err := ParseMoment(text, now)
		if err == nil {
			t.Errorf("%q is a time", text)
		}
	}
}
