package awssim

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// tokenOf makes an opaque page token of an index; there is none for -1.
func tokenOf(next int) string {
	if next < 0 {
		return ""
	}
	return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "from %d", next))
}

// token reads the page token in a parameter. code is the service's error for a bad one.
func (c *call) token(parameter, code string) (int, error) {
	text := c.form.Get(parameter)
	if text == "" {
		return 0, nil
	}
	plain, err := base64.URLEncoding.DecodeString(text)
	number, ours := strings.CutPrefix(string(plain), "from ")
	start, numErr := strconv.Atoi(number)
	if err != nil || !ours || numErr != nil || start < 0 {
		return 0, &apiError{http.StatusBadRequest, code, "The pagination token '" + text + "' is not valid"}
	}
	return start, nil
}

// tokenPage answers a Route 53 listing of the token kind: maxresults, at most 100, and nexttoken.
func (l *listing[T]) tokenPage() (window[T], error) {
	size, err := l.call.maxItems("maxresults", 100)
	if err != nil {
		return window[T]{next: -1}, err
	}
	start, err := l.call.token("nexttoken", "InvalidInput")
	if err != nil {
		return window[T]{next: -1}, err
	}
	l.visible()
	return l.page(start, size)
}
