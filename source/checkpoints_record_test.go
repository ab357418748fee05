package source

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// ckptExample is the example in the format's description.
const ckptExample = `logferry-checkpoints 1 e9ca29cd
4318654c {"set":{"shop.log":"4096","till.log":"0"}}
fd75f185 {"set":{"shop.log":"8192"},"drop":["till.log"]}
`

func encodeExample() []byte {
	data := appendHeader(nil, formatVersion)
	data = appendRecord(data, map[string]string{"shop.log": "4096", "till.log": "0"}, nil)
	return appendRecord(data, map[string]string{"shop.log": "8192"}, []string{"till.log"})
}

// decodeFile decodes a file's bytes as readContents does.
func decodeFile(data []byte) contents {
	start, err := decodeHeader(data)
	if err != nil {
		return contents{damage: err}
	}
	return decodeContents(data, start)
}

func TestCheckpointsFormat(t *testing.T) {
	if got := string(encodeExample()); got != ckptExample {
		t.Errorf("encoded:\n%swant:\n%s", got, ckptExample)
	}
	got := decodeFile([]byte(ckptExample))
	if got.damage != nil || got.torn != 0 || !maps.Equal(got.cursors, map[string]string{"shop.log": "8192"}) {
		t.Errorf("decoded: %+v", got)
	}
	code, err := os.ReadFile("checkpoints_record.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(ckptExample) {
		if !bytes.Contains(code, []byte("//\t"+line)) {
			t.Errorf("the description of the format does not show %q", line)
		}
	}
}

func TestCheckpointsTextIsJSON(t *testing.T) {
	for _, s := range []string{
		"", "a", `q"b\s/`, "line\nfeed\r\ttab\x00\x1f\x7f", "ünï ☃ 😀 \u2028 \ufffd", "<&>", "\xff", "a\xc3", "\xed\xa0\x80",
		"base64:", "base64:YQ==", "base64", "Base64:x", strings.Repeat("é", 3000),
	} {
		var text string
		line := appendText(nil, s)
		if err := json.Unmarshal(line, &text); err != nil {
			t.Errorf("%q is written %s: %v", s, line, err)
		}
		if utf8.ValidString(s) && !strings.HasPrefix(s, base64Mark) && text != s {
			t.Errorf("%q is written %s, which other programs read as %q", s, line, text)
		}
		if got, err := decodeText(text); got != s || err != nil {
			t.Errorf("%q is written %s and read as %q, %v", s, line, got, err)
		}
	}
}

// TestCheckpointsEveryCut cuts and flips a small file everywhere.
func TestCheckpointsEveryCut(t *testing.T) {
	data := encodeExample()
	first, second := map[string]string{"shop.log": "4096", "till.log": "0"}, map[string]string{"shop.log": "8192"}
	snapshot := int(decodeFile(data).snapshot)
	for n := range data {
		got := decodeFile(data[:n])
		switch {
		case n < snapshot:
			if got.cursors != nil || got.damage == nil {
				t.Errorf("cut at %d: %+v", n, got)
			}
		case !maps.Equal(got.cursors, first) || got.damage != nil || got.torn != int64(n-snapshot):
			t.Errorf("cut at %d: %+v", n, got)
		}
		for bit := range 8 {
			flipped := bytes.Clone(data)
			flipped[n] ^= 1 << bit
			got := decodeFile(flipped)
			switch {
			case n < snapshot && got.cursors != nil, got.damage == nil && got.torn == 0:
				t.Errorf("bit %d of byte %d changed: %+v", bit, n, got)
			case n >= snapshot && !maps.Equal(got.cursors, first):
				t.Errorf("bit %d of byte %d changed: %+v, want those of the first record", bit, n, got)
			}
		}
	}
	if got := decodeFile(data); !maps.Equal(got.cursors, second) {
		t.Errorf("unchanged: %+v", got)
	}
}

func TestCheckpointsDamageNamesTheByte(t *testing.T) {
	data := appendRecord(encodeExample(), map[string]string{"c": "1"}, nil)
	snapshot := int(decodeFile(data).snapshot)
	data[snapshot+12] ^= 1
	got := decodeFile(data)
	if got.damage == nil || !strings.HasPrefix(got.damage.Error(), "byte "+strconv.Itoa(snapshot)+": ") || got.records != 1 {
		t.Errorf("a bad record before a good one: %+v", got)
	}
}

