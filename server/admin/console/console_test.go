package console

import (
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func served(t *testing.T) (string, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	return w.Body.String(), w.Header()
}

// TestPolicy lets in the script and the style of the document, and nothing else.
func TestPolicy(t *testing.T) {
	text, header := served(t)
	policy := header.Get("Content-Security-Policy")
	for tag, directive := range map[string]string{"script": "script-src", "style": "style-src"} {
		all := regexp.MustCompile("(?s)<"+tag+"[^>]*>(.*?)</"+tag+">").FindAllStringSubmatch(text, -1)
		if len(all) != 1 {
			t.Fatalf("%d elements %s", len(all), tag)
		}
		sum := sha256.Sum256([]byte(all[0][1]))
		want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if !strings.Contains(policy, want+";") {
			t.Errorf("the policy is %s, without %s", policy, want)
		}
	}
	for _, want := range []string{
		"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy is %s, without %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy is %s", policy)
	}
}

// TestOnlyOurs: nothing of the page is from outside, or could become markup or a handler, and it changes nothing.
func TestOnlyOurs(t *testing.T) {
	text, _ := served(t)
	if strings.Contains(text, "<!-- s") {
		t.Error("a place of the document is empty")
	}
	for what, pattern := range map[string]string{
		"an address":               `https?://[a-z0-9]`,
		"a handler in markup":      `<[a-z]+[^>]* on[a-z]+=`,
		"a style in markup":        `<[a-z]+[^>]* style=`,
		"text that becomes markup": `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`,
		"a request that changes":   `method:|"POST"|'POST'|sendBeacon`,
		"an import":                `\bimport[ ({"]|@import|@font-face`,
	} {
		for _, found := range regexp.MustCompile(pattern).FindAllString(text, -1) {
			if strings.HasPrefix(found, "http") &&
				strings.Count(text, "http://www.w3.org/2000/svg") == len(regexp.MustCompile(pattern).FindAllString(text, -1)) {
				continue // the name of a vocabulary, which nobody asks for
			}
			t.Errorf("%s: %q", what, found)
		}
	}
}

// TestFilesAreShort: each of the page's files has one subject, and ends no element that it is put into.
func TestFilesAreShort(t *testing.T) {
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if lines := strings.Count(string(text), "\n"); lines > 500 {
			t.Errorf("%s has %d lines", path, lines)
		}
		script := strings.HasSuffix(path, ".js")
		if script && (strings.Contains(string(text), "</script") || strings.Contains(string(text), "<!--")) {
			t.Errorf("%s ends the script", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
