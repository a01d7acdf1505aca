package dnstap

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/dnstap/golang-dnstap"
)

// TestReaderIsConnectedOnce has the sender see a new reader before it is told of it.
func TestReaderIsConnectedOnce(t *testing.T) {
	at := filepath.Join(t.TempDir(), "tap.sock")
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan int)
	go func() {
		n := 0
		for {
			conn, err := l.Accept()
			if err != nil {
				accepted <- n
				return
			}
			n++
			go func() {
				defer conn.Close()
				r, err := dnstap.NewReader(conn, &dnstap.ReaderOptions{Bidirectional: true})
				for buffer := make([]byte, 1000); err == nil; {
					_, err = r.ReadFrame(buffer)
				}
			}()
		}
	}()
	s := New(Options{Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithTimeout(t.Context(), 3*sendEvery/2)
	defer stop()
	s.SetReader("unix", at)
	s.send(ctx) // as when the tick comes first
	_ = s.Run(ctx)
	time.Sleep(sendEvery / 10)
	_ = l.Close()
	if n := <-accepted; n != 1 {
		t.Errorf("it has connected %d times", n)
	}
}
