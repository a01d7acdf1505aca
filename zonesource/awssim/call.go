package awssim

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// call is one request to one operation, with all that its handler needs.
type call struct {
	sim       *Sim
	ctx       context.Context
	service   string // route53, ec2, elasticloadbalancing, autoscaling, sts, s3, monitoring, sqs, events, cloudtrail
	operation string
	region    string
	key       string // access key id
	account   string
	host      string     // that the caller reached
	id        string     // request id
	vars      []string   // Route 53: the variable parts of the path
	form      url.Values // query string (Route 53) or parameters (query protocols)
	body      []byte
	header    http.Header // of the answer
	request   http.Header // of the request, for S3
	status    int         // of an answer that isn't an error; 0 is 200
	json      bool        // CloudWatch: the caller speaks JSON, not CBOR
	query     bool        // CloudWatch: the caller speaks the query protocol
	stuck     bool        // the fault "stuck" is on for this page
	shifting  bool        // the fault "changing" is on for this page
}

const maxBody = 8 << 20 // bytes; a full change batch is far below

// ServeHTTP answers AWS requests, and /_sim/ without a signature.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.serveControl(w, r)
		return
	}
	c := &call{sim: s, ctx: r.Context(), header: w.Header(), host: r.Host, id: s.requestID()}
	body, err := c.serve(r)
	status := http.StatusOK
	switch {
	case errors.Is(err, errLost):
		panic(http.ErrAbortHandler) // done, and the answer never comes
	case errors.Is(err, errCut):
		c.cut(w, body)
	case err != nil:
		var fault *apiError
		if !errors.As(err, &fault) {
			fault = &apiError{http.StatusInternalServerError, "InternalFailure", err.Error()}
		}
		status, body = fault.status, c.errorBody(fault)
	case c.operation == "CreateHostedZone":
		status = http.StatusCreated
	case c.status != 0:
		status = c.status
	}
	s.log.Debug("aws call", "service", c.service, "operation", c.operation, "account", c.account,
		"region", c.region, "status", status, "error", err)
	if c.ctx.Err() != nil {
		panic(http.ErrAbortHandler) // a hanging request whose client or server has gone: never an empty 200
	}
	if r.Context().Value(http.LocalAddrContextKey) != nil && len(c.body) > 0 {
		c.settle()
	}
	c.setContentType()
	w.Header().Set("X-Amzn-Requestid", c.id)
	if status != http.StatusNotModified && status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client's going is not ours to report
}

// settleTime is less than any call to AWS takes.
const settleTime = 5 * time.Millisecond

// settle lets the client finish sending before it is answered. Right after the last octet of a body the Go
// transport looks whether the body has more; the AWS SDK for Go closes the body once it has the answer's
// header, and if that comes first (smithy-go's safeWriteToReadCloser then says io.EOF as an error), the
// transport breaks the connection under the answer. AWS is never that fast; loopback is.
func (c *call) settle() {
	select {
	case <-c.ctx.Done():
	case <-time.After(settleTime):
	}
}

func (c *call) setContentType() {
	if c.service == metricService && !c.query {
		c.setMetricHeader()
		return
	}
	if service, is := jsonServices()[c.service]; is {
		c.header.Set("Content-Type", "application/x-amz-json-"+service.version)
		return
	}
	if (c.operation == "GetObject" || c.operation == "HeadObject") && c.header.Get("Content-Type") != "" {
		return // that of the object
	}
	c.header.Set("Content-Type", "text/xml")
}

