package loki

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/logferry/logferry/batch"
)

// This decoder is written from push.proto and shares nothing with the encoder.

type pushedEntry struct {
	time     time.Time
	line     string
	metadata []batch.Attr
}

type pushedStream struct {
	labels  string
	entries []pushedEntry
}

var errProto = errors.New("not a push")

// fields calls f for every field of a message: number and content, which is eight bytes little-endian for a varint.
func fields(msg []byte, f func(number int, varint uint64, content []byte) error) error {
	for len(msg) > 0 {
		tag, n := binary.Uvarint(msg)
		if n <= 0 {
			return errProto
		}
		msg = msg[n:]
		v, n := binary.Uvarint(msg)
		if n <= 0 {
			return errProto
		}
		msg = msg[n:]
		var content []byte
		switch tag & 7 {
		case 0:
		case 2:
			if v > uint64(len(msg)) {
				return errProto
			}
			content, msg = msg[:v:v], msg[v:]
			if content == nil {
				content = []byte{}
			}
		default:
			return errProto
		}
		if err := f(int(tag>>3), v, content); err != nil {
			return err
		}
	}
	return nil
}

func decodePush(msg []byte) (streams []pushedStream, err error) {
	err = fields(msg, func(number int, _ uint64, content []byte) error {
		if number != 1 || content == nil {
			return fmt.Errorf("%w: field %d of PushRequest", errProto, number)
		}
		s, err := decodeStream(content)
		streams = append(streams, s)
		return err
	})
	return streams, err
}

func decodeStream(msg []byte) (s pushedStream, err error) {
	err = fields(msg, func(number int, _ uint64, content []byte) error {
		switch {
		case number == 1 && content != nil:
			s.labels = string(content)
		case number == 2 && content != nil:
			e, err := decodeEntry(content)
			s.entries = append(s.entries, e)
			return err
		default:
			return fmt.Errorf("%w: field %d of StreamAdapter", errProto, number)
		}
		return nil
	})
	return s, err
}

func decodeEntry(msg []byte) (e pushedEntry, err error) {
	err = fields(msg, func(number int, _ uint64, content []byte) error {
		if content == nil {
			return errProto
		}
		switch number {
		case 1:
			var secs, nanos int64
			err := fields(content, func(number int, v uint64, content []byte) error {
				switch {
				case number == 1 && content == nil:
					secs = int64(v)
				case number == 2 && content == nil:
					nanos = int64(int32(v))
				default:
					return fmt.Errorf("%w: field %d of Timestamp", errProto, number)
				}
				return nil
			})
			e.time = time.Unix(secs, nanos).UTC()
			return err
		case 2:
			e.line = string(content)
		case 3:
			var a batch.Attr
			err := fields(content, func(number int, _ uint64, content []byte) error {
				switch {
				case number == 1 && content != nil:
					a.Key = string(content)
				case number == 2 && content != nil:
					a.Value = string(content)
				default:
					return fmt.Errorf("%w: field %d of LabelPairAdapter", errProto, number)
				}
				return nil
			})
			e.metadata = append(e.metadata, a)
			return err
		default:
			return fmt.Errorf("%w: field %d of EntryAdapter", errProto, number)
		}
		return nil
	})
	return e, err
}

// decodeBody decodes the body of a push, whichever of the two formats it is in.
func decodeBody(body []byte) (streams []pushedStream, raw int, err error) {
	if bytes.HasPrefix(body, gzipMagic) {
		return decodeJSONBody(body)
	}
	msg, err := s2.Decode(nil, body)
	if err != nil {
		return nil, 0, err
	}
	streams, err = decodePush(msg)
	return streams, len(msg), err
}

// parseLabels reads {a="b", c="d"}.
func parseLabels(s string) (map[string]string, error) {
	s, ok := strings.CutPrefix(s, "{")
	if !ok {
		return nil, errors.New("no {")
	}
	m := map[string]string{}
	for !strings.HasPrefix(s, "}") {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return nil, errors.New("no =")
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, err
		}
		if m[strings.TrimSpace(name)], err = strconv.Unquote(quoted); err != nil {
			return nil, err
		}
		s = strings.TrimPrefix(rest[len(quoted):], ", ")
		if s == "" {
			return nil, errors.New("no }")
		}
	}
	if s != "}" {
		return nil, errors.New("text after }")
	}
	return m, nil
}
