package container

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/logferry/logferry/source/record"
)

// A position is where a log has been delivered up to: all messages up to after,
// and of the output skip those up to until as well. The zero position is the
// beginning.
type position struct {
	after mark
	skip  record.Stream // record.None: no more
	until mark
}

// start reports whether p is the beginning.
func (p *position) start() bool { return p.after == mark{} }

// A cursor is the text of a position:
//
//	1 TIME OUT NTH SUM [OUT TIME NTH SUM]
//
// with numbers in lower-case hexadecimal; the first field is the version. The
// second message is that of until.
const (
	cursorVersion = "1"
	cursorFields  = 5
	skipFields    = cursorFields + 4
)

func (p *position) append(dst []byte) []byte {
	dst = append(dst, cursorVersion...)
	dst = appendNumbers(dst, uint64(p.after.time), uint64(p.after.out), uint64(p.after.nth), p.after.sum)
	if p.skip != record.None {
		dst = appendNumbers(dst, uint64(p.skip), uint64(p.until.time), uint64(p.until.nth), p.until.sum)
	}
	return dst
}

func appendNumbers(dst []byte, numbers ...uint64) []byte {
	for _, v := range numbers {
		dst = append(dst, ' ')
		dst = strconv.AppendUint(dst, v, 16)
	}
	return dst
}

var errCursor = errors.New("not a cursor of this package")

// parsePosition reads the text of a cursor; "" is the beginning.
func parsePosition(text string) (position, error) {
	var p position
	if text == "" {
		return p, nil
	}
	fields := strings.Split(text, " ")
	if fields[0] != cursorVersion || len(fields) != cursorFields && len(fields) != skipFields {
		return p, fmt.Errorf("%w: %.40q", errCursor, text)
	}
	var n [skipFields - 1]uint64
	for i, f := range fields[1:] {
		v, err := strconv.ParseUint(f, 16, 64)
		if err != nil {
			return p, fmt.Errorf("%w: %.40q", errCursor, text)
		}
		n[i] = v
	}
	p.after = mark{time: int64(n[0]), out: record.Stream(n[1]), nth: int(n[2]), sum: n[3]}
	if len(fields) == skipFields {
		p.skip = record.Stream(n[4])
		p.until = mark{time: int64(n[5]), out: p.skip, nth: int(n[6]), sum: n[7]}
	}
	if p.after.out > record.Stderr || p.skip > record.Stderr || string(p.append(nil)) != text {
		return position{}, fmt.Errorf("%w: %.40q", errCursor, text)
	}
	return p, nil
}
