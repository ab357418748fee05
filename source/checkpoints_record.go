package source

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A checkpoint file is lines of text. The first names the format, its version and the checksum of both; each further
// one is a record, a checksum and a JSON object. The first record is the snapshot, the others change it, in order:
//
//	logferry-checkpoints 1 e9ca29cd
//	4318654c {"set":{"shop.log":"4096","till.log":"0"}}
//	fd75f185 {"set":{"shop.log":"8192"},"drop":["till.log"]}
//
// Checksums are CRC-32C (Castagnoli, RFC 3720 appendix B.4) as eight lower-case hexadecimal digits: of the header's
// first two words with the space between, and of a record's JSON. Neither covers the newline.
const (
	formatName    = "logferry-checkpoints "
	formatVersion = 1
)

// base64Mark begins a string that JSON could not carry byte for byte, followed by its base64 (RFC 4648, section 4).
// A string that begins with it by nature is written the same way, so that reading stays unambiguous.
const base64Mark = "base64:"

const sumLen = 8 // hexadecimal digits of a checksum

// contents is what a checkpoint file says, as far as it can be believed.
type contents struct {
	cursors  map[string]string // nil if not even the snapshot is good
	snapshot int64             // bytes of the header and the snapshot
	size     int64             // bytes up to the end of the last good record
	records  int               // good records, with the snapshot
	torn     int64             // bytes after size that an unfinished append explains
	damage   error             // which byte is wrong, and how; nil if none is
}

func appendHeader(dst []byte, version int) []byte {
	start := len(dst)
	dst = append(dst, formatName...)
	dst = strconv.AppendInt(dst, int64(version), 10)
	sum := checksum(dst[start:])
	dst = append(dst, ' ')
	dst = append(dst, sum[:]...)
	return append(dst, '\n')
}

// appendRecord appends the line for one Save. Names are sorted so that equal states are equal files.
func appendRecord(dst []byte, set map[string]string, drop []string) []byte {
	start := len(dst)
	dst = append(dst, "00000000 {"...)
	body := len(dst) - 1
	if len(set) > 0 {
		dst = append(dst, `"set":{`...)
		for i, name := range slices.Sorted(maps.Keys(set)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, name)
			dst = append(dst, ':')
			dst = appendText(dst, set[name])
		}
		dst = append(dst, '}')
	}
	if len(drop) > 0 {
		if len(set) > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `"drop":[`...)
		for i, name := range drop {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendText(dst, name)
		}
		dst = append(dst, ']')
	}
	dst = append(dst, '}')
	sum := checksum(dst[body:])
	copy(dst[start:], sum[:])
	return append(dst, '\n')
}

// appendText appends s as a JSON string. encoding/json would do, but replaces bytes that are not UTF-8.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if !utf8.ValidString(s) || strings.HasPrefix(s, base64Mark) {
		dst = append(dst, base64Mark...)
		dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
		return append(dst, '"')
	}
	copied := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[copied:i]...)
		if copied = i + 1; c < ' ' {
			dst = fmt.Appendf(dst, `\u%04x`, c)
		} else {
			dst = append(dst, '\\', c)
		}
	}
	dst = append(dst, s[copied:]...)
	return append(dst, '"')
}

// decodeHeader returns the length of the header that data begins with. The error is about damage, unless it is an
// errVersion: then the file is in order and was written by a newer release.
func decodeHeader(data []byte) (int, error) {
	want := appendHeader(nil, formatVersion)
	if bytes.HasPrefix(data, want) {
		return len(want), nil
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if number, ok := bytes.CutPrefix(line, []byte(formatName)); ok {
		number, _, _ = bytes.Cut(number, []byte(" "))
		version, err := strconv.Atoi(string(number))
		if err == nil && bytes.HasPrefix(data, appendHeader(nil, version)) {
			return 0, fmt.Errorf("%w: format version %d, and this release reads %d", errVersion, version, formatVersion)
		}
	}
	return 0, fmt.Errorf("byte 0: it does not begin with %q", want)
}

// errVersion is returned by decodeHeader for a header in order whose version is another than formatVersion.
var errVersion = errors.New("written by another release of the library")

// decodeContents reads the records after the header, which ends at byte start, up to the first that is not good.
func decodeContents(data []byte, start int) contents {
	c := contents{size: int64(start)}
	for rest := data[start:]; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		set, drop, err := decodeRecord(line)
		if err == nil && !ended {
			err = errors.New("the line does not end")
		}
		switch {
		case err == nil:
		case c.cursors != nil && len(after) == 0:
			// Each Save appends one line, so that what a crash leaves of one is one bad line, at the end.
			c.torn = int64(len(rest))
			return c
		default:
			c.damage = fmt.Errorf("byte %d: %w", c.size, err)
			return c
		}
		c.size += int64(len(line)) + 1
		if c.cursors == nil {
			c.cursors = make(map[string]string, len(set))
			c.snapshot = c.size
		}
		applyCursors(c.cursors, set, drop)
		c.records++
		rest = after
	}
	if c.cursors == nil {
		c.damage = fmt.Errorf("byte %d: it ends before the snapshot", c.size)
	}
	return c
}

// decodeRecord reads one line, without its newline.
func decodeRecord(line []byte) (set map[string]string, drop []string, err error) {
	if len(line) <= sumLen || line[sumLen] != ' ' {
		return nil, nil, errors.New("not a record")
	}
	body := line[sumLen+1:]
	if sum := checksum(body); !bytes.Equal(line[:sumLen], sum[:]) {
		return nil, nil, errors.New("the checksum does not match")
	}
	var record struct {
		Set  map[string]string `json:"set"`
		Drop []string          `json:"drop"`
	}
	if err := json.Unmarshal(body, &record); err != nil {
		return nil, nil, err
	}
	set = make(map[string]string, len(record.Set))
	for name, cursor := range record.Set {
		name, nameErr := decodeText(name)
		cursor, cursorErr := decodeText(cursor)
		if err := errors.Join(nameErr, cursorErr); err != nil {
			return nil, nil, err
		}
		set[name] = cursor
	}
	for i, name := range record.Drop {
		if record.Drop[i], err = decodeText(name); err != nil {
			return nil, nil, err
		}
	}
	return set, record.Drop, nil
}

func decodeText(s string) (string, error) {
	encoded, ok := strings.CutPrefix(s, base64Mark)
	if !ok {
		return s, nil
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	return string(raw), err
}

func checksum(data []byte) (digits [sumLen]byte) {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	hex.Encode(digits[:], binary.BigEndian.AppendUint32(nil, sum))
	return digits
}
