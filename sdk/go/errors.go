package umoja

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// APIError is what a region, or a proxy before it, has answered in place of a result: a problem (RFC 9457).
type APIError struct {
	// Code is for programs. It is empty if something other than a region answered.
	Code ErrorCode `json:"code"`
	// Title is a short description.
	Title string `json:"title"`
	// Detail says what to do. It never contains a value that the caller sent.
	Detail string `json:"detail"`
	// Field is the member of the body that is wrong, as a path: set.profile.
	Field string `json:"field"`
	// Version is the current version of the user, if another one was expected.
	Version string `json:"version"`
	// Status is the HTTP status.
	Status int `json:"-"`
	// Region is the base URL of the region.
	Region string `json:"-"`
	// RequestID is the id under which the region has logged the request. Give it to the operator.
	RequestID string `json:"-"`
	// RetryAfter is after how many seconds the region wants to be asked again, or 0.
	RetryAfter int `json:"-"`
	// Signed says whether the region has signed the problem. If not, a proxy or an attacker can have made it.
	Signed bool `json:"-"`
}

func newAPIError(problem json.RawMessage, status int, region string, header http.Header, signed bool) *APIError {
	made := &APIError{}
	if json.Unmarshal(problem, made) != nil {
		*made = APIError{}
	}
	made.Status, made.Region, made.Signed = status, region, signed
	made.RequestID, made.RetryAfter = header.Get("Request-Id"), seconds(header.Get("Retry-After"))
	return made
}

func (e *APIError) Error() string {
	code, said, id := string(e.Code), "", ""
	if code == "" {
		code = "without a code"
	}
	if e.Title != "" {
		said = ": " + e.Title + ": " + e.Detail
	}
	if e.RequestID != "" {
		id = " (Request-Id " + e.RequestID + ")"
	}
	return fmt.Sprintf("umoja: %d %s%s%s", e.Status, code, said, id)
}

// AnswerRejectedError is about an answer that is not the region's answer to this request, so that nothing in it can be believed.
type AnswerRejectedError struct {
	// Reason is a claim or header member, signature, malformed, or status.
	Reason string
	// Region is the base URL of the region.
	Region string
}

func (e *AnswerRejectedError) Error() string {
	return "umoja: the answer of " + e.Region + " is not accepted: " + e.Reason
}

// NoAnswerError says that no region has answered. Whether the request was executed is not known: repeat it with the same idempotency
// key.
type NoAnswerError struct {
	// Region is the region that was asked last.
	Region string
	// Err is the cause.
	Err error
}

func (e *NoAnswerError) Error() string {
	return "umoja: no answer of " + e.Region + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *NoAnswerError) Unwrap() error { return e.Err }

// WebhookRejectedError is about a webhook that is not genuine, or not of now.
type WebhookRejectedError struct {
	// Reason is headers, timestamp, signature, malformed, or a claim or header member of the JWS.
	Reason string
}

func (e *WebhookRejectedError) Error() string {
	return "umoja: the webhook is not accepted: " + e.Reason
}
