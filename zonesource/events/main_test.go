package events

import (
	"os"
	"testing"

	"inside53/server/house"
)

// TestMain holds the tests of the package to loopback.
func TestMain(m *testing.M) { os.Exit(house.Loopback(m).Run()) }
