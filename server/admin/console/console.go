package console

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page
var files embed.FS

// The lines of index.html in whose place the files are put.
const (
	stylesHere  = "<!-- styles -->\n"
	scriptsHere = "<!-- scripts -->\n"
)

// Handler serves the page, in one document.
func Handler() http.Handler {
	document, policy := assemble()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Length", strconv.Itoa(len(document)))
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		_, _ = w.Write(document) // the client has gone
	})
}

// assemble makes the document of the files, and the policy that lets in what is in it.
func assemble() (document []byte, policy string) {
	style, script := joined(".css"), joined(".js")
	text := strings.Replace(read("index.html"), stylesHere, "<style>"+style+"</style>\n", 1)
	text = strings.Replace(text, scriptsHere, "<script type=\"module\">"+script+"</script>\n", 1)
	policy = strings.Join([]string{
		"default-src 'none'",
		"script-src " + hashOf(script),
		"style-src " + hashOf(style),
		"img-src data:",
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
	return []byte(text), policy
}

// hashOf is the source expression of a script or a style (CSP level 3, section 2.3.1).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// joined returns the files that end so, in the order of their names.
func joined(ext string) string {
	var all strings.Builder
	entries, err := files.ReadDir("page")
	if err != nil {
		panic(err) // they are in the program
	}
	for _, e := range entries {
		if path.Ext(e.Name()) == ext {
			all.WriteString(read(e.Name()))
		}
	}
	return all.String()
}

func read(name string) string {
	text, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is in the program
	}
	return string(text)
}
