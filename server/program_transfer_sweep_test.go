package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestTransfersSweep: the state directory doesn't grow by zones that are gone.
func TestTransfersSweep(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	config := c.transferConfig("127.0.0.1:9")
	dir := s.path("state/transfers")
	served := func(p *program) {
		t.Helper()
		f := &follower{p: p, from: "127.0.0.1", key: "dublin.", apex: "example.com."}
		p.await(t, "the zone is published", func() bool {
			return f.exchange(t, f.sign(new(dns.Msg).SetQuestion(f.apex, dns.TypeSOA))).Rcode == dns.RcodeSuccess
		})
	}
	p := s.ready(t, config)
	served(p)
	p.end(t)
	before := []string{filepath.Join(dir, "histories")}
	_, err := os.Stat(before[0])
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-31 * 24 * time.Hour)
	for name, age := range map[string]time.Time{
		"view%2Fgone%2Fold.history": long, "view%2Fgone%2Fyoung.history": time.Now(), "note.txt": long,
	} {
		err = os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600)
		if err == nil {
			err = os.Chtimes(filepath.Join(dir, name), age, age)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range before {
		err = os.Chtimes(path, long, long) // of zones that haven't changed for as long
		if err != nil {
			t.Fatal(err)
		}
	}
	p = s.ready(t, config)
	served(p)
	p.await(t, "the old one is gone", func() bool {
		_, err := os.Stat(filepath.Join(dir, "view%2Fgone%2Fold.history"))
		return errors.Is(err, fs.ErrNotExist)
	})
	for _, path := range append(before, filepath.Join(dir, "view%2Fgone%2Fyoung.history"),
		filepath.Join(dir, "note.txt")) {
		_, err := os.Stat(path)
		if err != nil {
			t.Error(err)
		}
	}
}
