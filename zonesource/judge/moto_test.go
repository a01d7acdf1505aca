//go:build judge

package judge

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inside53/resolver/freeport"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
)

const region = "eu-west-1"

// patience bounds every wait of these tests.
const patience = 60 * time.Second

// moto is a running AWS, and the SDK's way to it.
type moto struct {
	endpoint string
	config   aws.Config
	route53  *route53.Client
	ec2      *ec2.Client
}

// startMoto runs moto on a free loopback port until the test ends.
func startMoto(t *testing.T) *moto {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command("python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", fmt.Sprint(port)))
	m := &moto{endpoint: fmt.Sprintf("http://127.0.0.1:%d", port)}
	m.config = aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(m.endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("judge", "judge", ""),
	}
	m.route53, m.ec2 = route53.NewFromConfig(m.config), ec2.NewFromConfig(m.config)
	eventually(t, "moto answers", func() bool {
		response, err := http.Get(m.endpoint + "/moto-api/data.json")
		if err != nil {
			return false
		}
		_ = response.Body.Close() // its status is what counts
		return response.StatusCode == http.StatusOK
	})
	return m
}

// environment is all that the program is told of AWS.
func (m *moto) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "AWS_ENDPOINT_URL=" + m.endpoint,
		"AWS_ACCESS_KEY_ID=judge", "AWS_SECRET_ACCESS_KEY=judge", "AWS_REGION=" + region,
	}
}

// start runs a command until the test ends, and shows what it wrote when the test failed.
func start(t *testing.T, c *exec.Cmd) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output")
	output, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Stdout == nil {
		c.Stdout = output
	}
	c.Stderr = output
	err = c.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()         // killed
		_ = output.Close()
		text, err := os.ReadFile(path)
		if t.Failed() && err == nil {
			t.Logf("%s wrote:\n%s", c.Path, tail(string(text)))
		}
	})
}

// tail is the end of a long text.
func tail(text string) string {
	const most = 4000
	if len(text) > most {
		return "..." + text[len(text)-most:]
	}
	return text
}

// eventually waits until is.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// bounded is the context of one call of the SDK.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// long is a text of n letters.
func long(letter string, n int) string { return strings.Repeat(letter, n) }
