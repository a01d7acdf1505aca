package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"inside53/zonesource/awssim"
)

// newBucket returns a simulated S3 with a bucket, and a client of it.
func newBucket(t testing.TB) (*awssim.Sim, *s3.Client) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Reads: awssim.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	err = sim.CreateBucket("bucket")
	if err != nil {
		t.Fatal(err)
	}
	return sim, newClient(server.URL, "AKIA", "secret")
}

func newClient(url, id, secret string) *s3.Client {
	return s3.New(s3.Options{Region: "us-east-1", BaseEndpoint: aws.String(url), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 10 * time.Millisecond })})
}

func TestS3(t *testing.T) {
	_, client := newBucket(t)
	testStore(t, NewS3(client, "bucket", "/prefix/"))
	testStore(t, NewS3(client, "bucket", ""))
}

// TestS3Absent has no bucket: that isn't as if nothing had been written.
func TestS3Absent(t *testing.T) {
	_, client := newBucket(t)
	l := mustLedger(t, NewS3(client, "none", ""))
	_, err := l.NewWriter(WriterOptions{Node: "a/1", Alone: true}).Open(t.Context())
	if err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("without a bucket: %v", err)
	}
}

// torn is a store of S3 whose first answers have bodies that aren't what their checksums say.
type torn struct {
	api
	left, asked int
}

// GetObject implements api.
func (s *torn) GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (
	*s3.GetObjectOutput, error,
) {
	s.asked++
	out, err := s.api.GetObject(ctx, in, opts...)
	if err == nil && s.left > 0 {
		s.left--
		_ = out.Body.Close() // another one is handed on
		out.Body = io.NopCloser(iotest.ErrReader(errors.New("checksum did not match")))
	}
	return out, err
}

// TestS3TornBody asks again for an object that was replaced while it was read, and not for ever.
func TestS3TornBody(t *testing.T) {
	_, client := newBucket(t)
	for left, good := range map[int]bool{0: true, 1: true, bodyTries - 1: true, bodyTries: false, 100: false} {
		fake := &torn{api: client, left: left}
		s := newS3(fake, "bucket", fmt.Sprint(left))
		_, err := s.Put(t.Context(), headName, []byte("one"), "")
		if err != nil {
			t.Fatal(err)
		}
		body, tag, err := s.Get(t.Context(), headName, "", 100)
		if good && (err != nil || string(body) != "one" || tag == "") || !good && err == nil {
			t.Errorf("after %d: %q, %q, %v", left, body, tag, err)
		}
		if want := min(left+1, bodyTries); fake.asked != want {
			t.Errorf("after %d: asked %d times, not %d", left, fake.asked, want)
		}
	}
}

// testCommits writes, reads and keeps house on a store.
func testCommits(t *testing.T, s Store) {
	t.Helper()
	l := mustLedger(t, s)
	w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
	v, now := years(t, l, w, 20, 1e12)
	if faults := l.Check(t.Context(), v); len(faults) > 0 {
		t.Error(faults)
	}
	got, err := l.Follow(t.Context(), nil)
	if err != nil || got.Number() != 20 || len(history(t, l, got)) != 20 {
		t.Fatalf("%+v, %v", got, err)
	}
	same, err := l.Follow(t.Context(), got)
	if same != got || err != nil {
		t.Errorf("%p, want %p, %v", same, got, err)
	}
	out, err := l.Retain(t.Context(), got, Retention{Keep: 1e13, Now: now})
	if err != nil || out.Removed == 0 || out.Octets == 0 {
		t.Errorf("%+v, %v", out, err)
	}
	removed, err := l.Sweep(t.Context(), got)
	if err != nil || removed != 0 {
		t.Errorf("%d removed, %v", removed, err)
	}
	if faults := l.Check(t.Context(), got); len(faults) > 0 {
		t.Error(faults)
	}
}

func TestS3Commits(t *testing.T) {
	_, client := newBucket(t)
	testCommits(t, NewS3(client, "bucket", "prefix"))
}

func TestDirCommits(t *testing.T) { testCommits(t, NewDir(t.TempDir())) }

// TestS3Faults lets each call of a commit go wrong once, in each way.
func TestS3Faults(t *testing.T) {
	sim, client := newBucket(t)
	for _, kind := range []string{"500", "409", "lost", "access-denied", "fail"} {
		l := mustLedger(t, NewS3(client, "bucket", kind))
		w := mustOpenWriter(t, l, WriterOptions{Node: "a/1", Alone: true})
		mustCommit(t, w, draft("p", "a", "0"))
		for put := 1; put <= 4; put++ {
			err := sim.AddFaults(awssim.Fault{Operation: "PutObject", Fault: kind, Count: put})
			if err != nil {
				t.Fatal(err)
			}
			before := w.Version().Number()
			_, err = w.Commit(t.Context(), draft("p", "a", kind))
			for errors.Is(err, ErrPending) {
				_, err = w.Settle(t.Context())
			}
			sim.ClearFaults()
			v, follow := l.Follow(t.Context(), nil)
			if follow != nil {
				t.Fatal(follow)
			}
			if want := before + 1; err == nil && v.Number() != want || err != nil && v.Number() != before {
				t.Errorf("%s, %d times: version %d after %d, %v", kind, put, v.Number(), before, err)
			}
		}
		if faults := l.Check(t.Context(), w.Version()); len(faults) > 0 {
			t.Errorf("%s: %v", kind, faults)
		}
	}
}
