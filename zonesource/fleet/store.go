package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"inside53/zonesource/awsclient"
	"inside53/zonesource/clock"
	"inside53/zonesource/ledger"
)

// regionHeader names the region of a bucket in answers that are errors too.
const regionHeader = "X-Amz-Bucket-Region"

// regionTime bounds the question for the region of a bucket.
const regionTime = 4 * time.Second

// Bucket is a store in S3, in the region of the bucket, which is found at the first use.
type Bucket struct {
	config         aws.Config
	bucket, prefix string

	mu    sync.Mutex
	store *ledger.S3
}

// NewBucket returns the store below s3://BUCKET/PREFIX/, asked with the credentials of an
// account. Nobody is asked yet.
func NewBucket(a *awsclient.Account, bucket, prefix string) *Bucket {
	return &Bucket{config: a.Config, bucket: bucket, prefix: prefix}
}

// client returns a client for a region, "" for that of the account.
func (b *Bucket) client(region string) *s3.Client {
	return s3.NewFromConfig(b.config, func(o *s3.Options) {
		// Buckets are no host names of an endpoint that is not Amazon's.
		o.UsePathStyle = o.BaseEndpoint != nil
		if region != "" {
			o.Region = region
		}
	})
}

// open returns the store, once the region of the bucket is known.
func (b *Bucket) open(ctx context.Context) (*ledger.S3, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store != nil {
		return b.store, nil
	}
	region := ""
	client := b.client("")
	if client.Options().BaseEndpoint == nil {
		var err error
		region, err = b.region(ctx, client)
		if err != nil {
			return nil, err
		}
		client = b.client(region)
	}
	b.store = ledger.NewS3(client, b.bucket, b.prefix)
	return b.store, nil
}

// region asks for the region of the bucket. Also a refusal says it.
func (b *Bucket) region(ctx context.Context, client *s3.Client) (string, error) {
	ctx, stop := context.WithTimeout(ctx, regionTime)
	defer stop()
	out, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.bucket})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var fault *awshttp.ResponseError
	if errors.As(err, &fault) && fault.Response != nil {
		region := fault.Response.Header.Get(regionHeader)
		if region != "" {
			return region, nil
		}
	}
	return "", fmt.Errorf("finding the region of s3://%s: %w", b.bucket, err)
}

// Now is the time by the clock of the store, as far as that is known.
func (b *Bucket) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store == nil {
		return clock.Now()
	}
	return b.store.Now()
}

// Get implements [ledger.Store].
func (b *Bucket) Get(ctx context.Context, name, unless string, limit int64) ([]byte, string, error) {
	s, err := b.open(ctx)
	if err != nil {
		return nil, "", err
	}
	return s.Get(ctx, name, unless, limit)
}

// Put implements [ledger.Store].
func (b *Bucket) Put(ctx context.Context, name string, body []byte, was string) (string, error) {
	s, err := b.open(ctx)
	if err != nil {
		return "", err
	}
	return s.Put(ctx, name, body, was)
}

// Delete implements [ledger.Store].
func (b *Bucket) Delete(ctx context.Context, name string) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	return s.Delete(ctx, name)
}

// List implements [ledger.Store].
func (b *Bucket) List(ctx context.Context, prefix, after string) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		s, err := b.open(ctx)
		if err != nil {
			yield(ledger.Entry{}, err)
			return
		}
		for e, err := range s.List(ctx, prefix, after) {
			if !yield(e, err) {
				return
			}
		}
	}
}
