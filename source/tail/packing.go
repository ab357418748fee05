package tail

import (
	"bufio"
	"io"
	"strings"
)

// A packing is a way in which rotated files are compressed.
type packing uint8

const (
	unpacked packing = iota
	gzipped
	zstded
)

func (k packing) String() string {
	switch k {
	case gzipped:
		return "gzip"
	case zstded:
		return "zstd"
	}
	return "unpacked"
}

// packedKind tells by its name how a file is compressed. Whether it is so is
// found out when it is read.
func packedKind(name string) packing {
	for kind, suffix := range packedSuffixes {
		if strings.HasSuffix(name, suffix) {
			return packing(kind + 1)
		}
	}
	return unpacked
}

// packedSuffixes are the ends of the names of compressed files, from gzipped on.
var packedSuffixes = [...]string{".gz", ".zst"}

// magicMax is how many bytes at the beginning tell the kind.
const magicMax = 4

// begins reports whether b, the first bytes of a file, can be the beginning of
// one of kind k. More than magicMax are not looked at, and fewer are enough.
func (k packing) begins(b []byte) bool {
	switch k {
	case gzipped: // RFC 1952, section 2.3.1; 8 is the only method there is
		return matches(b, "\x1f\x8b\x08")
	case zstded: // RFC 8878, section 3.1: a frame, or one to be skipped
		return matches(b, "\x28\xb5\x2f\xfd") || b[0]&0xf0 == 0x50 && matches(b[1:], "\x2a\x4d\x18")
	}
	return false
}

// matches reports whether b and magic agree as far as both go.
func matches(b []byte, magic string) bool {
	n := min(len(b), len(magic))
	return string(b[:n]) == magic[:n]
}

// A decoder unpacks a stream from its beginning. It buffers no output, and
// starts no goroutine. Errors are final but for reset.
type decoder interface {
	io.Reader
	// reset begins a new stream.
	reset(*bufio.Reader) error
	// close gives back all memory. The decoder is not used afterwards.
	close()
}

// decoder returns a new one for kind k.
func (k packing) decoder() decoder {
	if k == zstded {
		return &unzstd{}
	}
	return &gunzip{}
}
