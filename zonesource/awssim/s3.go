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
)

// object is what S3 keeps under a key. It never changes.
type object struct {
	body        []byte
	contentType string
}

// s3Operations are those of S3 that there are, by method and whether the path has a key.
func s3Operations() []restOperation {
	return []restOperation{
		{"CreateBucket", "PUT", "*", false, createBucket},
		{"PutObject", "PUT", "*/*", false, putObject},
		{"GetObject", "GET", "*/*", false, getObject},
	}
}

// routeS3 finds the operation of a request in path style: /BUCKET/KEY.
func (c *call) routeS3(r *http.Request) (handler, bool, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.vars, c.request = []string{bucket, key}, r.Header
	for _, o := range s3Operations() {
		if o.method == r.Method && bucket != "" && (o.path == "*/*") == (key != "") {
			c.operation = o.name
			return o.handle, false, nil
		}
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
	b[c.vars[1]] = object{slices.Clone(body), c.request.Get("Content-Type")}
	c.header.Set("ETag", etag(body))
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
		return nil, &apiError{http.StatusNotFound, "NoSuchKey", "The specified key does not exist."}
	}
	c.header.Set("ETag", etag(o.body))
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
