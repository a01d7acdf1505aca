package dangling

import (
	"testing"

	"inside53/server/house"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(house.Loopback(m)) }

func TestImports(t *testing.T) { house.Imports(t) }
