package awssim

import (
	"cmp"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxKeys is how many keys S3 lists at once.
const maxKeys = 1000

// listed is an object in a list of ListObjectsV2.
type listed struct {
	Key, LastModified, ETag string
	Size                    int
	StorageClass            string
}

type commonPrefix struct{ Prefix string }

type objectList struct {
	Name, Prefix, Delimiter, StartAfter string
	EncodingType                        string `xml:",omitempty"`
	ContinuationToken                   string `xml:",omitempty"`
	NextContinuationToken               string `xml:",omitempty"`
	KeyCount, MaxKeys                   int
	IsTruncated                         bool
	Contents                            []listed
	CommonPrefixes                      []commonPrefix
}

// s3Namespace is the XML namespace of S3.
const s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// listObjects is ListObjectsV2: keys in the order of their octets, maxKeys at once; those
// that have the delimiter behind the prefix as one prefix.
func listObjects(c *call) ([]byte, error) {
	out, after, err := c.listRequest()
	if err != nil {
		return nil, err
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	b, err := c.bucket()
	if err != nil {
		return nil, err
	}
	encode := func(s string) string { return s }
	if out.EncodingType == "url" {
		encode = func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/") }
	}
	prefix, last := out.Prefix, ""
	for _, key := range sortedKeys(b) {
		rest, within := strings.CutPrefix(key, prefix)
		if !within || key <= after {
			continue
		}
		folder, _, deeper := strings.Cut(rest, cmp.Or(out.Delimiter, "\xff"))
		folder = prefix + folder + out.Delimiter
		deeper = deeper && out.Delimiter != ""
		if deeper && (strings.HasPrefix(after, folder) || strings.HasPrefix(last, folder)) {
			continue
		}
		if out.KeyCount == out.MaxKeys {
			out.IsTruncated = true
			out.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(last))
			break
		}
		out.KeyCount++
		last = key
		if deeper {
			out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{encode(folder)})
			continue
		}
		o := b[key]
		out.Contents = append(out.Contents,
			listed{encode(key), timestamp(o.modified), etag(o.body), len(o.body), "STANDARD"})
	}
	out.Prefix, out.StartAfter = encode(out.Prefix), encode(out.StartAfter)
	return marshal(s3Namespace, "ListBucketResult", out), nil
}

// listRequest reads the parameters, and behind which key the list begins.
func (c *call) listRequest() (out objectList, after string, err error) {
	out = objectList{
		Name: c.vars[0], Prefix: c.form.Get("prefix"), Delimiter: c.form.Get("delimiter"),
		StartAfter: c.form.Get("start-after"), EncodingType: c.form.Get("encoding-type"),
		ContinuationToken: c.form.Get("continuation-token"), MaxKeys: maxKeys,
	}
	after = out.StartAfter
	if out.ContinuationToken != "" {
		key, err := base64.RawURLEncoding.DecodeString(out.ContinuationToken)
		if err != nil {
			return out, "", &apiError{http.StatusBadRequest, "InvalidArgument", "The continuation token provided is incorrect"}
		}
		after = string(key)
	}
	if text := c.form.Get("max-keys"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return out, "", &apiError{http.StatusBadRequest, "InvalidArgument",
				"Provided max-keys not an integer or within integer range"}
		}
		out.MaxKeys = min(int(n), maxKeys)
	}
	return out, after, nil
}
