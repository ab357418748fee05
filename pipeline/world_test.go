package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink"
	"github.com/logferry/logferry/source"
)

// rnd is a source of chance that goroutines may share.
type rnd struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newRnd(seed uint64) *rnd { return &rnd{r: rand.New(rand.NewPCG(seed, 1))} }

func (r *rnd) IntN(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.r.IntN(n)
}

func (r *rnd) in(lo, hi int) int                  { return lo + r.IntN(hi-lo) }
func (r *rnd) one(in int) bool                    { return r.IntN(in) == 0 }
func (r *rnd) upTo(d time.Duration) time.Duration { return time.Duration(r.IntN(int(d))) + 1 }

// A line is "source/stream/number"; with a "+" in front it was made by a
// processor.
type line struct {
	source, stream string
	n              int
	added          bool
}

func (l line) String() string {
	plus := ""
	if l.added {
		plus = "+"
	}
	return fmt.Sprintf("%s%s/%s/%d", plus, l.source, l.stream, l.n)
}

func parse(text []byte) (l line, ok bool) {
	rest, added := strings.CutPrefix(string(text), "+")
	f := strings.Split(rest, "/")
	if len(f) != 3 {
		return l, false
	}
	n, err := strconv.Atoi(f[2])
	return line{f[0], f[1], n, added}, err == nil
}

// luck decides, by its text alone, what a line is in for.
func (l line) luck(of string, in int) int {
	h := fnv.New32a()
	h.Write([]byte(of + l.String()))
	return int(h.Sum32() % uint32(in))
}

// labels are the line's own: each stream has three label sets.
func (l line) labels() batch.Labels {
	return batch.MustLabels("source", l.source, "stream", l.stream, "third", strconv.Itoa(l.n%3))
}

// A world is what stays from one life of a pipeline to the next: the streams,
// the checkpoints, and what has been delivered.
type world struct {
	t    *testing.T
	seed uint64
	rng  *rnd
	life int
	calm atomic.Bool // the last life: nothing fails any more

	sources map[string]*wildSource
	rigs    []rig
	sinks   []*wildSink
	cursors *source.MemoryCheckpoints

	mu       sync.Mutex
	told     map[string]int64 // by hooks
	failed   map[line]bool    // in processing
	asRead   map[*batch.Batch][]line
	release  chan struct{} // closed: nothing is stuck
	released bool

	repeated map[string]bool // sources that had entries given back
	filters  bool
	adds     bool
	fails    int // how a processor fails; 0: not
}

// A rig is a route of all lives.
type rig struct {
	Route
	sink    int
	letters int // -1: none
	tries   int
	third   int // it takes only lines with that; -1: all
	lossy   bool
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, seed: seed, rng: newRnd(seed), cursors: source.MemCheckpoints(),
		sources: map[string]*wildSource{}, failed: map[line]bool{}, repeated: map[string]bool{},
	}
}

