package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"inside53/zonesource/clock"
)

// api is what of S3 is called.
type api interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// S3 is a store in a bucket. Its tags are ETags. Each request for what may be replaced is
// sent once: an answer that was lost must not be taken for another's.
type S3 struct {
	client api
	bucket string
	prefix string       // "" or with a slash at its end
	ahead  atomic.Int64 // of the store's clock before ours, in seconds
}

// Actions are the IAM actions that a ledger in S3 needs: those on its objects, and ListBucket with
// its prefix.
func Actions() []string {
	return []string{"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"}
}

// NewS3 returns the store below s3://BUCKET/PREFIX/. Nobody is asked.
func NewS3(client *s3.Client, bucket, prefix string) *S3 { return newS3(client, bucket, prefix) }

func newS3(client api, bucket, prefix string) *S3 {
	prefix = strings.Trim(prefix, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &S3{client: client, bucket: bucket, prefix: prefix}
}

// Now is the time by the clock of the store, as its last answer had it; before there is one, by
// ours.
func (s *S3) Now() time.Time { return clock.Now().Add(time.Duration(s.ahead.Load()) * time.Second) }

// note notes the Date of an answer.
func (s *S3) note(m middleware.Metadata) {
	date, dated := awsmiddleware.GetServerTime(m)
	if dated {
		s.ahead.Store(int64(date.Sub(clock.Now()).Round(time.Second) / time.Second))
	}
}

// once switches the SDK's own repetitions off for what may be replaced.
func once(name string) func(*s3.Options) {
	return func(o *s3.Options) {
		if !isImmutable(name) {
			o.Retryer = aws.NopRetryer{}
		}
	}
}

func isImmutable(name string) bool { return sumIn(name) != "" }

// bodyTries is how often an object is asked for whose body breaks off, or isn't what its checksum says: stores that
// aren't AWS's own may give the one of an object with that of its successor.
const bodyTries = 3

// errBody says that an answer came and its body didn't.
var errBody = errors.New("reading its body")

// Get implements Store.
func (s *S3) Get(ctx context.Context, name, unless string, limit int64) ([]byte, string, error) {
	for try := 1; ; try++ {
		body, tag, err := s.get(ctx, name, unless, limit)
		if !errors.Is(err, errBody) || try == bodyTries || ctx.Err() != nil {
			return body, tag, err
		}
	}
}

func (s *S3) get(ctx context.Context, name, unless string, limit int64) ([]byte, string, error) {
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name)}
	if unless != "" {
		in.IfNoneMatch = &unless
	}
	out, err := s.client.GetObject(ctx, in, once(name))
	switch {
	case statusOf(err) == http.StatusNotModified:
		return nil, unless, ErrUnchanged
	case codeOf(err) == "NoSuchKey":
		return nil, "", ErrAbsent
	case err != nil:
		return nil, "", fmt.Errorf("getting s3://%s/%s%s: %w", s.bucket, s.prefix, name, err)
	}
	defer out.Body.Close()
	s.note(out.ResultMetadata)
	body, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
	if err != nil {
		return nil, "", fmt.Errorf("getting s3://%s/%s%s: %w: %w", s.bucket, s.prefix, name, errBody, err)
	}
	if int64(len(body)) > limit {
		return nil, "", fmt.Errorf("%w: over %d octets", ErrDamaged, limit)
	}
	return body, aws.ToString(out.ETag), nil
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, name string, body []byte, was string) (string, error) {
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name), Body: bytes.NewReader(body)}
	if was == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = &was
	}
	out, err := s.client.PutObject(ctx, in, once(name))
	if statusOf(err) == http.StatusPreconditionFailed {
		return "", ErrMismatch
	}
	if err != nil {
		return "", fmt.Errorf("putting s3://%s/%s%s: %w", s.bucket, s.prefix, name, err)
	}
	s.note(out.ResultMetadata)
	return aws.ToString(out.ETag), nil
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, name string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix + name)})
	if err != nil {
		return fmt.Errorf("deleting s3://%s/%s%s: %w", s.bucket, s.prefix, name, err)
	}
	return nil
}

// List implements Store. Ages are by the Date of the same answer.
func (s *S3) List(ctx context.Context, prefix, after string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(s.prefix + prefix)}
		if after != "" {
			in.StartAfter = aws.String(s.prefix + after)
		}
		for {
			out, err := s.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(Entry{}, fmt.Errorf("listing s3://%s/%s%s: %w", s.bucket, s.prefix, prefix, err))
				return
			}
			date, dated := awsmiddleware.GetServerTime(out.ResultMetadata)
			for _, o := range out.Contents {
				e := Entry{Name: strings.TrimPrefix(aws.ToString(o.Key), s.prefix), Size: aws.ToInt64(o.Size)}
				if dated { // else it is as if it were new, and nothing is deleted
					e.Age = max(date.Sub(aws.ToTime(o.LastModified)), time.Duration(0))
				}
				if !yield(e, nil) {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) || out.NextContinuationToken == nil {
				return
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
}

// statusOf is the status of an answer that is an error, 0 where there is none.
func statusOf(err error) int {
	var fault *awshttp.ResponseError
	if errors.As(err, &fault) {
		return fault.HTTPStatusCode()
	}
	return 0
}

// codeOf is AWS's code of an error, "" where it has none.
func codeOf(err error) string {
	var fault smithy.APIError
	if errors.As(err, &fault) {
		return fault.ErrorCode()
	}
	return ""
}
