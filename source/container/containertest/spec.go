package containertest

import "strconv"

// A Spec says what a container is. The zero value works.
type Spec struct {
	// Name is without the slash that the API puts before it. Default: one that no
	// other container has.
	Name string
	// Image is the name of what it was made of. Default: "image".
	Image  string
	Labels map[string]string
	// Tty gives it a terminal: one output, and lines that end in \r\n.
	Tty bool
	// Driver keeps its log: json-file, the default, or local; any other name is of
	// one that sends it elsewhere, which the engine keeps in the manner of local as
	// well; "none" keeps nothing.
	Driver string
	// NoCache says that the engine does not keep what such a driver sends elsewhere,
	// so that it cannot be read.
	NoCache bool
	// MaxSize, in bytes, is how large a file of the log becomes before it is rotated.
	// Default: without bound for json-file, 20 MiB otherwise.
	MaxSize int64
	// MaxFiles is how many files are kept, the one that is written to among them.
	// Default: 1 for json-file, 5 otherwise.
	MaxFiles int
	// Compress compresses what is rotated, which others than json-file always do. An
	// engine skips a compressed file by the time of its last message.
	Compress bool
	// AutoRemove removes the container when it ends.
	AutoRemove bool
}

func (s Spec) withDefaults(number int) Spec {
	if s.Name == "" {
		s.Name = "container_" + strconv.Itoa(number)
	}
	if s.Image == "" {
		s.Image = "image"
	}
	if s.Driver == "" {
		s.Driver = "json-file"
	}
	return s
}

// options are those of the log's driver, as inspecting shows them.
func (s Spec) options() map[string]string {
	o := map[string]string{}
	if s.MaxSize > 0 {
		o["max-size"] = strconv.FormatInt(s.MaxSize, 10)
	}
	if s.MaxFiles > 0 {
		o["max-file"] = strconv.Itoa(s.MaxFiles)
	}
	if s.Compress {
		o["compress"] = "true"
	}
	if s.NoCache {
		o["cache-disabled"] = "true"
	}
	return o
}
