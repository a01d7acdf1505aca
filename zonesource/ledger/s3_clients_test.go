//go:build clients

package ledger

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"inside53/resolver/freeport"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestClientS3 holds the store to the same tests on an S3 that others wrote.
func TestClientS3(t *testing.T) {
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", "tools", "versitygw"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(program)
	if err != nil {
		t.Fatalf("no versitygw; run: make deps (%v)", err)
	}
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	ctx, cancel := context.WithCancel(context.Background())
	gateway := exec.CommandContext(ctx, program, "--access", "access", "--secret", "secret", "--port", address,
		"posix", "--sidecar", t.TempDir(), t.TempDir())
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	gateway.Stdout, gateway.Stderr = log, log
	err = gateway.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = gateway.Wait() // it was killed
		text, err := os.ReadFile(log.Name())
		if t.Failed() {
			t.Logf("versitygw: %s, %v", text, err)
		}
	})
	client := newClient("http://"+address, "access", "secret")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err = client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bucket")})
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	testStore(t, NewS3(client, "bucket", "store"))
	testCommits(t, NewS3(client, "bucket", "commits"))
}
