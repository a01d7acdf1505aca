package zonefile

import "errors"

// token is one word or quoted string of an entry, its escapes still in it.
type token struct {
	start, end int  // in the text of the entry, without quotation marks
	quoted     bool // it stood in quotation marks
	glued      bool // no blank before it: the second half of key="value"
}

// lexer cuts the lines of one entry into tokens (RFC 1035 5.1). Comments and
// parentheses are gone afterwards.
type lexer struct {
	text    []byte
	tokens  []token
	depth   int    // parentheses still open
	leading bool   // the entry begins with a blank: it has the owner of the one before
	comment []byte // the last one of the entry, without its semicolon
}

// reset makes the lexer ready for an entry.
func (x *lexer) reset() {
	x.text, x.tokens, x.depth, x.leading, x.comment = nil, x.tokens[:0], 0, false, nil
}

// wordByte says which bytes stand for themselves inside a word.
var wordByte = func() (table [256]bool) {
	for c := range table {
		table[c] = c > ' ' && c != 0x7f && c != '"' && c != '(' && c != ')' && c != ';' && c != '\\'
	}
	return table
}()

// line cuts text[from:], one line with or without its end, which continues the
// entry. The entry is whole when depth is 0 afterwards.
func (x *lexer) line(from int) error {
	text := x.text
	end := len(text)
	if end > from && text[end-1] == '\n' {
		end--
	}
	if end > from && text[end-1] == '\r' {
		end--
	}
	if from == 0 && end > 0 && (text[0] == ' ' || text[0] == '\t') {
		x.leading = true
	}
	glued := false
	for i := from; i < end; {
		c := text[i]
		switch {
		case wordByte[c] || c == '\\':
			word := token{start: i, glued: glued}
			for i < end && (wordByte[text[i]] || text[i] == '\\') {
				if text[i] == '\\' {
					i++
					if i == end {
						return errors.New("backslash at the end of the line")
					}
				}
				i++
			}
			word.end = i
			x.tokens = append(x.tokens, word)
			glued = true
		case c == ' ' || c == '\t':
			glued = false
			i++
		case c == ';':
			x.comment = text[i+1 : end]
			return nil
		case c == '"':
			quote := token{start: i + 1, quoted: true, glued: glued}
			i++
			for i < end && text[i] != '"' {
				if text[i] == '\\' {
					i++
				}
				i++
			}
			if i >= end {
				return errors.New("no closing quotation mark on the line")
			}
			quote.end = i
			i++
			x.tokens = append(x.tokens, quote)
			glued = true
		case c == '(':
			x.depth++
			glued = false
			i++
		case c == ')':
			if x.depth == 0 {
				return errors.New("closing parenthesis without an opening one")
			}
			x.depth--
			glued = false
			i++
		default:
			return errControl(c)
		}
	}
	return nil
}

// bytes returns the text of a token.
func (x *lexer) bytes(t token) []byte { return x.text[t.start:t.end] }

// appendJoined appends the tokens as one line that means the same.
func (x *lexer) appendJoined(dst []byte, tokens []token) []byte {
	for i, t := range tokens {
		if i > 0 && !t.glued {
			dst = append(dst, ' ')
		}
		if t.quoted {
			dst = append(dst, '"')
		}
		dst = append(dst, x.bytes(t)...)
		if t.quoted {
			dst = append(dst, '"')
		}
	}
	return dst
}
