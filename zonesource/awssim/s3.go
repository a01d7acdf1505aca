package awssim

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is what S3 keeps under a key. It never changes.
type object struct {
	body        []byte
	contentType string
	modified    time.Time // to the second, as S3 has it
}

// s3Operations are those of S3 that there are, by method and whether the path has a key.
func s3Operations() []restOperation {
	return []restOperation{
		{"CreateBucket", "PUT", "*", false, createBucket},
		{"HeadBucket", "HEAD", "*", false, headBucket},
		{"ListObjectsV2", "GET", "*", false, listObjects},
		{"PutObject", "PUT", "*/*", false, putObject},
		{"GetObject", "GET", "*/*", false, getObject},
		{"HeadObject", "HEAD", "*/*", false, getObject},
		{"DeleteObject", "DELETE", "*/*", false, deleteObject},
	}
}

// routeS3 finds the operation of a request in path style: /BUCKET/KEY.
func (c *call) routeS3(r *http.Request) (handler, bool, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.vars, c.request, c.form = []string{bucket, key}, r.Header, r.URL.Query()
	for _, o := range s3Operations() {
		if o.method != r.Method || bucket == "" || (o.path == "*/*") != (key != "") {
			continue
		}
		if o.name == "ListObjectsV2" && c.form.Get("list-type") != "2" {
			continue
		}
		c.operation = o.name
		return o.handle, false, nil
	}
	return nil, false, &apiError{http.StatusNotImplemented, "NotImplemented",
		"The simulator has no operation for " + r.Method + " " + r.URL.Path}
}

func createBucket(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	d := c.sim.data(c.account)
	if d.buckets[c.vars[0]] != nil {
		return nil, &apiError{http.StatusConflict, "BucketAlreadyOwnedByYou",
			"Your previous request to create the named bucket succeeded and you already own it."}
	}
	d.buckets[c.vars[0]] = map[string]object{}
	c.header.Set("Location", "/"+c.vars[0])
	return nil, nil
}

func headBucket(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	_, err := c.bucket()
	c.header.Set("X-Amz-Bucket-Region", c.region)
	return nil, err
}

// bucket finds the bucket of the path. Call it with mu held.
func (c *call) bucket() (map[string]object, error) {
	b := c.sim.data(c.account).buckets[c.vars[0]]
	if b == nil {
		return nil, &apiError{http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist"}
	}
	return b, nil
}

func putObject(c *call) ([]byte, error) {
	body := c.body
	if strings.HasPrefix(c.request.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		var err error
		body, err = unchunk(body)
		if err != nil {
			return nil, &apiError{http.StatusBadRequest, "IncompleteBody", err.Error()}
		}
	}
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	b, err := c.bucket()
	if err != nil {
		return nil, err
	}
	old, there := b[c.vars[1]]
	err = c.condition(old, there)
	if err != nil {
		return nil, err
	}
	b[c.vars[1]] = object{slices.Clone(body), c.request.Get("Content-Type"), time.Now().UTC().Truncate(time.Second)}
	c.header.Set("ETag", etag(body))
	return nil, nil
}

// condition says whether the conditions of a PUT or DELETE hold for what is there.
func (c *call) condition(old object, there bool) error {
	match, none := c.request.Get("If-Match"), c.request.Get("If-None-Match")
	switch {
	case match != "" && none != "", match == "*" && c.operation == "PutObject", none != "" && none != "*":
		return &apiError{http.StatusNotImplemented, "NotImplemented",
			"A header you provided implies functionality that is not implemented"}
	case match != "" && !there:
		return errNoSuchKey()
	case match != "" && match != "*" && !sameTag(match, etag(old.body)), none != "" && there:
		return errPrecondition()
	}
	return nil
}

func errNoSuchKey() error {
	return &apiError{http.StatusNotFound, "NoSuchKey", "The specified key does not exist."}
}

func errPrecondition() error {
	return &apiError{http.StatusPreconditionFailed, "PreconditionFailed",
		"At least one of the pre-conditions you specified did not hold"}
}

// sameTag compares ETags, which S3 takes without their quotes too.
func sameTag(a, b string) bool { return strings.Trim(a, `"`) == strings.Trim(b, `"`) }

func deleteObject(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	b, err := c.bucket()
	if err != nil {
		return nil, err
	}
	old, there := b[c.vars[1]]
	err = c.condition(old, there)
	if err != nil {
		return nil, err
	}
	delete(b, c.vars[1])
	c.status = http.StatusNoContent
	return nil, nil
}

func getObject(c *call) ([]byte, error) {
	c.sim.mu.Lock()
	defer c.sim.mu.Unlock()
	b, err := c.bucket()
	if err != nil {
		return nil, err
	}
	o, found := b[c.vars[1]]
	if !found {
		return nil, errNoSuchKey()
	}
	tag, match, none := etag(o.body), c.request.Get("If-Match"), c.request.Get("If-None-Match")
	if match != "" && match != "*" && !sameTag(match, tag) {
		return nil, errPrecondition()
	}
	c.header.Set("ETag", tag)
	c.header.Set("Last-Modified", o.modified.Format(http.TimeFormat))
	if none == "*" || none != "" && sameTag(none, tag) {
		c.status = http.StatusNotModified
		return nil, nil
	}
	c.header.Set("Content-Type", o.contentType)
	return o.body, nil
}

// etag is that of an object put by one request.
func etag(body []byte) string { return fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum(body))) }

// unchunk takes the data out of a body of the encoding aws-chunked: chunks with their
// length in hexadecimal and perhaps a signature before them, and trailers.
func unchunk(body []byte) ([]byte, error) {
	var out []byte
	for {
		head, rest, found := bytes.Cut(body, []byte("\r\n"))
		if !found {
			return nil, io.ErrUnexpectedEOF
		}
		length, _, _ := strings.Cut(string(head), ";")
		n, err := strconv.ParseUint(length, 16, 31)
		if err != nil {
			return nil, fmt.Errorf("length of a chunk: %w", err)
		}
		if n == 0 {
			return out, nil
		}
		if uint64(len(rest)) < n+2 {
			return nil, io.ErrUnexpectedEOF
		}
		out = append(out, rest[:n]...)
		if string(rest[n:n+2]) != "\r\n" {
			return nil, errors.New("a chunk is longer than it says")
		}
		body = rest[n+2:]
	}
}

// Objects lists the keys of a bucket of the base account, in alphabetical order; nil
// when there is no such bucket.
func (s *Sim) Objects(bucket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.base.buckets[bucket]
	if b == nil {
		return nil
	}
	return sortedKeys(b)
}

// Object returns what the base account has under a key of a bucket, nil for nothing.
func (s *Sim) Object(bucket, key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.base.buckets[bucket][key].body)
}

// CreateBucket makes a bucket of the base account.
func (s *Sim) CreateBucket(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base.buckets[name] != nil {
		return fmt.Errorf("creating bucket %s: it is there", name)
	}
	s.base.buckets[name] = map[string]object{}
	return nil
}