// arrange draws the lots.
func (w *world) arrange() {
	r := w.rng
	for i := range r.in(1, 4) {
		name := fmt.Sprintf("s%d", i)
		s := &wildSource{w: w, name: name, rng: newRnd(w.seed*31 + uint64(i)), helpers: r.one(2), wild: r.IntN(3)}
		for j := range r.in(1, 5) {
			s.streams = append(s.streams, fmt.Sprintf("t%d", j))
			s.total = r.in(1, 250)
		}
		w.sources[name] = s
	}
	w.filters, w.adds = r.one(3), r.one(3)
	if r.one(3) {
		w.fails = r.in(1, 4)
	}
	shared := r.one(4)
	for i := range r.in(1, 4) {
		g := rig{Route: Route{Name: fmt.Sprintf("r%d", i), MaxInFlight: r.in(1, 9)}, sink: len(w.sinks), letters: -1, third: -1}
		if shared && i > 0 {
			g.sink = 0
		} else {
			w.sinks = append(w.sinks, &wildSink{w: w, rng: newRnd(w.seed*17 + uint64(i)), perStream: r.one(2), wild: r.IntN(4), sharers: 0})
		}
		w.sinks[g.sink].sharers++
		if r.one(3) {
			g.third = r.IntN(3)
			g.Match = func(e *batch.Entry) bool { return e.Labels.Get("third") == strconv.Itoa(g.third) }
		}
		if r.one(4) {
			g.Overflow = Overflow(r.IntN(4))
			g.BufferBytes = r.in(1, 40) << 8
			g.lossy = g.Overflow != Block
		}
		if r.one(5) {
			g.BestEffort, g.lossy = true, true
		}
		if r.one(6) {
			g.tries, g.lossy = r.in(1, 4), true
		}
		w.rigs = append(w.rigs, g)
	}
	for i := range w.rigs {
		if !r.one(3) {
			continue
		}
		w.rigs[i].letters = len(w.sinks)
		if r.one(4) {
			w.rigs[i].letters = w.rigs[i].sink // its own sink
			w.sinks[w.rigs[i].sink].sharers++
			continue
		}
		w.sinks = append(w.sinks, &wildSink{w: w, rng: newRnd(w.seed*13 + uint64(i)), wild: r.IntN(3), sharers: 2})
	}
	for i, s := range w.sinks {
		s.name = fmt.Sprintf("sink%d", i)
		if r.one(3) {
			s.most = r.in(1, 20)
		}
	}
}

// shaper is one that always answers the same, one that learns, or one that has
// no idea.
func (w *world) shaper() batch.Shaper {
	l := batch.Limits{MaxBytes: w.rng.in(1, 2000), MaxEntries: w.rng.in(1, 60), MaxWait: w.rng.upTo(2*time.Second) - 100*time.Millisecond}
	switch w.rng.IntN(4) {
	case 0, 1:
		return batch.Fixed(l)
	case 2:
		return batch.NewAdaptive(batch.AdaptiveConfig{MaxBytes: l.MaxBytes, MaxEntries: l.MaxEntries})
	}
	return &wildShaper{w: w, rng: newRnd(w.seed*7 + uint64(w.life))}
}

// A wildShaper changes its mind with every question.
type wildShaper struct {
	w   *world
	rng *rnd
}

func (s *wildShaper) Limits(st batch.State) batch.Limits {
	r := s.rng
	if st.InFlight < 0 || st.Backlog < 0 || st.Oldest < 0 || st.Begun < 0 {
		s.w.t.Errorf("asked about %+v", st)
	}
	l := batch.Limits{
		MaxBytes: r.IntN(3) * r.in(1, 700), MaxEntries: r.IntN(60), InFlight: r.IntN(9),
		MaxWait: r.upTo(2*time.Second) - 100*time.Millisecond,
	}
	if r.one(6) {
		l.Pause = r.upTo(300 * time.Millisecond)
	}
	if r.one(3) {
		l.Timeout = r.upTo(time.Second)
		if s.w.calm.Load() {
			l.Timeout += 300 * time.Millisecond // what a Write takes then
		}
	}
	return l
}

func (s *wildShaper) Observe(o batch.Outcome) {
	if o.Entries < 1 || o.Bytes < 1 || o.InFlight < 1 || o.Took < 0 || o.Now.After(time.Now()) {
		s.w.t.Errorf("told of %+v", o)
	}
	if o.Err == nil && (o.Class != batch.Delivered || o.RetryAfter != 0) {
		s.w.t.Errorf("told of %+v", o)
	}
}

// renew prepares for the next life.
func (w *world) renew() {
	w.told, w.asRead = map[string]int64{}, map[*batch.Batch][]line{}
	w.release, w.released = make(chan struct{}), false
	for _, s := range w.sinks {
		s.renew()
	}
}

func (w *world) letGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.released {
		w.released = true
		close(w.release)
	}
}

// ---- processors

// Reasons of processors and sources.
const (
	reasonOdd  = "odd"
	reasonJunk = "junk"
)

