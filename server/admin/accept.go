package admin

import (
	"mime"
	"strconv"
	"strings"
)

// wantsHTML reports whether a client names HTML among what it accepts (RFC 9110 section
// 12.5.1): browsers do, and what asks for anything at all is no browser.
func wantsHTML(accept []string) bool {
	for _, header := range accept {
		for part := range strings.SplitSeq(header, ",") {
			kind, parameters, err := mime.ParseMediaType(part)
			if err != nil || kind != "text/html" {
				continue
			}
			q, err := strconv.ParseFloat(parameters["q"], 64)
			return parameters["q"] == "" || err == nil && q > 0
		}
	}
	return false
}
