//go:build clients

package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// consolePages are the pages, each with what it has to show.
var consolePages = []struct{ fragment, picture, want string }{
	{"overview", "overview", "Queries a second"},
	{"explain?name=www.example.com", "explain", "view dublin"},
	{"explain", "", "Which name?"},
	{"zones", "zones", "big.example."},
	{"zone?id=Z1009382KD7YH2M4ZSLC&apex=example.com.", "zone", "status-page"},
	{"zone?id=Z1009382KD7YH2M4ZSLC&apex=example.com.&tab=changes", "", "status-page"},
	{"zone?id=Z1009382KD7YH2M4ZSLC&apex=example.com.&tab=unservable", "", "0 records"},
	{"zone?id=Z1009382KD7YH2M4ZSLC&apex=example.com.&tab=policies", "", "cache.example.com."},
	{"zone?id=Z1009382KD7YH2M4ZSLC&apex=example.com.&tab=usage", "usage", "db.example.com."},
	{"split?zone=example.com.", "split", "the internet"},
	{"views", "views", "virginia"},
	{"changes", "changes", "Put it back"},
	{"report", "report", "Report"},
	{"parts", "parts", "big.example."},
	{"live", "live", "bastion.example.com."},
	{"top", "top", "www.example.com."},
	{"upstreams", "upstreams", "Queries a second"},
	{"health", "health", "Counts as"},
	{"fleet", "fleet", "dns-1c"},
}

// TestClientConsole shows each page in a browser, light, dark and on a phone, and follows its links.
func TestClientConsole(t *testing.T) {
	s := newConsoleSite(t)
	for range 5 {
		s.traffic(t)
	}
	for _, scheme := range []string{"light", "dark", "phone"} {
		switch scheme {
		case "phone":
			s.scheme(t, "light", 390, 844)
		default:
			s.scheme(t, scheme, 1360, 860)
		}
		for _, p := range consolePages {
			s.visit(t, p.fragment)
			if p.fragment == "live" {
				s.traffic(t)
			}
			s.until(t, "document.getElementById('main').innerText.includes("+quote(p.want)+")")
			if wide := eval[int](t, s, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
				t.Errorf("%s, %s: the page is %d pixels wider than the window", p.fragment, scheme, wide)
			}
			if p.picture != "" {
				s.picture(t, p.picture+"-"+scheme)
			}
		}
	}
	s.scheme(t, "light", 1360, 860)
	s.follow(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		t.Errorf("the browser says: %s", fault)
	}
}

// traffic has clients of each view ask.
func (s *consoleSite) traffic(t *testing.T) {
	t.Helper()
	for _, from := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		s.ask(t, from, "www.example.com.", "app.example.com.", "nothing.example.com.", "status.example.com.",
			"host-00042.big.example.", "db.example.com.", "bastion.example.com.")
	}
}

func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

// follow visits each link that any page has, once for each page that it leads to, and more of those with parameters.
func (s *consoleSite) follow(t *testing.T) {
	t.Helper()
	seen, waiting, visits := map[string]int{}, []string{"overview"}, 0
	for _, p := range consolePages {
		waiting = append(waiting, p.fragment)
	}
	done := map[string]bool{}
	for len(waiting) > 0 && visits < 80 {
		fragment := waiting[0]
		waiting = waiting[1:]
		name, _, _ := strings.Cut(fragment, "?")
		if done[fragment] || seen[name] > 8 {
			continue
		}
		done[fragment] = true
		seen[name]++
		visits++
		s.visit(t, fragment)
		text := s.text(t)
		if strings.Contains(text, "No such page") || strings.TrimSpace(text) == "" {
			t.Errorf("the link to %s leads nowhere: %s", fragment, text)
		}
		const links = `[...document.querySelectorAll("a[href]")].map((a) => a.getAttribute("href"))`
		for _, href := range eval[[]string](t, s, links) {
			next, inside := strings.CutPrefix(href, "#/")
			switch {
			case inside && next != "":
				waiting = append(waiting, next)
			case !inside && !strings.HasPrefix(href, "#"):
				t.Errorf("%s has a link to elsewhere: %s", fragment, href)
			}
		}
	}
	if visits < 30 {
		t.Errorf("only %d links", visits)
	}
}