func (w *world) filtered(l line) bool { return w.filters && l.luck("filter", 7) == 0 }

func (w *world) processors() []Processor {
	read := ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		lines := make([]line, len(b.Entries))
		for i := range b.Entries {
			lines[i], _ = parse(b.Entries[i].Line)
		}
		w.asRead[b] = lines
		return nil
	})
	filter := ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
		b.Drop(reasonOdd, func(e *batch.Entry) bool { l, _ := parse(e.Line); return w.filtered(l) && l.n%2 == 1 })
		b.Filter(func(e *batch.Entry) bool { l, _ := parse(e.Line); return !w.filtered(l) })
		return nil
	})
	add := ProcessorFunc(func(_ context.Context, b *batch.Batch) error {
		for i := range b.Entries {
			l, _ := parse(b.Entries[i].Line)
			if l.luck("add", 5) == 0 && !l.added {
				l.added = true
				b.Append(b.Entries[i].Time, []byte(l.String()))
				b.Entries[len(b.Entries)-1].Labels = l.labels()
			}
		}
		return nil
	})
	p := []Processor{read}
	if w.filters {
		p = append(p, filter)
	}
	if w.adds {
		p = append(p, add)
	}
	if w.fails > 0 {
		p = append(p, ProcessorFunc(w.fail))
	}
	return p
}

// fail ruins the batches that hold an unlucky line.
func (w *world) fail(_ context.Context, b *batch.Batch) error {
	unlucky := slices.ContainsFunc(b.Entries, func(e batch.Entry) bool { l, _ := parse(e.Line); return l.luck("fail", 60) == 0 })
	if !unlucky {
		return nil
	}
	w.mu.Lock()
	for _, l := range w.asRead[b] {
		w.failed[l] = true
	}
	w.mu.Unlock()
	b.Filter(func(*batch.Entry) bool { return false })
	switch w.fails {
	case 1:
		return errors.New("processor")
	case 2:
		panic("processor")
	default:
		runtime.Goexit()
		return nil
	}
}

// ---- sources

// A wildSource sends every stream from its cursor on, and fails now and then.
type wildSource struct {
	w       *world
	name    string
	rng     *rnd
	streams []string
	total   int // lines of each stream
	helpers bool
	wild    int
}

func (s *wildSource) Run(ctx context.Context, out *source.Outlet) error {
	if !s.helpers {
		for _, stream := range s.streams {
			if err := s.read(ctx, out, stream); err != nil {
				return err
			}
		}
		return nil
	}
	for _, stream := range s.streams {
		out.Go(stream, func(ctx context.Context) error { return s.read(ctx, out, stream) })
	}
	if s.w.calm.Load() {
		return s.wait(ctx, out)
	}
	<-ctx.Done()
	return nil
}

// wait ends the run when all streams have been sent: Run's helpers are told to
// stop when it returns.
func (s *wildSource) wait(ctx context.Context, out *source.Outlet) error {
	for {
		missing := len(s.streams)
		for stream, cursor := range out.Cursors(ctx) {
			if cursor == strconv.Itoa(s.total) && slices.Contains(s.streams, stream) {
				missing--
			}
		}
		if missing == 0 {
			return nil
		}
		if err := sleep(ctx, 470*time.Millisecond); err != nil {
			return nil
		}
	}
}