// checkBelieved holds a decoder's result against what any reader could check by hand: the checksum of every line.
func checkBelieved(t *testing.T, data []byte, c contents) {
	t.Helper()
	if c.cursors == nil {
		if c.damage == nil {
			t.Fatal("neither cursors nor damage")
		}
		return
	}
	if c.damage != nil && c.torn != 0 || c.damage == nil && c.size+c.torn != int64(len(data)) {
		t.Fatalf("of %d bytes: %+v", len(data), c)
	}
	lines := bytes.SplitAfter(data[:c.size], []byte("\n"))
	if len(lines) != c.records+2 || len(lines[len(lines)-1]) != 0 {
		t.Fatalf("%d lines for %d records", len(lines), c.records)
	}
	for _, line := range lines[1 : c.records+1] {
		sum, err := hex.DecodeString(string(line[:8]))
		want := crc32.Checksum(line[9:len(line)-1], crc32.MakeTable(crc32.Castagnoli))
		if err != nil || !bytes.Equal(sum, []byte{byte(want >> 24), byte(want >> 16), byte(want >> 8), byte(want)}) {
			t.Fatalf("accepted a bad checksum: %q", line)
		}
	}
	again := decodeFile(appendRecord(appendHeader(nil, formatVersion), c.cursors, nil))
	if again.damage != nil || again.torn != 0 || !maps.Equal(again.cursors, c.cursors) {
		t.Fatalf("%q does not survive being written: %+v", c.cursors, again)
	}
}

// FuzzCheckpointsDecode reads arbitrary bytes, alone and as a record with a good checksum.
func FuzzCheckpointsDecode(f *testing.F) {
	f.Add(encodeExample())
	f.Add([]byte{})
	f.Add(appendHeader(nil, formatVersion))
	f.Add(appendHeader(nil, 7))
	f.Add([]byte("logferry-checkpoints 99999999999999999999 00000000\n"))
	f.Add(append(encodeExample(), make([]byte, 100)...))
	f.Add([]byte(`{"set":{"base64:!":"x"}}`))
	f.Add([]byte(`{"set":{"a":"b","a":"c"},"drop":[null]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkBelieved(t, data, decodeFile(data))

		believed := appendRecord(appendHeader(nil, formatVersion), map[string]string{"a": "1"}, nil)
		sum := checksum(data)
		believed = append(append(append(believed, sum[:]...), ' '), data...)
		believed = append(believed, '\n')
		checkBelieved(t, believed, decodeFile(believed))
	})
}

// FuzzCheckpointsRoundTrip writes arbitrary strings, reads them again, and then changes a byte.
func FuzzCheckpointsRoundTrip(f *testing.F) {
	f.Add("shop.log", "4096", "till.log", uint(60), byte(1))
	f.Add("", "", "", uint(0), byte(0x80))
	f.Add("base64:", "\xff\xfe", "a\nb", uint(30), byte(0xff))
	f.Fuzz(func(t *testing.T, name, cursor, dropped string, at uint, flip byte) {
		states := []map[string]string{
			{dropped: cursor},
			{dropped: cursor, name: cursor},
			{name: name},
		}
		data := appendHeader(nil, formatVersion)
		data = appendRecord(data, states[0], nil)
		data = appendRecord(data, map[string]string{name: cursor}, nil)
		data = appendRecord(data, map[string]string{name: name}, []string{dropped})
		got := decodeFile(data)
		if got.damage != nil || got.torn != 0 || !maps.Equal(got.cursors, states[2]) {
			t.Fatalf("%q: read %+v", data, got)
		}
		if flip == 0 {
			return
		}
		data[at%uint(len(data))] ^= flip
		got = decodeFile(data)
		if got.damage == nil && got.torn == 0 {
			t.Fatalf("%q: not noticed: %+v", data, got)
		}
		if got.cursors != nil && !maps.Equal(got.cursors, states[0]) && !maps.Equal(got.cursors, states[1]) {
			t.Fatalf("%q: read %+v", data, got)
		}
	})
}