// TestClientConsoleMarkup has records whose names and values are HTML: they are read, not run.
func TestClientConsoleMarkup(t *testing.T) {
	s := newConsoleSite(t)
	for fragment, want := range map[string]string{
		"zone?id=big.example.&apex=big.example.&q=img":            "<img",
		"zone?id=big.example.&apex=big.example.&q=note":           "<script>",
		"zone?id=Z1009382KD7YH2M4ZSLC&apex=example.com.&type=TXT": "<b>bold</b>",
		"changes":                       "<b>bold</b>",
		"split?zone=big.example.&q=img": "<img",
		"explain?name=" + url.QueryEscape(evilName): "10.0.0.66",
		"explain?name=%3Cimg%20src%3Dx%3E":          "<img src=x>",
	} {
		s.visit(t, fragment)
		s.until(t, "document.getElementById('main').innerText.includes("+quote(want)+")")
		made := eval[int](t, s, `document.querySelectorAll("main img, main b.bold, main script").length`)
		title := eval[string](t, s, "document.title")
		if made != 0 || !strings.HasSuffix(title, "inside53") {
			t.Errorf("%s: %d elements of names, the title is %q", fragment, made, title)
		}
	}
	// The policy holds what would come in all the same.
	s.script(t, `(() => { try { const e = document.createElement("script"); e.textContent = "window.ran = 1";
		document.body.append(e); } catch {} })()`)
	if eval[bool](t, s, "Boolean(window.ran)") {
		t.Error("a script that isn't the page's own is run")
	}
	blocked := eval[bool](t, s, `(() => { try { document.body.innerHTML = "<p>"; return false; }
		catch { return true; } })()`)
	if !blocked {
		t.Error("text becomes markup")
	}
}

// TestClientConsoleKeys goes through the console without a mouse.
func TestClientConsoleKeys(t *testing.T) {
	s := newConsoleSite(t)
	press := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			s.run(t, chromedp.KeyEvent(k))
		}
	}
	focused := func() string {
		t.Helper()
		return eval[string](t, s, `(() => { const e = document.activeElement;
			return e.id || e.textContent || e.tagName })()`)
	}
	press(kb.Tab)
	if got := focused(); got != "skip" {
		t.Errorf("the first stop is %q, not the link to the content", got)
	}
	press(kb.Enter)
	if got := focused(); got != "main" {
		t.Errorf("it leads to %q", got)
	}
	press("/")
	if got := focused(); got != "ask-name" {
		t.Errorf("/ leads to %q", got)
	}
	s.run(t, chromedp.SendKeys("#ask-name", "app.example.com"+kb.Enter))
	s.shown(t, "explain")
	s.until(t, `document.querySelectorAll(".tree details").length > 3`)
	// The tree is opened and folded by keys.
	s.script(t, `document.querySelector(".tree details summary").focus()`)
	was := eval[bool](t, s, `document.querySelector(".tree details").open`)
	press(kb.Enter)
	if eval[bool](t, s, `document.querySelector(".tree details").open`) == was {
		t.Error("Enter doesn't open or fold a step")
	}
	s.script(t, `document.activeElement.blur()`)
	for key, name := range map[string]string{"z": "zones", "c": "changes", "h": "health", "o": "overview"} {
		press("g", key)
		s.shown(t, name)
	}
	press("?")
	if !eval[bool](t, s, `document.querySelector("dialog")?.open`) {
		t.Error("? shows no keys")
	}
	press(kb.Escape)
	s.until(t, `!document.querySelector("dialog")`)

	// Each link and field of a page is a stop, and each stop is seen.
	s.visit(t, "zones")
	s.script(t, `document.activeElement.blur()`)
	want := eval[int](t, s, `[...document.querySelectorAll("a[href], button, input, select, [tabindex='0']")].filter(
		(e) => e.checkVisibility()).length`)
	seen := map[string]bool{}
	for range want + 2 {
		press(kb.Tab)
		stop := eval[map[string]any](t, s, `(() => { const e = document.activeElement, c = getComputedStyle(e);
			return { id: [...document.querySelectorAll("*")].indexOf(e), 
				ring: c.outlineStyle !== "none" || e.id === "ask-name" || e === document.body } })()`)
		id := string(rune(int(stop["id"].(float64))))
		if stop["ring"] != true {
			t.Errorf("the focus isn't seen on %s", focused())
		}
		seen[id] = true
	}
	if len(seen) < want {
		t.Errorf("%d stops of %d", len(seen), want)
	}
	// On a phone the menu opens by keys too.
	s.scheme(t, "light", 390, 844)
	s.run(t, chromedp.Focus("#menu"))
	press(kb.Enter)
	if !eval[bool](t, s, `document.getElementById("nav").checkVisibility()`) {
		t.Error("the menu doesn't open")
	}
}