func (s *wildSource) read(ctx context.Context, out *source.Outlet, stream string) error {
	for {
		st, err := out.Open(ctx, stream, batch.MustLabels("source", s.name, "stream", stream))
		if err != nil {
			return err
		}
		err = s.send(ctx, st)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !errors.Is(err, source.ErrStreamLost) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

func (s *wildSource) send(ctx context.Context, st *source.Stream) error {
	at, _ := strconv.Atoi(st.Cursor())
	for at < s.total {
		b := st.NewBatch()
		for range s.rng.IntN(20) {
			if at == s.total {
				break
			}
			l := line{s.name, st.Name(), at, false}
			b.Append(time.Time{}, []byte(l.String()), batch.Attr{Key: "k", Value: "v"})
			b.Entries[len(b.Entries)-1].Labels = l.labels()
			at++
		}
		if at%3 == 0 {
			b.Append(time.Time{}, []byte("junk"))
			b.Drop(reasonJunk, func(e *batch.Entry) bool { return string(e.Line) == "junk" })
		}
		if err := s.sendOne(ctx, st, b, strconv.Itoa(at)); err != nil {
			return err
		}
		if err := s.mishap(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *wildSource) sendOne(ctx context.Context, st *source.Stream, b *batch.Batch, next string) error {
	if s.wild > 0 && s.rng.one(40) && !s.w.calm.Load() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.rng.upTo(50*time.Millisecond))
		defer cancel()
	}
	return st.Send(ctx, b, next)
}

func (s *wildSource) mishap(ctx context.Context) error {
	if s.rng.one(3) {
		if err := sleep(ctx, s.rng.upTo(200*time.Millisecond)); err != nil {
			return err
		}
	}
	if s.wild < 2 || s.w.calm.Load() || !s.rng.one(50) {
		return nil
	}
	switch s.rng.IntN(3) {
	case 0:
		return errors.New("source")
	case 1:
		panic("source")
	default:
		runtime.Goexit()
		return nil
	}
}

// ---- sinks

// A wildSink does what a bad day brings, and remembers what it took.
type wildSink struct {
	w         *world
	name      string
	rng       *rnd
	perStream bool
	wild      int
	most      int // entries it takes at once; 0: any number
	sharers   int // routes that write to it, dead letters included

	mu     sync.Mutex
	took   []line
	count  map[line]int
	again  map[line]bool // may come again: taken, but not said so
	maimed map[string]bool
	no     map[line]bool // refused for good
	panics map[line]int
	closed int
	busy   map[batch.Labels]bool
	inLine map[string]bool // streams of which a batch is being written
}

func (s *wildSink) PerStream() bool { return s.perStream }

func (s *wildSink) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count, s.again, s.no, s.panics, s.maimed = map[line]int{}, map[line]bool{}, map[line]bool{}, map[line]int{}, map[string]bool{}
	}
	s.closed, s.busy, s.inLine = 0, map[batch.Labels]bool{}, map[string]bool{}
}

func (s *wildSink) Write(ctx context.Context, b *batch.Batch) error {
	lines := s.look(b)
	if lines == nil {
		return nil
	}
	defer s.leave(b, lines)
	if !s.nap(ctx) {
		return context.Cause(ctx)
	}
	s.look2(b, lines)
	if s.most > 0 && len(lines) > s.most {
		return sink.TooLarge(errors.New("413"))
	}
	if err := s.trouble(lines); err != nil {
		return err
	}
	return s.take(lines)
}

// look checks what the pipeline promises of a batch.
func (s *wildSink) look(b *batch.Batch) []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.w.t
	if s.closed > 0 {
		t.Errorf("%s: Write after Close", s.name)
	}
	if len(b.Entries) == 0 {
		t.Errorf("%s: empty batch", s.name)
		return nil
	}
	lines := make([]line, len(b.Entries))
	for i := range b.Entries {
		e := &b.Entries[i]
		l, ok := parse(e.Line)
		if !ok || b.LabelsOf(i) != l.labels() || e.Time.IsZero() {
			t.Errorf("%s: entry %q with labels %v at %v", s.name, e.Line, b.LabelsOf(i), e.Time)
			return nil
		}
		lines[i] = l
	}
	if s.perStream && s.sharers == 1 {
		for i := range b.Entries {
			if b.LabelsOf(i) != b.LabelsOf(0) {
				t.Errorf("%s: two streams in a batch", s.name)
			}
		}
		if s.busy[b.LabelsOf(0)] {
			t.Errorf("%s: two batches of %v at once", s.name, b.LabelsOf(0))
		}
		s.busy[b.LabelsOf(0)] = true
	}
	if s.ordered() {
		for i, l := range lines {
			name := l.source + "/" + l.stream
			if fresh := i == 0 || !slices.ContainsFunc(lines[:i], func(o line) bool { return o.source == l.source && o.stream == l.stream }); fresh && s.inLine[name] {
				t.Errorf("%s: two batches of %s at once", s.name, name)
			}
			s.inLine[name] = true
		}
	}
	return lines
}

