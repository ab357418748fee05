package container

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/logferry/logferry/source/record"
)

// From says where reading begins in a container that has no cursor.
type From int

const (
	// Start begins with the first line that the engine still has.
	Start From = iota
	// End leaves out what containers have written that are there when the
	// source first looks. Those that are created later are read from the start
	// all the same.
	End
)

// Config says which containers to follow, and how. The zero value follows every
// container of the engine at the default socket.
type Config struct {
	// Host is where the engine listens: unix:///var/run/docker.sock by default
	// (on Windows npipe:////./pipe/docker_engine), or any other unix:// or npipe://
	// path, or a tcp://, http:// or https:// address with its port. The client
	// library cannot dial ssh://: that takes a Dial.
	Host string
	// TLS is used with a tcp:// or https:// Host. New copies it.
	TLS *tls.Config
	// Dial connects to the engine, in place of Host, which may then be left
	// empty: through an SSH connection, for example. It is called concurrently,
	// once for each connection; ctx bounds it. Closing a connection has to end a
	// Read of it that is under way. A panic is taken for an error.
	Dial func(ctx context.Context) (net.Conn, error)

	// Include selects containers by any of several conditions: all by default.
	Include []Match
	// Exclude leaves out containers that fit any of these.
	Exclude []Match
	// OptOut is the key of a container label that leaves its container out if
	// its value is "false", "0", "no" or "off": "logferry.collect" by default.
	OptOut string
	// IncludeSelf follows the container this process runs in as well. What its
	// pipeline logs there would be collected again.
	IncludeSelf bool

	// From is where reading begins in containers that are there when Run first
	// looks and have no cursor: Start by default.
	From From
	// Outputs says what is read of a container: both its outputs by default.
	Outputs Outputs
	// Labels are the labels of a container's stream, by name, each with the
	// [Field] that it has its value from: 14 at most, and none from the id, of
	// which there is no end. Fields that are empty make no label. Invalid UTF-8
	// is replaced by U+FFFD, and a value longer than 1,024 bytes is cut.
	// The default is container=name, image=image,
	// compose_project=compose.project and compose_service=compose.service; an
	// empty map means none. A container that has none of them gets
	// container="other", and its name as an attribute of that name.
	Labels map[string]Field
	// Attrs are attributes of each entry, in the same way: container_id=id by
	// default. The attribute stream, stdout or stderr, is always there.
	Attrs map[string]Field
	// MaxLabelSets bounds the different label sets that containers bring with
	// them for as long as there is the Source: 1,000 by default. Containers that
	// come with yet another one get the value "other" for all labels whose values
	// are new by then, and the values as attributes; should that make as many sets
	// again, for all labels. One warning tells.
	MaxLabelSets int

	// MaxLine is the longest line delivered whole, in bytes without its line
	// end: 1 MiB by default, 1 GiB at most. Of a longer one the first MaxLine
	// bytes are delivered, with the attribute truncated="true".
	MaxLine int
	// Multiline says which lines make one entry: each its own by default.
	Multiline record.Multiline

	// Direct is the folder in which the engine keeps its containers,
	// /var/lib/docker/containers as a rule, or where that is mounted. If it is
	// given, the logs of the json-file driver, rotated and compressed ones among
	// them, are read there and not through the engine, which saves it the work and
	// is several times as fast. The engine is still asked which containers there are,
	// and for the logs of other drivers. A log that cannot be read there is told
	// of, and is not read in another way. The process must be allowed to read the
	// files, which as a rule is root. Direct and not, containers have cursors of
	// their own: where Direct is given for the first time, or no longer, logs are
	// read from where From says. What differs besides: attributes that the driver
	// was told to add with its options labels, env and tag are there; a carriage
	// return before a line end is not; and a line of more than 16 KiB makes two
	// entries if the log was rotated within it, or if the container paused there
	// for longer than Multiline.Timeout.
	//
	// It is not for logs that are rotated several times a second: their files are
	// renamed faster than they can be told apart. Measured with containers
	// that wrote without a pause to files of 100 kB, three of them: the API was
	// behind, but lost nothing that there was; read directly, lines were out of
	// order, and with compress up to 740 lines that there were did not come.
	Direct string
	// MaxStreams bounds the containers that are followed through a stream of
	// their own, each with a goroutine and a connection: 256 by default. The
	// others are polled. A negative number means none.
	MaxStreams int
	// Pollers is how many goroutines poll: 4 by default.
	Pollers int
	// Poll is how often a busy container is polled: 250 ms by default.
	Poll time.Duration
	// IdlePoll is how often a container is polled that is silent: 2 s by default.
	IdlePoll time.Duration
	// Relist is how often all containers are listed, in case an event was
	// missed: 30 s by default.
	Relist time.Duration
}

// Outputs are the outputs of a container that are read.
type Outputs int

const (
	// Both stdout and stderr are read.
	Both Outputs = iota
	// Stdout alone is read.
	Stdout
	// Stderr alone is read.
	Stderr
)

// A Field is something that is known of a container: "id", "name", "image",
// "compose.project", "compose.service", or "label." and the key of one of its labels.
type Field string

// A Match is a condition for containers. It fits if all fields that are set do;
// a Match with none set is refused by New.
type Match struct {
	Name    string            // a regular expression that is found in the name, which has no slash in front
	Image   string            // a regular expression that is found in the name of the image
	Labels  map[string]string // labels with their values; a value of "*" stands for any
	Project string            // the project of compose
	Service string            // the service of compose
	// State is created, running, paused, restarting, removing, exited or dead. It
	// counts as long as a container is not followed: one that was, in whatever
	// state, is followed to its end.
	State string
}
