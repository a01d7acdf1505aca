package forward

import (
	"context"
	"fmt"
)

// Resolve answers a question of this server's own: from the cache, else from the
// upstreams of g, for which it waits until ctx ends. The message is an answer, NOERROR or
// NXDOMAIN, maybe an expired one; an error says that there is none, and wraps
// [ErrServFail], [ErrTimeout], [ErrFull], [ErrClosed] or what ended ctx.
func (f *Forwarder) Resolve(ctx context.Context, g *Group, q *Question) (*Message, error) {
	type outcome struct {
		message *Message
		err     error
	}
	done := make(chan outcome, 1) // nobody waits to send when ctx has ended
	err := f.Ask(g, q, Asker{}, func(m *Message, err error) { done <- outcome{m, err} })
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", g, err)
	}
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("asking %s: %w", g, ctx.Err())
	case o := <-done:
		if o.message == nil || o.message.Flags&IsFailure != 0 {
			return nil, fmt.Errorf("asking %s: %w", g, o.err)
		}
		return o.message, nil
	}
}
