package member

import (
	"testing"

	"inside53/server/house"
)

func TestImports(t *testing.T) { house.Imports(t) }