// cut sends half an answer and breaks the connection.
func (c *call) cut(w http.ResponseWriter, body []byte) {
	c.setContentType()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

var (
	// errCut marks an answer to be broken off in the middle: the fault "fail".
	errCut = errors.New("cut")
	// errLost marks an answer that never comes: the fault "lost".
	errLost = errors.New("lost")
)

// serve finds the operation and runs it.
func (c *call) serve(r *http.Request) ([]byte, error) {
	err := c.read(r)
	if err != nil {
		return nil, err
	}
	handler, listing, err := c.route(r)
	if err != nil {
		return nil, err
	}
	c.sim.count(c.operation)
	err = c.admit()
	if err != nil {
		return nil, err
	}
	if !listing { // a listing does so itself, once it knows its page
		_, err = c.meetFault(1)
		if err != nil && !errors.Is(err, errCut) && !errors.Is(err, errLost) {
			return nil, err
		}
	}
	body, herr := handler(c)
	if herr != nil && !errors.Is(err, errLost) {
		err = herr
	}
	return body, err
}

// read takes the body, and the caller's service, region and account from the signature's scope.
// The signature itself is not checked: any secret will do.
func (c *call) read(r *http.Request) error {
	c.service = "route53"
	if !strings.HasPrefix(r.URL.Path, apiVersion) {
		c.service = "ec2"
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("reading the request: %v", err)}
	}
	c.body = body
	scope, err := signatureScope(r)
	if err != nil {
		return err
	}
	c.key, c.region, c.service = scope[0], scope[2], scope[3]
	c.account = c.sim.accountOf(c.key)
	return nil
}

