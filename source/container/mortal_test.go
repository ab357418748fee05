package container

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/source/container/containertest"
)

const (
	images   = 3
	services = 4
)

// A mortal is a container that lives for a while and writes numbered lines.
type mortal struct {
	*containertest.Container
	spec    containertest.Spec
	rnd     *rand.Rand
	life    time.Duration
	death   time.Time
	next    time.Time // when it does something
	lines   int
	written []string // as "stream text"
	plain   bool     // a line in pieces could not be told from the next
	lingers bool     // it is not removed as soon as it has been read
	over    bool
	kept    []string // what the engine has of it in the end
}

func newMortal(rnd *rand.Rand, e *containertest.Engine, number int) *mortal {
	s := containertest.Spec{
		Name: fmt.Sprintf("m%d", number), Image: fmt.Sprintf("image:%d", number%images),
		Labels:     map[string]string{"com.docker.compose.service": fmt.Sprintf("service-%d", number%services)},
		Driver:     []string{"json-file", "json-file", "local"}[rnd.IntN(3)],
		Tty:        rnd.IntN(5) == 0,
		AutoRemove: rnd.IntN(4) == 0,
	}
	if rnd.IntN(2) == 0 {
		s.MaxSize, s.MaxFiles = []int64{20_000, 100_000, 2 << 20}[rnd.IntN(3)], 2+rnd.IntN(5)
		s.Compress = rnd.IntN(3) == 0
	}
	m := &mortal{Container: e.Create(s), spec: s, rnd: rnd, lingers: rnd.IntN(3) == 0}
	m.plain = s.Tty && s.Driver == "local"
	// As many live for a tenth of a second as for ten.
	m.life = time.Duration(float64(50*time.Millisecond) * math.Pow(400, rnd.Float64()))
	m.Start()
	m.next = time.Now()
	m.death = m.next.Add(m.life)
	return m
}

func (m *mortal) String() string { return fmt.Sprintf("%s %+v life %v", m.Name(), m.spec, m.life) }

// act does what is due: a few lines, many, or the end.
func (m *mortal) act(now time.Time) {
	if !now.Before(m.death) {
		m.expire()
		return
	}
	lines := 1 + m.rnd.IntN(4)
	if m.rnd.IntN(30) == 0 {
		lines = m.rnd.IntN(1500)
	}
	for range lines {
		m.write()
	}
	m.next = now.Add(time.Duration(m.rnd.ExpFloat64() * float64(m.life) / 5))
	if m.next.After(m.death) {
		m.next = m.death
	}
}

func (m *mortal) write() {
	text := fmt.Sprintf("%s %d ", m.spec.Name, m.lines)
	switch k := m.rnd.IntN(60); {
	case k == 0 && !m.plain:
		text += strings.Repeat("x", m.rnd.IntN(40_000))
	case k == 1 && !m.plain:
		text += strings.Repeat("y", 16384*(1+m.rnd.IntN(2))-len(text))
	default:
		text += strings.Repeat("z", m.rnd.IntN(100))
	}
	out := containertest.Stdout
	if m.rnd.IntN(3) == 0 {
		out = containertest.Stderr
	}
	m.Write(out, []byte(text+"\n"))
	m.note(out, text)
}

func (m *mortal) note(out containertest.Output, text string) {
	if m.spec.Tty {
		out = containertest.Stdout
	}
	m.written = append(m.written, out.String()+" "+text)
	m.lines++
}

// expire ends m, some in the midst of a line.
func (m *mortal) expire() {
	if m.rnd.IntN(3) == 0 {
		text := fmt.Sprintf("%s %d unended", m.spec.Name, m.lines)
		m.Write(containertest.Stdout, []byte(text))
		m.note(containertest.Stdout, text)
	}
	m.Exit(m.rnd.IntN(2))
	m.over = true
}

// cutShort reports whether a line that was delivered is as much of one as the
// engine had told, in whole pieces, before m was no more.
func (m *mortal) cutShort(got, want string) bool {
	const piece = 16384
	_, text, _ := strings.Cut(got, " ")
	return strings.HasPrefix(want, got) && len(text) > 0 && len(text)%piece == 0
}

// ordered complains of lines that came twice, or not in order.
func (m *mortal) ordered(t testing.TB, lines []string) {
	t.Helper()
	last := -1
	for i, l := range lines {
		f := strings.SplitN(l, " ", 4)
		if len(f) < 4 || f[1] != m.spec.Name {
			if m.spec.MaxSize == 0 {
				t.Errorf("%v: not a line of it: %.80q", m, l)
			}
			continue // its beginning was rotated away
		}
		n, err := strconv.Atoi(f[2])
		if err != nil || n <= last {
			t.Errorf("%v: line %d is %.80q, the one before was %d", m, i, l, last)
			return
		}
		last = n
	}
}
