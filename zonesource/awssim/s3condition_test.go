package awssim

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

func newS3(t *testing.T, s *Sim) *s3.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	err := s.CreateBucket("b")
	if err != nil {
		t.Fatal(err)
	}
	return s3.New(s3.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""), Retryer: aws.NopRetryer{},
	})
}

// verdict is status and code of an error, "" for none.
func verdict(err error) string {
	if err == nil {
		return ""
	}
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.HTTPStatusCode() == 0 {
		return "no answer"
	}
	var fault smithy.APIError
	if errors.As(err, &fault) && fault.ErrorCode() != "" {
		return fmt.Sprintf("%d %s", answer.HTTPStatusCode(), fault.ErrorCode())
	}
	return fmt.Sprint(answer.HTTPStatusCode())
}

func TestObjectConditions(t *testing.T) {
	s := newSim(t, Options{})
	client := newS3(t, s)
	put := func(body, match, none string) (string, error) {
		in := &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: bytes.NewReader([]byte(body))}
		if match != "" {
			in.IfMatch = &match
		}
		if none != "" {
			in.IfNoneMatch = &none
		}
		out, err := client.PutObject(t.Context(), in)
		if err != nil {
			return "", err
		}
		return aws.ToString(out.ETag), nil
	}
	tag := etag([]byte("one"))
	for _, step := range []struct{ body, match, none, want string }{
		{"x", tag, "", "404 NoSuchKey"},
		{"one", "", "*", ""},
		{"x", "", "*", "412 PreconditionFailed"},
		{"x", etag([]byte("other")), "", "412 PreconditionFailed"},
		{"x", "", tag, "501 NotImplemented"},
		{"one", tag, "", ""},
		{"one", strings.Trim(tag, `"`), "", ""},
	} {
		_, err := put(step.body, step.match, step.none)
		if got := verdict(err); got != step.want {
			t.Errorf("%+v: %q", step, got)
		}
	}
	get := func(match, none string) (*s3.GetObjectOutput, error) {
		in := &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")}
		if match != "" {
			in.IfMatch = &match
		}
		if none != "" {
			in.IfNoneMatch = &none
		}
		return client.GetObject(t.Context(), in)
	}
	_, err := get("", tag)
	if got := verdict(err); !strings.HasPrefix(got, "304") {
		t.Errorf("not modified: %q", got)
	}
	_, err = get(etag(nil), "")
	if got := verdict(err); got != "412 PreconditionFailed" {
		t.Errorf("of another tag: %q", got)
	}
	out, err := get(tag, etag(nil))
	if err != nil || aws.ToString(out.ETag) != tag || time.Since(aws.ToTime(out.LastModified)) > time.Minute {
		t.Errorf("%+v, %v", out, err)
	}
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
	if err != nil || aws.ToInt64(head.ContentLength) != 3 || aws.ToString(head.ETag) != tag {
		t.Errorf("%+v, %v", head, err)
	}
	_, err = client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("b"), Key: aws.String("none")})
	if got := verdict(err); !strings.HasPrefix(got, "404") {
		t.Errorf("the head of nothing: %q", got)
	}
	for range 2 { // it is no error when there is none
		_, err = client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
		if err != nil {
			t.Error(err)
		}
	}
	_, err = client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("b")})
	if err != nil {
		t.Error(err)
	}
	_, err = client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("none")})
	if got := verdict(err); !strings.HasPrefix(got, "404") {
		t.Errorf("a bucket that isn't there: %q", got)
	}
}

func TestObjectList(t *testing.T) {
	s := newSim(t, Options{})
	client := newS3(t, s)
	for i := range 1203 {
		s.base.buckets["b"][fmt.Sprintf("p/%04d", i)] = object{body: []byte("x"), modified: time.Now()}
	}
	s.base.buckets["b"]["q/deep/er"], s.base.buckets["b"]["q/x y"] = object{}, object{}
	pages, n := 0, 0
	in := &s3.ListObjectsV2Input{Bucket: aws.String("b"), Prefix: aws.String("p/"), StartAfter: aws.String("p/0001")}
	for {
		out, err := client.ListObjectsV2(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, o := range out.Contents {
			if want := fmt.Sprintf("p/%04d", n+2); aws.ToString(o.Key) != want || aws.ToInt64(o.Size) != 1 {
				t.Fatalf("%s, want %s", aws.ToString(o.Key), want)
			}
			n++
		}
		date, dated := awsmiddleware.GetServerTime(out.ResultMetadata)
		if age := date.Sub(aws.ToTime(out.Contents[0].LastModified)); !dated || age < -time.Second || age > time.Minute {
			t.Errorf("an age of %s", age)
		}
		if !aws.ToBool(out.IsTruncated) {
			break
		}
		in.ContinuationToken = out.NextContinuationToken
	}
	if pages != 2 || n != 1201 {
		t.Errorf("%d keys on %d pages", n, pages)
	}
	in = &s3.ListObjectsV2Input{Bucket: aws.String("b"), Delimiter: aws.String("/")}
	out, err := client.ListObjectsV2(t.Context(), in)
	if err != nil || len(out.CommonPrefixes) != 2 || len(out.Contents) != 0 ||
		aws.ToString(out.CommonPrefixes[1].Prefix) != "q/" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("none")})
	if got := verdict(err); got != "404 NoSuchBucket" {
		t.Errorf("of no bucket: %q", got)
	}
}

// TestObjectFaults meets the faults of S3: not done, and done with the answer lost.
func TestObjectFaults(t *testing.T) {
	s := newSim(t, Options{})
	client := newS3(t, s)
	for fault, want := range map[string]string{
		"500": "500 InternalError", "409": "409 ConditionalRequestConflict", "throttle": "503 SlowDown",
		"access-denied": "403 AccessDenied", "lost": "no answer",
	} {
		err := s.AddFaults(Fault{Operation: "PutObject", Fault: fault, Count: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String(fault),
			Body: bytes.NewReader([]byte("x")), IfNoneMatch: aws.String("*")})
		if got := verdict(err); got != want {
			t.Errorf("%s: %q, want %q", fault, got, want)
		}
		if done := slices.Contains(s.Objects("b"), fault); done != (fault == "lost") {
			t.Errorf("%s: done is %v", fault, done)
		}
	}
	err := s.AddFaults(Fault{Operation: "ListObjectsV2", Fault: "lost"}) // Go's transport asks once more by itself
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("b")})
	if verdict(err) != "no answer" {
		t.Errorf("a list: %v", err)
	}
	s.ClearFaults()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "/_sim/faults",
		strings.NewReader(`{"operation":"DeleteObject","fault":409,"count":1}`))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	_, err = client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("b"), Key: aws.String("lost")})
	if got := verdict(err); w.Code >= 300 || got != "409 OperationAborted" {
		t.Errorf("%d %s, then %q", w.Code, w.Body, got)
	}
}
