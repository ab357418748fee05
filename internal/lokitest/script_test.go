package lokitest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/logferry/logferry/batch"
)

const (
	scriptJob  = "exact"
	headerForm = "s%03d %07d " // stream and number, which begin every line
	headerSize = len("s000 0000000 ")
	lineSize   = 200
	traceKey   = "trace_id" // an attribute of every fourth line

	// step is between the times of neighbouring lines of a stream, no two of
	// which have the same.
	step = time.Millisecond
)

// A script says what every line of every stream is, valid or not, as often as
// it is asked. So a line that is read again is the same line again, with the
// same time, as it is with the files and containers of real sources.
type script struct {
	base    time.Time // of the first line of each stream
	lengths []int     // lines by stream
	hot     int       // so many of the first streams are long
	filler  []byte
}

// newScript divides about total lines among streams: each of the first hot of
// them gets share percent, the others the rest.
func newScript(total, streams, hot, share int) *script {
	// An hour is more than the times of a stream's lines span, and more than a
	// run takes: what is valid is never ahead of the clock nor too far behind.
	s := &script{base: time.Now().Add(-time.Hour).Truncate(time.Second), hot: hot, filler: noise(1 << 16)}
	for i := range streams {
		n := total * share / 100
		if i >= hot {
			n = total * (100 - hot*share) / 100 / (streams - hot)
		}
		s.lengths = append(s.lengths, n)
	}
	return s
}

// noise returns text that looks random and is always the same.
func noise(n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789 .:/"
	rnd := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rnd.IntN(len(letters))]
	}
	return b
}

func (s *script) total() (n int) {
	for _, lines := range s.lengths {
		n += lines
	}
	return n
}

// invalid counts the lines that are to be refused.
func (s *script) invalid() (n int) {
	for stream, lines := range s.lengths {
		for i := range lines {
			if s.flaw(stream, i) != nil {
				n++
			}
		}
	}
	return n
}

func (s *script) name(stream int) string { return fmt.Sprintf("s%03d", stream) }

func (s *script) labels(stream int) batch.Labels {
	return batch.MustLabels("job", scriptJob, "stream", s.name(stream))
}

// end is later than every valid line of a stream.
func (s *script) end(stream int) time.Time {
	return s.base.Add(time.Duration(s.lengths[stream]) * step)
}

// flaw returns what is wrong with a line; nil: nothing.
func (s *script) flaw(stream, n int) *flaw {
	hot := stream < s.hot
	if !hot && stream%10 == 3 && n%1000 >= 500 && n%1000 < 512 {
		return &flaws[tooFarBehind] // in a row, and more of them than Loki lists in one answer
	}
	dice := uint64(stream+1)*1_000_003 + uint64(n)*2_654_435_761
	dice ^= dice >> 17
	if dice%499 != 7 {
		return nil
	}
	f := &flaws[dice/499%uint64(len(flaws))]
	// The first line of a stream is behind nothing. And Loki may divide a stream
	// that is hot into shards, each of which has a newest line of its own.
	if f == &flaws[tooFarBehind] && (n == 0 || hot) {
		f = &flaws[tooOld]
	}
	return f
}

// entry returns a line with its time and attributes. Its Line may be buf's
// memory.
func (s *script) entry(buf []byte, stream, n int) batch.Entry {
	e := batch.Entry{Time: s.base.Add(time.Duration(n) * step)}
	e.Line = s.fill(fmt.Appendf(buf[:0], headerForm, stream, n), lineSize, n)
	if n%4 == 0 {
		e.Attrs = []batch.Attr{{Key: traceKey, Value: strconv.Itoa(n * 7919)}}
	}
	if f := s.flaw(stream, n); f != nil {
		f.spoil(s, &e, n)
	}
	return e
}

// fill makes line so long.
func (s *script) fill(line []byte, size, n int) []byte {
	from := n * 31 % (len(s.filler) - lineSize)
	for len(line) < size {
		end := min(from+size-len(line), len(s.filler))
		line = append(line, s.filler[from:end]...)
		from = 0
	}
	return line
}

// place returns where in the script a line stands.
func place(line []byte) (stream, n int, err error) {
	_, err = fmt.Sscanf(string(line[:min(len(line), headerSize)]), headerForm, &stream, &n)
	if err != nil {
		return 0, 0, fmt.Errorf("%.40q… is no line of the script: %w", line, err)
	}
	return stream, n, nil
}
