package served

import (
	"testing"

	"inside53/server/admin"
)

// TestUserList names the first of those who ask, and counts the others.
func TestUserList(t *testing.T) {
	if got := userList([]admin.UsedBy{
		{Address: "10.0.1.21", Instance: "i-0fa", Name: "web-3.internal."}, {Address: "10.0.1.22", Instance: "i-0fb"},
		{Address: "10.0.1.23"}, {}, {},
	}); got != "web-3.internal i-0fa (10.0.1.21), i-0fb (10.0.1.22), 10.0.1.23, 2 more" {
		t.Error(got)
	}
}
