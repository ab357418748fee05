package loki

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/logferry/logferry/batch"
)

// This decoder is the standard library's, and shares nothing with the encoder.

var gzipMagic = []byte{0x1f, 0x8b}

// decodeJSONBody decodes a compressed body.
func decodeJSONBody(body []byte) (streams []pushedStream, raw int, err error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	msg, err := io.ReadAll(z)
	if err != nil {
		return nil, 0, err
	}
	streams, err = decodeJSON(msg)
	return streams, len(msg), err
}

func decodeJSON(msg []byte) (streams []pushedStream, err error) {
	var push struct {
		Streams []struct {
			Stream map[string]string
			Values [][]json.RawMessage
		}
	}
	d := json.NewDecoder(bytes.NewReader(msg))
	d.DisallowUnknownFields()
	if err := d.Decode(&push); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value: %v", err)
	}
	for _, s := range push.Streams {
		l, err := batch.NewLabels(s.Stream)
		if err != nil {
			return nil, err
		}
		got := pushedStream{labels: l.String()}
		for _, v := range s.Values {
			e, err := decodeJSONEntry(v)
			if err != nil {
				return nil, err
			}
			got.entries = append(got.entries, e)
		}
		streams = append(streams, got)
	}
	return streams, nil
}

func decodeJSONEntry(v []json.RawMessage) (e pushedEntry, err error) {
	if len(v) < 2 || len(v) > 3 {
		return e, fmt.Errorf("an entry of %d values", len(v))
	}
	var stamp string
	if err := json.Unmarshal(v[0], &stamp); err != nil {
		return e, err
	}
	nanos, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return e, err
	}
	e.time = time.Unix(0, nanos).UTC()
	if err := json.Unmarshal(v[1], &e.line); err != nil {
		return e, err
	}
	if len(v) == 3 {
		e.metadata, err = decodeJSONAttrs(v[2])
	}
	return e, err
}

// decodeJSONAttrs keeps the order of attributes, and those that occur twice.
func decodeJSONAttrs(object []byte) (attrs []batch.Attr, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); t != json.Delim('{') {
		return nil, fmt.Errorf("attributes begin with %v: %v", t, err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, err
		}
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("the value of %v is %v", name, value)
		}
		attrs = append(attrs, batch.Attr{Key: name.(string), Value: text})
	}
	return attrs, nil
}
