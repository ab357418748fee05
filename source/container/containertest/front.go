package containertest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// A front is where clients reach an engine: a server, and its connections.
type front struct {
	engine *Engine
	server *http.Server
	memory *listener
	loops  sync.WaitGroup // of the server, one for each listener

	mu     sync.Mutex
	cond   sync.Cond
	conns  map[net.Conn]http.ConnState
	closed bool
}

func newFront(e *Engine) *front {
	f := &front{engine: e, memory: newListener(), conns: map[net.Conn]http.ConnState{}}
	f.cond.L = &f.mu
	f.server = &http.Server{
		Handler:     router{e},
		ConnState:   f.state,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	f.serve(f.memory)
	return f
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// serve serves what l accepts until the front is closed.
func (f *front) serve(l net.Listener) {
	f.loops.Go(func() { f.server.Serve(door{l, f}) })
}

// Serve serves what l accepts as well, in the background: a unix socket, a port on
// loopback. Close closes l. While the engine is down it accepts connections and
// closes them at once.
func (e *Engine) Serve(l net.Listener) { e.front.serve(l) }

// Dial connects to the engine within this process, for the client's dialer. It is
// refused while the engine is down. ctx bounds the connecting only.
func (e *Engine) Dial(ctx context.Context) (net.Conn, error) {
	if err := e.dialFault(ctx); err != nil {
		return nil, err
	}
	client, server := newConns(e.config.Buffer)
	if !e.front.admit(server) {
		return nil, ErrRefused
	}
	select {
	case e.front.memory.conns <- server:
		return client, nil
	case <-e.front.memory.done:
	case <-ctx.Done():
	}
	e.front.forget(server)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, ErrRefused
}

// ErrRefused is what connecting to a unix socket fails with where nothing listens.
var ErrRefused error = &net.OpError{Op: "dial", Net: "unix", Addr: addr{},
	Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// ErrMissing is what it fails with where there is no socket.
var ErrMissing error = &net.OpError{Op: "dial", Net: "unix", Addr: addr{},
	Err: os.NewSyscallError("connect", syscall.ENOENT)}

// admit counts a new connection, unless there shall be none.
func (f *front) admit(c net.Conn) bool {
	e := f.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.down || f.closed {
		return false
	}
	f.conns[c] = http.StateNew
	e.stats.Dialled++
	e.stats.MaxConns = max(e.stats.MaxConns, len(f.conns))
	return true
}

// forget counts a connection that has ended.
func (f *front) forget(c net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
	f.cond.Broadcast()
}

// state is told by the server what becomes of its connections. Being closed is the
// last thing that happens to one, and being idle is what follows a whole response.
func (f *front) state(c net.Conn, s http.ConnState) {
	if s == http.StateClosed {
		f.forget(c)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns[c] = s
	f.cond.Broadcast()
}

// open returns how many connections there are.
func (f *front) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

// cut closes all connections, and waits until they have ended.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		c.Close()
	}
	for len(f.conns) > 0 {
		f.cond.Wait()
	}
}

// drain waits until connections have nothing more to send, but not for long.
func (f *front) drain(conns []net.Conn, limit time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	late := false
	timer := time.AfterFunc(limit, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		late = true
		f.cond.Broadcast()
	})
	defer timer.Stop()
	for _, c := range conns {
		for f.conns[c] == http.StateActive && !late {
			f.cond.Wait()
		}
	}
}

func (f *front) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.server.Close()
	f.cut()
	f.loops.Wait()
}

// A door is a listener whose connections are counted, and turned away while the
// engine is down.
type door struct {
	net.Listener
	front *front
}

func (d door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if _, counted := c.(*conn); err != nil || counted || d.front.admit(c) {
			return c, err
		}
		c.Close()
	}
}

// A listener accepts the connections of Dial.
type listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	err := errors.New("containertest: closed already")
	l.once.Do(func() { close(l.done); err = nil })
	return err
}

func (l *listener) Addr() net.Addr { return addr{} }
