package loki

import (
	"bytes"
	"io"
	"sync"
	"testing"
)

// Who closes a body while somebody reads it, and takes the memory for the next one, does not change what is read.
func TestBodyIsClosedWhileRead(t *testing.T) {
	var pool bufferPool
	old := bytes.Repeat([]byte("old"), 10_000)
	for range 200 {
		b := pool.take(len(old))
		b.Write(old)
		r := b.body()
		b.release()
		begun := make(chan struct{})
		var read []byte
		var wg sync.WaitGroup
		wg.Go(func() {
			p := make([]byte, 300)
			for k := 0; ; k++ {
				n, err := r.Read(p)
				read = append(read, p[:n]...)
				if k == 0 {
					close(begun)
				}
				if err != nil {
					return
				}
			}
		})
		<-begun
		r.Close()
		next := pool.take(len(old))
		next.Write(bytes.Repeat([]byte("new"), 10_000))
		wg.Wait()
		next.release()
		if !bytes.HasPrefix(old, read) {
			t.Fatal("the memory of the next body was read")
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF && len(read) < len(old) {
			t.Fatalf("a closed body: %d, %v", n, err)
		}
	}
}
