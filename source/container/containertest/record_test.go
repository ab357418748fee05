package containertest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Files are rotated by their size, which is that of what a real engine writes.
func TestSizes(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	for _, line := range []string{"", "x", "<a href=\"\\\"> & \r\n", "é\u2028\xff\xfe\x01", strings.Repeat("a", 200), strings.Repeat("a", 16384)} {
		for _, r := range []record{{out: Stdout, ends: true}, {out: Stderr, piece: 3}, {out: Stdout, piece: 128, ends: true}} {
			r.at = at
			for _, name := range []string{"json-file", "local"} {
				got := r
				driver{name: name}.finish(&got, []byte(line))
				want := localEntry(r, line)
				if name == "json-file" {
					want = jsonEntry(t, r, line)
				}
				if int(got.size) != len(want) {
					t.Errorf("%s, piece %d of %.20q: %d bytes, want %d: %.100q", name, r.piece, line, got.size, len(want), want)
				}
			}
		}
	}
}

func jsonEntry(t *testing.T, r record, line string) []byte {
	if r.ends {
		line += "\n"
	}
	b, err := json.Marshal(struct {
		Log    string    `json:"log,omitempty"`
		Stream string    `json:"stream"`
		Time   time.Time `json:"time"`
	}{line, r.out.String(), r.at})
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// localEntry writes LogEntry of api/types/plugins/logdriver/entry.proto in moby:
// source 1, time_nano 2, line 3, partial 4, partial_log_metadata 5 with last 1, id 2
// and ordinal 3.
func localEntry(r record, line string) []byte {
	text := func(b []byte, field byte, s string) []byte {
		return append(binary.AppendUvarint(append(b, field<<3|2), uint64(len(s))), s...)
	}
	b := text(nil, 1, r.out.String())
	b = binary.AppendUvarint(append(b, 2<<3), uint64(r.at.UnixNano()))
	if line != "" {
		b = text(b, 3, line)
	}
	if r.piece > 0 {
		var partial []byte
		if r.ends {
			partial = append(partial, 1<<3, 1)
		}
		partial = text(partial, 2, strings.Repeat("f", 64))
		partial = binary.AppendUvarint(append(partial, 3<<3), uint64(r.piece))
		b = text(append(b, 4<<3, 1), 5, string(partial))
	}
	length := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	return bytes.Join([][]byte{length, b, length}, nil)
}
