package awsclient

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// Instance is what the instance metadata service says of the instance that
// inside53 runs on. Fields that it doesn't say are empty.
type Instance struct {
	ID        string // i-...
	AccountID string
	Region    string
	VPC       string       // of the primary interface
	Addresses []netip.Addr // private IPv4 addresses of all interfaces
}

// Times of the metadata service, which is a hop away or not there at all.
const (
	metadataConnect = 500 * time.Millisecond
	metadataTotal   = 2 * time.Second
)

// Self asks the instance metadata service who we are. Where there is none, or
// AWS_EC2_METADATA_DISABLED is true, Self returns an empty Instance within 2 s: not
// running on an instance is no error.
func Self(ctx context.Context, a *Account) Instance {
	ctx, cancel := context.WithTimeout(ctx, metadataTotal)
	defer cancel()
	client := imds.NewFromConfig(a.Config, func(o *imds.Options) {
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.DialContext = (&dialer{timeout: metadataConnect}).dial
			t.Proxy = nil
			t.ResponseHeaderTimeout = metadataConnect
			t.DisableKeepAlives = true
		})
	})
	document, err := client.GetInstanceIdentityDocument(ctx, &imds.GetInstanceIdentityDocumentInput{})
	if err != nil {
		return Instance{}
	}
	self := Instance{ID: document.InstanceID, AccountID: document.AccountID, Region: document.Region}
	const macs = "network/interfaces/macs/"
	primary := metadata(ctx, client, "mac")
	if len(primary) == 1 {
		for _, vpc := range metadata(ctx, client, macs+primary[0]+"/vpc-id") {
			self.VPC = vpc
		}
	}
	for _, mac := range metadata(ctx, client, macs) {
		for _, text := range metadata(ctx, client, macs+strings.TrimSuffix(mac, "/")+"/local-ipv4s") {
			addr, err := netip.ParseAddr(text)
			if err == nil {
				self.Addresses = append(self.Addresses, addr)
			}
		}
	}
	return self
}

// metadata returns the words of one item, none when it can't be had.
func metadata(ctx context.Context, client *imds.Client, path string) []string {
	out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	if err != nil {
		return nil
	}
	defer func() { _ = out.Content.Close() }() // read to its end or given up
	text, err := io.ReadAll(io.LimitReader(out.Content, 64<<10))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}
