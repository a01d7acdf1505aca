package register

import (
	"os"
	"testing"

	"inside53/server/house"
)

// TestImports holds the package to the arrows of the house.
func TestImports(t *testing.T) { house.Imports(t) }

func TestMain(m *testing.M) { os.Exit(house.Loopback(m).Run()) }
