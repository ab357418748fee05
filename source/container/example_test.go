package container_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
	"github.com/logferry/logferry/source/container"
	"github.com/logferry/logferry/source/container/containertest"
	"github.com/logferry/logferry/source/record"
)

// printer is what a pipeline does, in small: it takes batches and settles them. It
// calls enough after so many lines.
type printer struct {
	lines  int
	enough func()
}

func (*printer) NewBatch(l batch.Labels) *batch.Batch { return batch.New(nil, l) }
func (*printer) Hasten() func()                       { return func() {} }

func (p *printer) Receive(_ context.Context, b *batch.Batch, settled func(error)) error {
	for _, e := range b.Entries {
		fmt.Printf("%s %s\n", b.Labels, e.Line)
		if p.lines--; p.lines == 0 {
			p.enough()
		}
	}
	b.OnSettled(settled)
	b.Settle(nil)
	return nil
}

func ExampleNew() {
	engine := containertest.New(containertest.Config{}) // stands in for a real one
	defer engine.Close()
	till := engine.Create(containertest.Spec{Name: "till-1", Image: "till:2.1"})
	if err := till.Start(); err != nil {
		panic(err)
	}
	till.Print("opened")
	till.Print("sold one")

	src, err := container.New(container.Config{
		Dial: engine.Dial, // a service leaves it out: the engine of its host is meant then
	})
	if err != nil {
		panic(err)
	}

	// A pipeline does the rest; this is the least that can stand in for it.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	saver, err := source.NewSaver(ctx, source.MemCheckpoints())
	if err != nil {
		panic(err)
	}
	sup := lifecycle.New(lifecycle.Config{})
	defer sup.Close(context.Background())
	out := source.NewOutlet(source.OutletConfig{
		Name: "containers", Receiver: &printer{2, cancel}, Saver: saver, Supervisor: sup,
	})
	if err := out.Run(ctx, src); err != nil {
		panic(err)
	}
	// Output:
	// {container="till-1", image="till:2.1"} opened
	// {container="till-1", image="till:2.1"} sold one
}

// What is followed: two services of a project of compose, and whatever asks for
// it by a label, but no container that is there to test the others.
func ExampleConfig_include() {
	_, err := container.New(container.Config{
		Include: []container.Match{
			{Project: "shop", Service: "till"},
			{Project: "shop", Service: "stock"},
			{Labels: map[string]string{"logs": "*"}},
		},
		Exclude: []container.Match{{Name: "-test$"}},
	})
	fmt.Println(err)
	// Output: <nil>
}

// What entries tell of their container. A label makes streams, so it is for what
// has few values; an attribute is for the rest.
func ExampleConfig_labels() {
	_, err := container.New(container.Config{
		Labels: map[string]container.Field{
			"service": "compose.service",
			"env":     "label.com.example.environment",
		},
		Attrs: map[string]container.Field{
			"container": "name",
			"version":   "label.org.opencontainers.image.version",
		},
	})
	fmt.Println(err)
	_, err = container.New(container.Config{Labels: map[string]container.Field{"id": "id"}})
	fmt.Println(err)
	// Output:
	// <nil>
	// container: Labels: "id": every container has another id, so there is no bound to the streams it would make: use Attrs
}

// A stack trace of Java, Python, Go or Ruby is one entry.
func ExampleConfig_multiline() {
	_, err := container.New(container.Config{Multiline: record.Multiline{Rule: record.Traces()}})
	fmt.Println(err)
	// Output: <nil>
}

// An engine at the other end of a network, with certificates. FromEnv takes them
// from where docker's own programs have them.
func ExampleConfig_tls() {
	load := func() (tls.Certificate, error) {
		return tls.LoadX509KeyPair("/etc/shop/cert.pem", "/etc/shop/key.pem")
	}
	_, err := container.New(container.Config{
		Host: "tcp://engine.example:2376",
		TLS: &tls.Config{
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				c, err := load()
				return &c, err
			},
		},
	})
	fmt.Println(err)
	// Output: <nil>
}

// A tunnel is what an SSH connection gives, such as Client of golang.org/x/crypto/ssh.
type tunnel interface {
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// connect stands for ssh.Dial, with a key and the host's key checked.
func connect(string) (tunnel, error) { return &net.Dialer{}, nil }

// An engine on a host that is reached by SSH: its socket is connected to from
// there, as often as it takes, through one connection.
func ExampleConfig_dial() {
	host, err := connect("logs@engine.example:22")
	if err != nil {
		panic(err)
	}
	_, err = container.New(container.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return host.DialContext(ctx, "unix", "/var/run/docker.sock")
		},
	})
	fmt.Println(err)
	// Output: <nil>
}

// A program that had rather end than wait for an engine asks first.
func ExampleSource_Ready() {
	src, err := container.New(container.Config{
		Dial: func(context.Context) (net.Conn, error) { return nil, containertest.ErrMissing },
	})
	if err != nil {
		panic(err)
	}
	if err := src.Ready(context.Background()); err != nil {
		fmt.Println("there is no engine")
	}
	// Output: there is no engine
}
