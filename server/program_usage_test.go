package server

import (
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inside53/server/admin"
	"inside53/server/served"
)

// TestProgramUsage: of each record set it is known when it was asked for last and by which
// instances, or that nobody has asked since the start.
func TestProgramUsage(t *testing.T) {
	c := newCloud(t, nil)
	p := newSite(t).ready(t, c.config())
	use := func(name, rrtype string) admin.Usage {
		var all []admin.Usage
		p.into(t, "/usage?zone="+publicZone+"&name="+name, &all)
		for _, u := range all {
			if u.Type == rrtype {
				return u
			}
		}
		t.Fatalf("no %s %s in %+v", name, rrtype, all)
		return admin.Usage{}
	}
	if u := use("jump.example.com", "CNAME"); u.Last != nil || time.Since(u.Since) > time.Hour || len(u.Clients) > 0 {
		t.Errorf("before anybody asks: %+v", u)
	}
	for range 3 {
		p.check(t, asks(dublin, "jump.example.com A", "CNAME bastion.example.com.", "10.0.1.10"),
			asks(dublin, "x.apps.example.com A", "203.0.113.80"))
	}
	p.await(t, "it is known who asked", func() bool { return use("jump.example.com", "CNAME").Count == 3 })
	for _, of := range [][2]string{
		{"jump.example.com", "CNAME"}, {"bastion.example.com", "A"}, {"*.apps.example.com", "A"},
	} {
		u := use(of[0], of[1])
		if u.Last == nil || time.Since(*u.Last) > time.Hour || u.Count != 3 || len(u.Clients) != 1 ||
			u.Clients[0].Address != dublin || u.Clients[0].Count != 3 || u.Zone != publicZone {
			t.Errorf("%s %s: %+v", of[0], of[1], u)
		}
	}
	if u := use("ntp.example.com", "A"); u.Last != nil {
		t.Errorf("ntp was never asked for: %+v", u)
	}
	var all []admin.Usage
	p.into(t, "/usage?zone=example.com&limit=5", &all)
	if len(all) != 5 {
		t.Errorf("a page of %d", len(all))
	}
	code, _ := p.get(t, http.MethodGet, "/usage?zone=nowhere.example")
	if code != http.StatusNotFound {
		t.Errorf("an unknown zone: %d", code)
	}
	_, body := p.get(t, http.MethodGet, "/explain?name=jump.example.com&client="+dublin)
	if !strings.Contains(body, "jump.example.com. CNAME of "+publicZone+": last at 20") ||
		!strings.Contains(body, "by "+dublin) {
		t.Errorf("explain says nothing of it: %s", body)
	}
	_, body = p.get(t, http.MethodGet, "/explain?name=git.example.com&client="+dublin)
	if !strings.Contains(body, "git.example.com. A of "+privateZone+": never since 20") {
		t.Errorf("explain doesn't say that nobody asked: %s", body)
	}
}

// TestProgramUsageSaved: a restart keeps who has asked, and since when that is noted; a damaged file begins anew.
func TestProgramUsageSaved(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	use := func(p *program, name, rrtype string) admin.Usage {
		var all []admin.Usage
		p.into(t, "/usage?zone="+publicZone+"&name="+name, &all)
		for _, u := range all {
			if u.Type == rrtype {
				return u
			}
		}
		t.Fatalf("no %s %s in %+v", name, rrtype, all)
		return admin.Usage{}
	}
	p := s.ready(t, c.config())
	p.check(t, asks(dublin, "jump.example.com A", "CNAME bastion.example.com.", "10.0.1.10"))
	p.await(t, "it is known who asked", func() bool { return use(p, "jump.example.com", "CNAME").Count == 1 })
	asked, never := use(p, "jump.example.com", "CNAME"), use(p, "ntp.example.com", "A")
	p.end(t)

	time.Sleep(time.Until(never.Since.Add(2 * time.Second))) // times are in seconds
	p = s.ready(t, c.config())
	p.await(t, "who asked is known again", func() bool { return use(p, "jump.example.com", "CNAME").Count == 1 })
	if got := use(p, "jump.example.com", "CNAME"); got.Last == nil || !got.Last.Equal(*asked.Last) ||
		len(got.Clients) != 1 || got.Clients[0].Address != dublin {
		t.Errorf("after the restart: %+v; before: %+v", got, asked)
	}
	if got := use(p, "ntp.example.com", "A"); got.Last != nil || !got.Since.Equal(never.Since) {
		t.Errorf("never asked for, after the restart: %+v; before: %+v", got, never)
	}
	p.end(t)

	err := os.Truncate(filepath.Join(s.path("state"), "usage"), 30)
	if err != nil {
		t.Fatal(err)
	}
	p = s.ready(t, c.config())
	if got := use(p, "jump.example.com", "CNAME"); got.Last != nil || !got.Since.After(never.Since) {
		t.Errorf("of a damaged file: %+v", got)
	}
	p.await(t, "the log says so", func() bool {
		log := p.log.String()
		return strings.Contains(log, "usage not restored as a whole") && strings.Contains(log, "it is damaged")
	})
}

// TestProgramUsageWhileDraining: what is asked while the server drains is known after the restart too.
func TestProgramUsageWhileDraining(t *testing.T) {
	c := newCloud(t, nil)
	s := newSite(t)
	p := s.ready(t, strings.Replace(c.config(), "drain: 0s", "drain: 3s", 1))
	p.cancel()
	p.await(t, "unready", func() bool { return !p.readiness(t).Ready })
	p.await(t, "it is saved for the first time", func() bool {
		_, err := os.Stat(filepath.Join(s.path("state"), "usage"))
		return err == nil
	})
	p.check(t, asks(dublin, "jump.example.com A", "CNAME bastion.example.com.", "10.0.1.10"))
	p.end(t)

	p = s.ready(t, c.config())
	p.await(t, "it is known that somebody asked", func() bool {
		var all []admin.Usage
		p.into(t, "/usage?zone="+publicZone+"&name=jump.example.com", &all)
		return slices.ContainsFunc(all, func(u admin.Usage) bool { return u.Type == "CNAME" && u.Last != nil })
	})
}

// TestProgramUsageOfInstances names the instances that ask.
func TestProgramUsageOfInstances(t *testing.T) {
	c := newCloud(t, nil)
	wide := strings.Replace(c.config(), "clients: [127.1.0.0/16]", "clients: [127.1.0.0/16, 10.0.0.0/8]", 1)
	p := newSite(t).ready(t, wide)
	for _, client := range []string{"10.0.1.10", "10.0.1.21"} {
		id, name := served.InstanceOf(p.app.resolver.Snapshot(), netip.MustParseAddr(client))
		if !strings.HasPrefix(id, "i-") || name == "" {
			t.Errorf("%s is instance %q, named %q", client, id, name)
		}
	}
	id, _ := served.InstanceOf(p.app.resolver.Snapshot(), netip.MustParseAddr("10.200.0.1"))
	if id != "" {
		t.Errorf("nobody's address is of %s", id)
	}
}
