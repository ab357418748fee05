package bench

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
)

// serverEnv makes the test binary the counting server rather than a test.
const serverEnv = "LOGFERRY_BENCH_SERVER"

// serverLife bounds the server's life in case its parent fails to end it.
const serverLife = 30 * time.Minute

// counts are what the server has seen since it began.
type counts struct{ Lines, Requests, WireBytes int64 }

func (c counts) since(before counts) counts {
	return counts{c.Lines - before.Lines, c.Requests - before.Requests, c.WireBytes - before.WireBytes}
}

// serve is the server process: it prints its address, and ends with its standard input.
func serve() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(l.Addr())
	time.AfterFunc(serverLife, func() { os.Exit(1) })
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, http.Serve(l, new(counter)))
	return 1
}

// A counter counts pushes and answers 204.
type counter struct {
	mu    sync.Mutex
	total counts
	bufs  sync.Pool // of *serverBuffers

	as pretended
}

type serverBuffers struct{ wire, raw []byte }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = json.NewEncoder(w).Encode(c.total)
		return
	case http.MethodPut:
		if err := c.as.become(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
		return
	}
	leave, err := c.as.serve()
	if err != nil {
		panic(http.ErrAbortHandler) // which resets the connection
	}
	bufs, ok := c.bufs.Get().(*serverBuffers)
	if !ok {
		bufs = &serverBuffers{}
	}
	defer c.bufs.Put(bufs)
	lines, err := bufs.read(r)
	leave(len(bufs.raw))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.total.Lines += lines
	c.total.Requests++
	c.total.WireBytes += int64(len(bufs.wire))
	c.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (b *serverBuffers) read(r *http.Request) (lines int64, err error) {
	n := int(max(r.ContentLength, 0))
	if cap(b.wire) < n {
		b.wire = make([]byte, n)
	}
	b.wire = b.wire[:n]
	if _, err := io.ReadFull(r.Body, b.wire); err != nil {
		return 0, err
	}
	raw, err := s2.Decode(b.raw[:cap(b.raw)], b.wire)
	if err != nil {
		return 0, err
	}
	b.raw = raw
	return countLines(raw)
}

var errPush = errors.New("not a push")

// countLines counts the entries of a PushRequest: field 2 of each field 1.
func countLines(msg []byte) (n int64, err error) {
	for len(msg) > 0 {
		var tag byte
		var stream []byte
		if tag, stream, msg, err = field(msg); err != nil || tag != 1<<3|2 {
			return 0, errPush
		}
		for len(stream) > 0 {
			if tag, _, stream, err = field(stream); err != nil {
				return 0, err
			}
			if tag == 2<<3|2 {
				n++
			}
		}
	}
	return n, nil
}

// field cuts a length-delimited field off the front of msg.
func field(msg []byte) (tag byte, content, rest []byte, err error) {
	size, n := binary.Uvarint(msg[1:])
	if n <= 0 || uint64(len(msg)-1-n) < size {
		return 0, nil, nil, errPush
	}
	at := 1 + n
	return msg[0], msg[at : at+int(size)], msg[at+int(size):], nil
}

// A server is a counting server in a process of its own.
type server struct{ url string }

// startServer starts one that ends with the test.
func startServer(t testing.TB) *server {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), serverEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed, which is an error
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server says nothing: %v", err)
	}
	return &server{"http://" + strings.TrimSpace(addr)}
}

// counts asks the server.
func (s *server) counts(t testing.TB) counts {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var c counts
	if err := json.NewDecoder(resp.Body).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}
