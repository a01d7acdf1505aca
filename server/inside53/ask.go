package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// parseAdmin reads the URL of an admin address.
func parseAdmin(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("--admin %q: write a URL like http://127.0.0.1:8053", text)
	}
	return text, nil
}

// askAdmin returns the body of the answer of a running server.
func askAdmin(ctx context.Context, admin, path string, values url.Values) ([]byte, error) {
	return requestAdmin(ctx, admin, http.MethodGet, path, values)
}

// requestAdmin returns the body of the answer of a running server to a request.
func requestAdmin(ctx context.Context, admin, method, path string, values url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, explainWait)
	defer cancel()
	response, err := openAdmin(ctx, admin, method, path, values)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, explainLimit))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", admin, err)
	}
	return body, nil
}

// openAdmin returns the answer of a running server to a request. The caller closes its body.
func openAdmin(ctx context.Context, admin, method, path string, values url.Values) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(admin, "/")+path+"?"+values.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", admin, err)
	}
	// A proxy of the environment is for the world outside, not for the admin address.
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		var asking *url.Error
		if errors.As(err, &asking) {
			err = asking.Err
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("asking %s: %w; is the server running, and is that its admin address? (--admin)", admin, err)
		}
		if ctx.Err() == nil { // it is another port of the server, or another program
			err = fmt.Errorf("%w; is that the server's admin address? (--admin)", err)
		}
		return nil, fmt.Errorf("asking %s: %w", admin, err)
	}
	if response.StatusCode == http.StatusOK || response.StatusCode == http.StatusAccepted {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, explainLimit))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", admin, err)
	}
	return nil, &refused{admin: admin, code: response.StatusCode, status: response.Status, body: body}
}

// refused is the answer of a running server that does not do what it is asked.
type refused struct {
	admin  string
	code   int
	status string
	body   []byte
}

func (r *refused) Error() string {
	return fmt.Sprintf("asking %s: %s: %s", r.admin, r.status, firstLine(r.body))
}
