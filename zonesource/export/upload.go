package export

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"inside53/zonesource/awsclient"
)

// Place is where in S3 files go.
type Place struct {
	Bucket string
	Prefix string // without slashes at its ends; "" is the top of the bucket
}

// ParsePlace reads s3://BUCKET/PREFIX.
func ParsePlace(text string) (Place, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return Place{}, fmt.Errorf("%q is not of the form s3://BUCKET/PREFIX", text)
	}
	return Place{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}, nil
}

// Key is the key of a file below the place.
func (p Place) Key(name string) string { return strings.TrimPrefix(path.Join(p.Prefix, name), "/") }

// regionMark stands for the region in the prefix of a place that is the template of a key.
const regionMark = "{region}"

// HostsKey is where the file of a region goes: where the template says, or below the place as
// REGION and name.
func (p Place) HostsKey(region, name string) string {
	if strings.Contains(p.Prefix, regionMark) {
		return strings.ReplaceAll(p.Prefix, regionMark, region)
	}
	return p.Key(region + "/" + name)
}

// String is the form that ParsePlace reads.
func (p Place) String() string { return "s3://" + path.Join(p.Bucket, p.Prefix) }

// uploadTimeout bounds one upload, repetitions of the SDK included.
const uploadTimeout = time.Minute

// Uploader puts files into S3. Make one with NewUploader.
type Uploader struct {
	place Place
	put   func(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// NewUploader returns an uploader that uses the credentials and the region of an
// account. It calls nobody.
func NewUploader(a *awsclient.Account, p Place) *Uploader {
	client := s3.NewFromConfig(a.Config, func(o *s3.Options) {
		// Buckets are no host names of an endpoint that is not Amazon's.
		o.UsePathStyle = o.BaseEndpoint != nil
	})
	return &Uploader{p, client.PutObject}
}

// Put replaces the file of a key. S3 shows the old one or the new one, never a part.
func (u *Uploader) Put(ctx context.Context, key string, text []byte, contentType string) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTimeout)
	defer cancel()
	_, err := u.put(ctx, &s3.PutObjectInput{
		Bucket: aws.String(u.place.Bucket), Key: aws.String(key), Body: bytes.NewReader(text),
		ContentType: aws.String(contentType),
	})
	if err != nil {
		return fmt.Errorf("uploading s3://%s/%s (needs the IAM action s3:PutObject): %w", u.place.Bucket, key, err)
	}
	return nil
}
