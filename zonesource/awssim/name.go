package awssim

import (
	"fmt"
	"slices"
	"strings"
)

// domainName is a name in the two forms Route 53 needs.
type domainName struct {
	text string // as the API returns it: lower case, octal escapes, final dot
	sort string // labels reversed, unescaped, each with its dot: the order of listings
}

// parseName reads a name as the API accepts it: letters of either case, \ooo octal escapes,
// any other octet as itself, final dot optional.
func parseName(s string) (domainName, error) {
	labels, err := splitLabels(s)
	if err != nil {
		return domainName{}, err
	}
	var text strings.Builder
	length := 1
	for _, l := range labels {
		if l == "" {
			return domainName{}, fmt.Errorf("DomainLabelEmpty (Domain label is empty) encountered with '%s'", s)
		}
		if len(l) > 63 {
			return domainName{}, fmt.Errorf("DomainLabelTooLong (Domain label is too long) encountered with '%s'", s)
		}
		length += len(l) + 1
		text.WriteString(escapeLabel(l))
		text.WriteByte('.')
	}
	if length > 255 {
		return domainName{}, fmt.Errorf("DomainNameTooLong (Domain name is too long) encountered with '%s'", s)
	}
	slices.Reverse(labels)
	n := domainName{text: text.String(), sort: strings.Join(labels, ".") + "."}
	if len(labels) == 0 {
		n.text = "."
	}
	return n, nil
}

// splitLabels unescapes and lower-cases. It treats the name as octets, as DNS does.
func splitLabels(s string) ([]string, error) {
	if s == "" {
		return nil, fmt.Errorf("DomainNameEmpty (Domain name is empty) encountered with '%s'", s)
	}
	if s == "." {
		return nil, nil
	}
	var labels []string
	var label []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.':
			labels = append(labels, string(label))
			label = label[:0]
			continue
		case c == '\\':
			octet, ok := octal(s[i:])
			if !ok {
				return nil, fmt.Errorf("InvalidEscapeSequence (Escapes are three octal digits) encountered with '%s'", s)
			}
			c = octet
			i += 3
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		label = append(label, c)
	}
	if !strings.HasSuffix(s, ".") {
		labels = append(labels, string(label))
	}
	return labels, nil
}

// octal reads a \ooo escape at the start of s.
func octal(s string) (octet byte, ok bool) {
	if len(s) < 4 || s[0] != '\\' || s[1] > '3' {
		return 0, false
	}
	for _, c := range []byte(s[1:4]) {
		if c < '0' || c > '7' {
			return 0, false
		}
		octet = octet<<3 | (c - '0')
	}
	return octet, true
}

// escapeLabel writes every octet but a-z, 0-9, hyphen and underscore as \ooo (DomainNameFormat of
// the Route 53 guide); a dot inside a label is \056.
func escapeLabel(label string) string {
	var b strings.Builder
	for _, c := range []byte(label) {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}

// within says whether n is apex or below it.
func (n domainName) within(apex domainName) bool {
	return apex.text == "." || n.sort == apex.sort || strings.HasPrefix(n.sort, apex.sort) && apex.sort != "."
}