// signatureScope is key, date, region, service and terminator of a version 4 signature, in the header or presigned.
func signatureScope(r *http.Request) ([]string, error) {
	credential := r.URL.Query().Get("X-Amz-Credential")
	_, fields, signed := strings.Cut(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if signed {
		for field := range strings.SplitSeq(fields, ",") {
			value, found := strings.CutPrefix(strings.TrimSpace(field), "Credential=")
			if found {
				credential = value
			}
		}
	}
	if credential == "" {
		return nil, &apiError{http.StatusForbidden, "MissingAuthenticationToken", "Missing Authentication Token"}
	}
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || scope[0] == "" {
		return nil, &apiError{http.StatusForbidden, "IncompleteSignature",
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + credential +
				"'"}
	}
	return scope, nil
}

type handler func(*call) ([]byte, error)

// route finds the operation; listing says that its handler meets faults itself.
func (c *call) route(r *http.Request) (h handler, listing bool, err error) {
	switch c.service {
	case "route53":
		return c.routeRoute53(r)
	case metricService:
		return c.routeMetrics(r)
	case "s3":
		return c.routeS3(r)
	case queueService, busService, trailsService:
		return c.routeJSON(r)
	}
	c.form, err = url.ParseQuery(string(c.body))
	if err != nil {
		return nil, false, &apiError{http.StatusBadRequest, "MalformedQueryString",
			"The query string contains a syntax error."}
	}
	for key, values := range r.URL.Query() {
		c.form[key] = append(c.form[key], values...)
	}
	c.operation = c.form.Get("Action")
	service := c.service
	if c.form.Get("Version") == classicVersion {
		service = "elb" // the classic load balancers, of the same name
	}
	for _, o := range queryOperations() {
		if o.service == service && o.name == c.operation {
			return o.handle, o.listing, nil
		}
	}
	if c.operation == "" {
		return nil, false, &apiError{http.StatusBadRequest, "MissingAction", "The request must contain the parameter Action"}
	}
	return nil, false, &apiError{http.StatusBadRequest, "InvalidAction",
		fmt.Sprintf("The action %s is not valid for this web service (%s).", c.operation, c.service)}
}

// queryOperation is an operation of a query-protocol service.
type queryOperation struct {
	service, name string
	listing       bool
	handle        handler
}

func queryOperations() []queryOperation {
	return []queryOperation{
		{"ec2", "DescribeInstances", true, describeInventory},
		{"ec2", "DescribeNetworkInterfaces", true, describeInventory},
		{"ec2", "DescribeAddresses", true, describeInventory},
		{"ec2", "DescribeVpcs", true, describeInventory},
		{"ec2", "DescribeSubnets", true, describeInventory},
		{"ec2", "DescribeVpcPeeringConnections", true, describeInventory},
		{"ec2", "DescribeInstanceStatus", true, describeInstanceStatus},
		{"ec2", "DescribeRegions", false, describeRegions},
		{"ec2", "RunInstances", false, runInstances},
		{"ec2", "StartInstances", false, changeInstances},
		{"ec2", "StopInstances", false, changeInstances},
		{"ec2", "TerminateInstances", false, changeInstances},
		{"ec2", "CreateTags", false, changeResourceTags},
		{"ec2", "DeleteTags", false, changeResourceTags},
		{"ec2", "AssociateAddress", false, associateAddress},
		{"ec2", "DisassociateAddress", false, disassociateAddress},
		{"ec2", "CreateNetworkInterface", false, createNetworkInterface},
		{"ec2", "DeleteNetworkInterface", false, deleteNetworkInterface},
		{"ec2", "AttachNetworkInterface", false, attachNetworkInterface},
		{"ec2", "DetachNetworkInterface", false, detachNetworkInterface},
		{"elasticloadbalancing", "RegisterTargets", false, changeTargets},
		{"elasticloadbalancing", "DeregisterTargets", false, changeTargets},
		{"elasticloadbalancing", "DescribeLoadBalancers", true, describeLoadBalancers},
		{"elasticloadbalancing", "DescribeTargetGroups", true, describeTargetGroups},
		{"elasticloadbalancing", "DescribeTargetHealth", false, describeTargetHealth},
		{"elasticloadbalancing", "DescribeLoadBalancerAttributes", false, describeBalancerAttributes},
		{"elb", "DescribeLoadBalancers", true, describeClassicBalancers},
		{"elb", "DescribeInstanceHealth", false, describeInstanceHealth},
		{"autoscaling", "DescribeAutoScalingInstances", true, describeAutoScalingInstances},
		{"sts", "AssumeRole", false, assumeRole},
		{"sts", "GetCallerIdentity", false, getCallerIdentity},
	}
}

// apiError is an error as AWS answers it.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// These are the XML namespaces of the services.
const (
	apiVersion       = "/2013-04-01/"
	route53Namespace = "https://route53.amazonaws.com/doc/2013-04-01/"
	ec2Namespace     = "http://ec2.amazonaws.com/doc/2016-11-15/"
	elbNamespace     = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
	stsNamespace     = "https://sts.amazonaws.com/doc/2011-06-15/"
)

// errorBody is the error in the form of the service asked.
func (c *call) errorBody(e *apiError) []byte {
	type detail struct {
		Type    string `xml:",omitempty"`
		Code    string
		Message string
	}
	if c.service == metricService && !c.query {
		return c.metricError(e)
	}
	if _, is := jsonServices()[c.service]; is {
		return c.jsonError(e)
	}
	if c.service == "ec2" {
		return marshal("", "Response", struct {
			Errors    []detail `xml:"Errors>Error"`
			RequestID string
		}{[]detail{{"", e.code, e.message}}, c.id})
	}
	if c.service == "s3" {
		return marshal("", "Error", struct {
			Code, Message string
			RequestID     string `xml:"RequestId"`
		}{e.code, e.message, c.id})
	}
	kind := "Sender"
	if e.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	namespace := map[string]string{"sts": stsNamespace, "elasticloadbalancing": elbNamespace,
		"autoscaling": autoScalingNamespace, metricService: metricNamespace}[c.service]
	if namespace == "" {
		namespace = route53Namespace
	}
	return marshal(namespace, "ErrorResponse", struct {
		Error     detail
		RequestID string `xml:"RequestId"`
	}{detail{kind, e.code, e.message}, c.id})
}

// marshal writes the XML document called name, holding the fields of v.
func marshal(namespace, name string, v any) []byte {
	return append([]byte(xml.Header), element(namespace, name, v)...)
}

// element writes one XML element holding the fields of v: one of our own structures, which always can be written.
func element(namespace, name string, v any) []byte {
	var b bytes.Buffer
	err := xml.NewEncoder(&b).EncodeElement(v, xml.StartElement{Name: xml.Name{Space: namespace, Local: name}})
	if err != nil {
		panic(fmt.Sprintf("awssim: marshalling %T: %v", v, err))
	}
	return b.Bytes()
}

func (s *Sim) requestID() string {
	n := s.nextID()
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n*2654435761), n)
}

// nextID numbers what needs an id of its own: requests, changes, zones, sessions.
func (s *Sim) nextID() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	return s.ids
}

// timestamp is a time as the XML protocols write it.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
