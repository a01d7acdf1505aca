package member

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"inside53/server/admin"
	"inside53/server/config"
	"inside53/server/sources"
)

// TestAlone: a nil Side is a server that is alone.
func TestAlone(t *testing.T) {
	var s *Side
	ctx := context.Background()
	s.AwaitStore(ctx)
	s.Readopt(ctx)
	s.SetAccounts(nil)
	for what, err := range map[string]error{
		"run": s.Run(ctx), "bell": s.RunBell(ctx), "twin": s.Fault(), "keys": s.SetKeys(&config.Config{}),
		"configuration": s.Reconfigure(&config.Config{}, nil, 1),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if s.Leading() != nil || s.Door() != nil || s.IsMember(netip.IPv6Loopback()) || s.Standing().Leader != "" {
		t.Error("it is of a fleet")
	}
	if all := s.Local(make([]sources.Built, 2)); len(all) != 2 {
		t.Errorf("it reads %d of 2 sources by itself", len(all))
	}
	_, err := NewDesk(s).State()
	var refused *admin.Refusal
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("its fleet is %v", err)
	}
}

// TestLocal: of a fleet each server reads files by itself, and one of them all else.
func TestLocal(t *testing.T) {
	all := []sources.Built{{Local: true}, {}, {}}
	if here, shared := len((&Side{}).Local(all)), len(sharedOf(all)); here != 1 || shared != 2 {
		t.Errorf("each server reads %d, one of them %d", here, shared)
	}
}