// ordered reports whether no two batches with entries of one stream of a source
// may be written at once.
func (s *wildSink) ordered() bool { return !s.perStream && s.sharers == 1 && s.w.fails == 0 }

func (s *wildSink) leave(b *batch.Batch, lines []line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ordered() {
		for _, l := range lines {
			delete(s.inLine, l.source+"/"+l.stream)
		}
	}
	if s.perStream && s.sharers == 1 {
		s.busy[b.LabelsOf(0)] = false
	}
}

// look2 checks that the lines are still what they were.
func (s *wildSink) look2(b *batch.Batch, lines []line) {
	for i := range b.Entries {
		if text := b.Entries[i].Line; string(text) != lines[i].String() || bytes.IndexByte(text, batch.PoisonByte) >= 0 {
			s.w.t.Errorf("%s: line changed during Write: %q was %v", s.name, text, lines[i])
		}
	}
}

// nap takes a while; it may even be stuck.
func (s *wildSink) nap(ctx context.Context) bool {
	if s.wild == 3 && !s.w.calm.Load() && s.rng.one(40) {
		<-s.w.release
		return s.rng.one(2)
	}
	if s.rng.one(3) {
		return ctx.Err() == nil
	}
	return sleep(ctx, s.rng.upTo(300*time.Millisecond)) == nil
}

// trouble is a Write that fails as a whole.
func (s *wildSink) trouble(lines []line) error {
	if s.wild == 0 || s.w.calm.Load() || !s.rng.one(4) {
		return nil
	}
	switch s.rng.IntN(8) {
	case 0, 1:
		return errors.New("refused")
	case 2:
		return sink.RetryAfter(errors.New("slowly"), s.rng.upTo(2*time.Second))
	case 6:
		return sink.Throttled(errors.New("slowly, all of you"), s.rng.upTo(2*time.Second))
	case 7:
		if len(lines) > 1 {
			return sink.TooLarge(errors.New("413"))
		}
		return sink.RetryAfter(errors.New("soon"), 0)
	case 3: // taken, but nobody knows
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range lines {
			s.add(l)
			s.again[l] = true
			s.maimed[l.source+l.stream] = true
		}
		return errors.New("no answer")
	}
	s.mu.Lock()
	for _, l := range lines {
		s.panics[l]++
	}
	s.mu.Unlock()
	if s.rng.one(2) {
		panic("sink")
	}
	runtime.Goexit()
	return nil
}

// take takes the lines, but not those that are refused for good or, now and
// then, some others.
func (s *wildSink) take(lines []line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p sink.PartialError
	for i, l := range lines {
		switch {
		case l.luck(s.name, 23) == 0:
			s.no[l] = true
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: sink.Permanent(errors.New("poison"))})
		case s.wild > 1 && !s.w.calm.Load() && s.rng.one(60):
			s.maimed[l.source+l.stream] = true
			err := errors.New("not now")
			switch s.rng.IntN(4) {
			case 0, 1:
				err = sink.RetryAfter(err, s.rng.upTo(time.Second))
			case 2:
				err = sink.Throttled(err, s.rng.upTo(time.Second))
			}
			p.Failures = append(p.Failures, sink.Failure{Index: i, Err: err})
		default:
			s.add(l)
		}
	}
	if len(p.Failures) == 0 {
		return nil
	}
	return &p
}

func (s *wildSink) add(l line) {
	s.took = append(s.took, l)
	s.count[l]++
}

