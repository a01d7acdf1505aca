package awsclient

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// xmlServices are the services, by the SDK's names, whose answers are XML documents
// named after the operation.
func xmlServices() []string {
	return []string{"Route 53", "EC2", "Elastic Load Balancing v2", "Auto Scaling", "STS"}
}

// requireDocument has every call fail whose answer isn't the document of its operation.
// The SDK takes any document for one that lists nothing, the page of a proxy say, and
// no document as well: all that was known would be gone, or nothing be waited for.
func requireDocument(stack *middleware.Stack) error {
	_, there := stack.Deserialize.Get("OperationDeserializer")
	if !there {
		return nil
	}
	check := middleware.DeserializeMiddlewareFunc("RequireDocument", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		response, ok := out.RawResponse.(*smithyhttp.Response)
		if err != nil || !ok || response.StatusCode < 200 || response.StatusCode > 299 ||
			!slices.Contains(xmlServices(), awsmiddleware.GetServiceID(ctx)) {
			return out, metadata, err
		}
		err = checkDocument(response, awsmiddleware.GetOperationName(ctx)+"Response")
		if err != nil {
			err = &smithy.DeserializationError{Err: err}
		}
		return out, metadata, err
	})
	return stack.Deserialize.Insert(check, "OperationDeserializer", middleware.After)
}

// checkDocument reads the begin of the body, which can be read as a whole afterwards.
func checkDocument(response *smithyhttp.Response, want string) error {
	var begin bytes.Buffer
	decoder := xml.NewDecoder(io.TeeReader(response.Body, &begin))
	for {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the answer is empty instead of a %s", want)
		}
		if err != nil {
			return fmt.Errorf("the answer isn't a %s: %w", want, err)
		}
		root, is := token.(xml.StartElement)
		if !is {
			continue
		}
		if root.Name.Local != want {
			return fmt.Errorf("the answer is the document %q instead of a %s", root.Name.Local, want)
		}
		response.Body = &readAgain{io.MultiReader(&begin, response.Body), response.Body}
		return nil
	}
}

// readAgain is a body whose begin has been read.
type readAgain struct {
	io.Reader
	io.Closer
}
