package awssim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// TestReload reads a directory that has changed, forgets what was written, keeps what no directory has, and stays as
// it is where the directory has a fault.
func TestReload(t *testing.T) {
	files := zoneList(2)
	s := newSim(t, Options{Data: files})
	server := httptest.NewServer(s)
	defer server.Close()
	reload := func() (int, string) {
		t.Helper()
		response, err := server.Client().Post(server.URL+"/_sim/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	zones := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.base.zones)
	}
	err := s.CreateBucket("kept")
	if err != nil {
		t.Fatal(err)
	}
	more := zoneList(3)
	for name := range more {
		files[name] = more[name]
	}
	status, text := reload()
	if status != http.StatusOK || zones() != 3 || s.Objects("kept") == nil {
		t.Errorf("%d %s: %d zones", status, text, zones())
	}
	files["route53/list-hosted-zones.json"] = &fstest.MapFile{Data: []byte(`{"HostedZones":[{]}`)}
	status, text = reload()
	if status != http.StatusUnprocessableEntity || !strings.Contains(text, "list-hosted-zones.json") || zones() != 3 {
		t.Errorf("%d %s: %d zones", status, text, zones())
	}
}