// TestClientConsoleLongList scrolls through 10,000 records: few of them are elements, and none is late.
func TestClientConsoleLongList(t *testing.T) {
	s := newConsoleSite(t)
	s.visit(t, "zone?id=big.example.&apex=big.example.")
	s.until(t, `document.querySelectorAll(".vrow").length > 10`)
	if got := eval[string](t, s, `document.querySelector(".virtual").getAttribute("aria-rowcount")`); got != "10005" {
		t.Errorf("%s rows", got)
	}
	// Frames of 200 steps through the list.
	type frames struct{ Worst, Mean, Most float64 }
	got := eval[frames](t, s, `(async () => {
		const view = document.querySelector(".virtual"), times = [];
		let last = performance.now(), most = 0;
		for (let i = 0; i < 200; i++) {
			view.scrollTop = i * 1790;
			await new Promise(requestAnimationFrame);
			const now = performance.now();
			times.push(now - last);
			last = now;
			most = Math.max(most, document.querySelectorAll(".vrow").length);
		}
		times.sort((a, b) => a - b);
		return { Worst: times[197], Mean: times.reduce((a, b) => a + b) / times.length, Most: most };
	})()`)
	t.Logf("frames: %.1f ms on average, 99 of 100 within %.1f ms; %v rows at most", got.Mean, got.Worst, got.Most)
	if got.Most > 80 || got.Mean > 300 {
		t.Errorf("frames take %.1f ms on average, with %v rows", got.Mean, got.Most)
	}
	s.script(t, `document.querySelector(".virtual").scrollTop = 1e9`)
	s.until(t, `document.querySelector(".virtual").innerText.includes("note.big.example.")`)
	s.visit(t, "zone?id=big.example.&apex=big.example.&q=host-09999")
	s.until(t, `document.querySelectorAll(".vrow").length === 1 &&
		document.querySelector(".vrow").innerText.includes("10.20.39.15")`)
}

// TestClientConsoleLongMatrix scrolls through what each view is answered to 10,000 names: they are asked for in
// parts, those alone that are looked at, and what differs is found among all.
func TestClientConsoleLongMatrix(t *testing.T) {
	s := newConsoleSite(t)
	s.script(t, `window.asked = 0; { const f = fetch; window.fetch = (...a) => {
		if (String(a[0]).startsWith("/answers")) asked++; return f(...a); } }`)
	s.visit(t, "split?zone=big.example.")
	s.until(t, `document.querySelectorAll(".matrix .vrow").length > 10 &&
		document.querySelectorAll(".matrix .cell").length > 40 &&
		![...document.querySelectorAll(".matrix .cell")].some((c) => c.textContent === "…")`)
	if got := eval[int](t, s, "asked"); got > 3 {
		t.Errorf("%d requests for one screen", got)
	}
	type frames struct{ Worst, Mean, Most float64 }
	got := eval[frames](t, s, `(async () => {
		const view = document.querySelector(".matrix .virtual"), times = [];
		const each = view.scrollHeight / 10005;
		let last = performance.now(), most = 0;
		for (let i = 0; i < 200; i++) {
			view.scrollTop = i * 50 * each;
			await new Promise(requestAnimationFrame);
			const now = performance.now();
			times.push(now - last);
			last = now;
			most = Math.max(most, document.querySelectorAll(".matrix .vrow").length);
		}
		times.sort((a, b) => a - b);
		return { Worst: times[197], Mean: times.reduce((a, b) => a + b) / times.length, Most: most };
	})()`)
	t.Logf("frames: %.1f ms on average, 99 of 100 within %.1f ms; %v rows at most", got.Mean, got.Worst, got.Most)
	if got.Most > 80 || got.Mean > 300 {
		t.Errorf("frames take %.1f ms on average, with %v rows", got.Mean, got.Most)
	}
	s.script(t, `document.querySelector(".matrix .virtual").scrollTop = 1e9`)
	s.until(t, `[...document.querySelectorAll(".matrix .vrow")].some((row) =>
		row.innerText.includes("note.big.example.") && row.querySelector(".cell").textContent.includes("<script>"))`)
	// 10,005 names in parts of 50 would be 201 requests.
	if got := eval[int](t, s, "asked"); got > 210 {
		t.Errorf("%d requests for 10,005 names", got)
	}
	// What differs is looked for in parts too, as far as is looked at: outside there is no such zone.
	s.visit(t, "views") // what is on its way ends with the page
	s.script(t, "asked = 0")
	s.visit(t, "split?zone=big.example.&differing=yes")
	s.until(t, `document.querySelectorAll(".matrix .vrow .differs").length > 10`)
	if got := eval[int](t, s, "asked"); got > 3 {
		t.Errorf("%d requests for one screen of what differs", got)
	}
	s.visit(t, "views")
	s.script(t, "asked = 0")
	s.visit(t, "split?zone=big.example.&q=host-09999&differing=yes")
	s.until(t, `document.querySelectorAll(".matrix .vrow .differs").length > 0`)
	if got := eval[int](t, s, "asked"); got != 1 {
		t.Errorf("%d requests for one name that differs", got)
	}
	s.visit(t, "split?zone=example.com.&differing=yes")
	s.until(t, `document.querySelectorAll(".matrix .vrow").length > 0 &&
		[...document.querySelectorAll(".matrix .vrow")].every((row) => row.querySelector(".differs"))`)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		t.Errorf("the browser says: %s", fault)
	}
}
