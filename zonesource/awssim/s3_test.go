package awssim

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

func TestObjects(t *testing.T) {
	s := newSim(t, Options{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := s3.New(s3.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""), Retryer: aws.NopRetryer{},
	})
	put := func(key string, body io.Reader) error {
		_, err := client.PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String(key), Body: body, ContentType: aws.String("text/plain")})
		return err
	}
	err := put("a/b", bytes.NewReader([]byte("early")))
	var fault smithy.APIError
	if !errors.As(err, &fault) || fault.ErrorCode() != "NoSuchBucket" {
		t.Errorf("without a bucket: %v", err)
	}
	if s.Objects("b") != nil {
		t.Errorf("objects %q", s.Objects("b"))
	}
	_, err = client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("b")})
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("0123456789\r\n"), 20000)
	for key, body := range map[string][]byte{"a/b c": []byte("text"), "empty": {}, "large": large} {
		err = put(key, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String(key)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		if err != nil || !bytes.Equal(got, body) || aws.ToString(out.ContentType) != "text/plain" ||
			!bytes.Equal(s.Object("b", key), body) {
			t.Errorf("%s: %d bytes of %q, %v", key, len(got), aws.ToString(out.ContentType), err)
		}
	}
	_, err = client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("none")})
	var missing *types.NoSuchKey
	if !errors.As(err, &missing) {
		t.Errorf("a key that is not there: %v", err)
	}
	if got := s.Objects("b"); len(got) != 3 || got[0] != "a/b c" {
		t.Errorf("objects %q", got)
	}
}

func TestUnchunk(t *testing.T) {
	got, err := unchunk([]byte("5;chunk-signature=0\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"))
	if err != nil || string(got) != "hello!" {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", "5\r\nhell", "x\r\n", "4\r\nhello\r\n0\r\n"} {
		_, err := unchunk([]byte(text))
		if err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
