package umoja

import (
	"context"
	"encoding/json"
)

// Ptr returns a pointer to a value, for members that may be absent.
func Ptr[T any](value T) *T { return &value }

// Change is what becomes of a member: nil leaves it as it is, Set gives it a value, and Remove removes it.
type Change[T any] struct{ value *T }

// Set gives a member a value.
func Set[T any](value T) *Change[T] { return &Change[T]{&value} }

// Remove removes a member.
func Remove[T any]() *Change[T] { return &Change[T]{} }

// MarshalJSON writes the value, or null.
func (c Change[T]) MarshalJSON() ([]byte, error) {
	if c.value == nil {
		return []byte("null"), nil
	}
	return marshal(*c.value)
}

var _ json.Marshaler = Change[string]{}

// EventReader reads pages of events.
//
//	reader := client.Events(umoja.ListEvents{Cursor: stored})
//	for reader.Next(ctx) {
//		handle(reader.Page().Events)
//		store(reader.Page().Cursor)
//	}
//	return reader.Err()
//
// Store the cursor of a page in the transaction of what its events did, and begin with it after a restart: then no event is lost or done
// twice.
type EventReader struct {
	// Once ends the reader once no event is left, in place of waiting for more.
	Once bool

	client *Client
	body   ListEvents
	page   *Events
	err    error
}

// Events reads from a position on: a cursor, a time, or all events that are kept. It waits for more for 20 seconds at a time, unless
// WaitSecs is given.
func (c *Client) Events(from ListEvents) *EventReader {
	if from.WaitSecs == nil {
		from.WaitSecs = Ptr[int64](20)
	}
	return &EventReader{client: c, body: from}
}

// Next reads the next page that has events. It returns false at an error, and with Once if no event is left.
func (r *EventReader) Next(ctx context.Context) bool {
	for r.err == nil {
		if r.Once {
			r.body.WaitSecs = nil
		}
		page, err := r.client.ListEvents(ctx, r.body)
		if err != nil {
			r.err = err
			return false
		}
		r.body.Cursor, r.body.After = page.Cursor, nil
		if len(page.Events) > 0 {
			r.page = page
			return true
		}
		if r.Once && !page.More {
			return false
		}
	}
	return false
}

// Page is the page that Next has read.
func (r *EventReader) Page() *Events { return r.page }

// Err is what Next failed with, such as an *APIError with the code CodeCursorExpired.
func (r *EventReader) Err() error { return r.err }
