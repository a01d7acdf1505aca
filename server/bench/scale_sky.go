//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"inside53/resolver/freeport"
	"inside53/server/bench/dataset"
)

// farSky is the simulated AWS in a process of its own, which gives way to who asks beside it: what it computes for who
// reads is not to be felt by who is measured.
type farSky struct {
	url     string
	process *child
	client  http.Client
	read    atomic.Int64 // pages of records that readAgain has had
}

// startFarSky serves the files of a data directory on one processor.
func startFarSky(ctx context.Context, program, data, dir string, on int) (*farSky, error) {
	port, err := freeport.Find()
	if err != nil {
		return nil, err
	}
	nice, err := exec.LookPath("nice")
	if err != nil {
		return nil, fmt.Errorf("starting the simulated AWS: %w", err)
	}
	s := &farSky{url: "http://" + loopback(port).String(), client: http.Client{Timeout: 10 * time.Second}}
	s.process, err = startChild("awssim", []int{on}, dir, nil, []string{nice, "-n", "19", program, "awssim",
		"--data", data, "--listen", loopback(port).String(), "--unlimited"})
	if err != nil {
		return nil, err
	}
	for time.Since(s.process.since) < scalePatience && !s.process.over() {
		_, err = s.calls(ctx)
		if err == nil {
			return s, nil
		}
		err = sleep(ctx, 20*time.Millisecond)
		if err != nil {
			break
		}
	}
	s.process.stop()
	return nil, errors.Join(errors.New("the simulated AWS doesn't answer"+s.process.lastWords()), err)
}

// calls counts the pages of records that were asked for.
func (s *farSky) calls(ctx context.Context) (int64, error) {
	body, err := s.ask(ctx, http.MethodGet, "/_sim/calls", nil)
	if err != nil {
		return 0, err
	}
	var all map[string]int64
	err = json.Unmarshal(body, &all)
	if err != nil {
		return 0, fmt.Errorf("reading the calls of the simulated AWS: %w", err)
	}
	return all["ListResourceRecordSets"], nil
}

// readAgain asks for the records of a zone and for the instances each second until ctx ends, as a server does that
// reads them again, and throws them away.
func (s *farSky) readAgain(ctx context.Context, zone string) error {
	for {
		err := errors.Join(s.readRecords(ctx, zone), s.readInstances(ctx), sleep(ctx, time.Second))
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it is over
		}
		if err != nil {
			return fmt.Errorf("reading beside the server at rest: %w", err)
		}
	}
}

func (s *farSky) readRecords(ctx context.Context, zone string) error {
	path := "/2013-04-01/hostedzone/" + strings.TrimPrefix(zone, "/hostedzone/") + "/rrset?"
	from := url.Values{}
	for {
		page, err := s.ask(ctx, http.MethodGet, path+from.Encode(), nil)
		if err != nil {
			return err
		}
		s.read.Add(1)
		from = url.Values{}
		for key, element := range map[string]string{"name": "NextRecordName", "type": "NextRecordType",
			"identifier": "NextRecordIdentifier"} {
			if next := textOf(page, element); next != "" {
				from.Set(key, next)
			}
		}
		if len(from) == 0 {
			return nil
		}
	}
}

func (s *farSky) readInstances(ctx context.Context) error {
	form := url.Values{"Action": {"DescribeInstances"}, "Version": {"2016-11-15"}, "MaxResults": {"1000"}}
	for {
		page, err := s.ask(ctx, http.MethodPost, "/", []byte(form.Encode()))
		if err != nil {
			return err
		}
		next := textOf(page, "nextToken")
		if next == "" {
			return nil
		}
		form.Set("NextToken", next)
	}
}

// textOf is the text of the first element of that name; "" without one.
func textOf(page []byte, element string) string {
	_, rest, _ := bytes.Cut(page, []byte("<"+element+">"))
	text, _, found := bytes.Cut(rest, []byte("</"+element+">"))
	if !found {
		return ""
	}
	return html.UnescapeString(string(text))
}

// ask sends a request as the SDK would, but for a signature that nobody looks at.
func (s *farSky) ask(ctx context.Context, method, path string, form []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(form))
	if err != nil {
		return nil, err
	}
	service := "route53"
	if form != nil {
		service = "ec2"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20000101/%s/%s/aws4_request, "+
		"SignedHeaders=host, Signature=none", dataset.Region, service))
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, body)
	}
	return body, err
}

// stop ends the process.
func (s *farSky) stop() { s.process.stop() }
