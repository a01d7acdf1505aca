package nametemplate

import (
	"testing"

	"inside53/server/house"
)

// TestImports holds the package to the arrows of the house.
func TestImports(t *testing.T) { house.Imports(t) }