func (s *wildSink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	for l, busy := range s.busy {
		if busy {
			s.w.t.Errorf("%s: closed while it writes %v", s.name, l)
		}
	}
	return nil
}

func (s *wildSink) checkClosed(t *testing.T, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != 1 {
		t.Errorf("sink %d was closed %d times", i, s.closed)
	}
}

// ---- the model

// checkCursors checks that no cursor stands beyond a line that has not met its
// fate.
func (w *world) checkCursors() {
	for key, cursor := range w.cursors.All(w.t.Context()) {
		name, stream, _ := strings.Cut(key, "/")
		n, err := strconv.Atoi(cursor)
		if err != nil {
			w.t.Fatalf("cursor %q of %s", cursor, key)
		}
		for i := range n {
			if l := (line{name, stream, i, false}); !w.accounted(l) {
				w.t.Errorf("life %d: the cursor of %s is %d, but %v", w.life, key, n, w.why(l))
				return
			}
		}
	}
}

// accounted reports whether a line has met its fate.
func (w *world) accounted(l line) bool { return w.why(l) == "" }

func (w *world) why(l line) string {
	w.mu.Lock()
	failed := w.failed[l]
	w.mu.Unlock()
	if w.filtered(l) || failed {
		return ""
	}
	for _, g := range w.rigs {
		if g.lossy || g.third >= 0 && g.third != l.n%3 {
			continue
		}
		if why := w.reached(g, l); why != "" {
			return why
		}
	}
	return ""
}

// reached says how a line missed one route.
func (w *world) reached(g rig, l line) string {
	s := w.sinks[g.sink]
	if s.has(l) {
		return ""
	}
	if !s.refuses(l) {
		return fmt.Sprintf("%v was not delivered to %s of route %s", l, s.name, g.Name)
	}
	if g.letters < 0 {
		return ""
	}
	if d := w.sinks[g.letters]; !d.has(l) && !d.refuses(l) {
		return fmt.Sprintf("%v was refused by %s, and is no dead letter of route %s", l, s.name, g.Name)
	}
	return ""
}

func (s *wildSink) has(l line) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[l] > 0
}

func (s *wildSink) refuses(l line) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.no[l] || s.panics[l] >= maxPanics
}

// checkAll looks at everything when the last life is over.
func (w *world) checkAll() {
	for name, s := range w.sources {
		for _, stream := range s.streams {
			if got := w.cursor(name + "/" + stream); got != strconv.Itoa(s.total) {
				w.t.Errorf("cursor of %s/%s is %q at the end, want %d", name, stream, got, s.total)
			}
		}
	}
	for i, s := range w.sinks {
		w.checkTwice(i, s)
		w.checkOrder(s)
	}
}

func (w *world) cursor(key string) string {
	for k, v := range w.cursors.All(w.t.Context()) {
		if k == key {
			return v
		}
	}
	return ""
}

// checkTwice checks that nothing was delivered twice without a reason.
func (w *world) checkTwice(i int, s *wildSink) {
	for l, n := range s.count {
		routes := 0
		for _, g := range w.rigs {
			if g.sink == i {
				routes++
			}
			if g.letters == i {
				routes++
			}
		}
		if n > routes && !w.repeated[l.source] && !s.again[l] {
			w.t.Errorf("%s took %v %d times of %d, and nobody asked it to", s.name, l, n, routes)
			return
		}
	}
}

// checkOrder checks that the lines of each label set came in order, if nothing
// had to be sent again.
func (w *world) checkOrder(s *wildSink) {
	last := map[batch.Labels]int{}
	for _, l := range s.took {
		if s.sharers > 1 || l.added || w.repeated[l.source] || s.maimed[l.source+l.stream] || w.fails > 0 {
			continue
		}
		if before, ok := last[l.labels()]; ok && l.n <= before {
			w.t.Errorf("%s: %v came after %d", s.name, l, before)
			return
		}
		last[l.labels()] = l.n
	}
}
