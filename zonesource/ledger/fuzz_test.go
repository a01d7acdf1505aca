package ledger

import (
	"bytes"
	"testing"
	"time"
)

// FuzzDecode gives any octets to each decoder. None panics, and what one reads it writes
// again so that it reads the same.
func FuzzDecode(f *testing.F) {
	p, err := newPacker()
	if err != nil {
		f.Fatal(err)
	}
	page := p.encodePage([]Record{{[]byte("a"), []byte("1")}, {[]byte("b"), nil}})
	past, err := p.encodePast([]Past{{Name: commitName(1, nil), Commit: Commit{Format: Format, Version: 1,
		At: time.Unix(0, 1).UTC(), Changes: []Change{{Name: "x", Was: []string{"1"}}}}}})
	if err != nil {
		f.Fatal(err)
	}
	aList, err := p.encodeList(&list{Part: "p", Pages: []pageRef{
		{Page: nameOf(pagePath, page), First: []byte("a"), Records: 2},
	}})
	if err != nil {
		f.Fatal(err)
	}
	aMap, err := p.encodeMap(&partMap{map[string]*PartRef{"p": {State: Unread}, "q": nil}})
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range [][]byte{page, past, aList, aMap} {
		f.Add(body[len(magic)], body[packedHeader:], true)
		content, err := p.unpack(body[len(magic)], body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body[len(magic)], content, false)
	}
	f.Add(byte('h'), []byte(`{"fleet":"f","version":0,"commit":"","mac":""}`), true)
	f.Add(byte('c'), []byte(`{"format":1,"version":1,"parts":{"p":null}}`), true)
	f.Fuzz(func(t *testing.T, kind byte, body []byte, asStored bool) {
		switch kind {
		case 'h':
			h, err := Keys(nil).decodeHead(body)
			if err == nil {
				again, _ := Keys(nil).encodeHead(h)
				same, err := Keys(nil).decodeHead(again)
				if err != nil || same != h {
					t.Errorf("%+v is read as %+v, %v", h, same, err)
				}
			}
			return
		case 'c':
			_, _ = decodeCommit(body) // JSON is the library's
			return
		}
		if asStored {
			body = append(append([]byte(magic), kind, 0, Format), body...)
		} else {
			body = p.pack(kind, body)
		}
		switch kind {
		case pageKind:
			records, err := p.decodePage(body)
			if err == nil {
				same, err := p.decodePage(p.encodePage(records))
				if err != nil || len(same) != len(records) || !bytes.Equal(same[0].Key, records[0].Key) {
					t.Errorf("%q is read as %q, %v", records, same, err)
				}
			}
		case pastKind:
			is, err := p.decodePast(body)
			if err == nil {
				again, err := p.encodePast(is.entries)
				if err != nil {
					t.Fatal(err)
				}
				same, err := p.decodePast(again)
				if err != nil || len(same.entries) != len(is.entries) {
					t.Errorf("%d versions are read as %v, %v", len(is.entries), same, err)
				}
			}
		case listKind:
			_, _ = p.decodeList(body)
		case mapKind:
			_, _ = p.decodeMap(body)
		}
	})
}
