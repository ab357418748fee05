package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/klauspost/compress/s2"
)

const (
	bareChunk = 256 << 10
	bareBody  = 1 << 20 // before compression
)

// A bare is the least that delivers a file to Loki.
type bare struct {
	url    string
	client *http.Client
	raw    []byte // a PushRequest being built; the first bareHead bytes are for what precedes the labels
	wire   []byte
	last   int64 // time of the latest entry
}

const (
	bareLabels = `{app="shop", host="bench"}`
	bareHead   = 1 + 5
)

func newBare(url string) *bare {
	b := &bare{
		url:    url + "/loki/api/v1/push",
		client: &http.Client{Transport: &http.Transport{WriteBufferSize: 64 << 10}},
		raw:    make([]byte, 0, bareBody+bareChunk),
		wire:   make([]byte, s2.MaxEncodedLen(bareBody+bareChunk)),
	}
	b.begin()
	return b
}

// begin starts a request: tag and length of the stream are filled in when it is complete.
func (b *bare) begin() {
	b.raw = append(b.raw[:bareHead], 1<<3|2, byte(len(bareLabels)))
	b.raw = append(b.raw, bareLabels...)
}

// drain delivers all of the file.
func (b *bare) drain(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	chunk := make([]byte, bareChunk)
	rest := 0 // bytes of an incomplete line at the front of chunk
	for {
		n, err := f.Read(chunk[rest:])
		used, sendErr := b.lines(chunk[:rest+n])
		if sendErr != nil {
			return sendErr
		}
		rest = copy(chunk, chunk[used:rest+n])
		if err == io.EOF {
			return b.send()
		}
		if err != nil {
			return err
		}
	}
}

// lines appends the complete lines in p and returns how many bytes they are.
func (b *bare) lines(p []byte) (used int, err error) {
	now := time.Now().UnixNano()
	for {
		end := bytes.IndexByte(p[used:], '\n')
		if end < 0 {
			return used, nil
		}
		b.last = max(now, b.last+1)
		b.entry(b.last, p[used:used+end])
		used += end + 1
		if len(b.raw) >= bareBody {
			if err := b.send(); err != nil {
				return used, err
			}
		}
	}
}

// entry appends one EntryAdapter: its timestamp of seconds and nanoseconds, and its line.
func (b *bare) entry(nanos int64, line []byte) {
	var stamp [16]byte
	t := binary.AppendUvarint(append(stamp[:0], 1<<3), uint64(nanos/1e9))
	t = binary.AppendUvarint(append(t, 2<<3), uint64(nanos%1e9))
	size := 1 + 1 + len(t) + 1 + uvarintSize(len(line)) + len(line)
	b.raw = binary.AppendUvarint(append(b.raw, 2<<3|2), uint64(size))
	b.raw = append(append(b.raw, 1<<3|2, byte(len(t))), t...)
	b.raw = binary.AppendUvarint(append(b.raw, 2<<3|2), uint64(len(line)))
	b.raw = append(b.raw, line...)
}

func uvarintSize(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// send posts what there is and starts anew.
func (b *bare) send() error {
	stream := len(b.raw) - bareHead
	if stream == 2+len(bareLabels) {
		return nil
	}
	var head [bareHead]byte
	h := binary.AppendUvarint(append(head[:0], 1<<3|2), uint64(stream))
	from := bareHead - len(h)
	copy(b.raw[from:], h)
	wire := s2.EncodeSnappy(b.wire, b.raw[from:])
	b.begin()
	resp, err := b.client.Post(b.url, "application/x-protobuf", bytes.NewReader(wire))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return errors.Join(err, resp.Body.Close())
}

func (b *bare) close() { b.client.CloseIdleConnections() }
