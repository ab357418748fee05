package tail

import (
	"container/list"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/logferry/logferry/source"
)

const (
	// hintGap is the least time between two turns of one file that events ask
	// for, and busyGap if the last one found a lot: what is written in a stream
	// is read in batches, what is written line by line at once.
	hintGap = time.Millisecond
	busyGap = 4 * time.Millisecond
	// aLot is that much, in bytes.
	aLot = 4 << 10
	// tickFiles is how many files are looked at before anything else gets its
	// turn.
	tickFiles = 256
	// onceGap is how often a run that ends looks whether all was delivered.
	onceGap = 20 * time.Millisecond
	// probeMin and probeMax bound how often an idle stream with something
	// undelivered is asked whether it was lost.
	probeMin = time.Second
	probeMax = time.Minute
)

// A scanner knows which files there are, what became of each, and which is to
// be read next. It is Run itself: one goroutine that never waits for a reader
// or a route, so that rotation is noticed while everything is blocked.
type scanner struct {
	*plan
	src   *Source
	out   *source.Outlet
	log   *slog.Logger
	watch *watch // nil: polling only
	work  chan<- *file
	back  <-chan turn

	spots   map[string]*spot
	files   map[*file]struct{}
	byID    map[identity]*file
	heads   heads              // those that are not compressed
	reading map[*file]struct{} // those that readers have
	agenda  schedule
	ready   list.List // of *file: those that wait for a reader
	opened  list.List // of *file: those that are open, the last used in front
	kept    list.List // of *file: those of them that were found not to be spare
	names   map[string]struct{}
	orphans map[string]memo       // streams whose file has not been found, by name
	claims  map[identity][]string // their names, and those of the ones found, by the identity that was
	claimed map[string][]string   // the same, by the path
	blamed  map[string]bool       // paths whose cursor could not be read
	answers map[string]bool       // of Accept, to begin with, so that they stay the same meanwhile
	hints   map[string]*file      // files by the paths events may name
	watched map[string]*folder    // folders whose events are wanted, by path
	done    map[identity]ended    // files that were forgotten, the last few of them
	doneIDs []identity            // the same, the first forgotten in front
	packed  map[*file]struct{}    // compressed files without a cursor
	last    map[string]*file      // the retired generation of each path
	// listings are of folders, since the last look.
	listings map[string]*listing

	starved bool // there was no descriptor at the last attempt to get one
	denied  bool // nor at one of those since the last look

	unpacking *file   // the compressed file being read
	toUnpack  []*file // those that wait for that

	crowded bool      // it was logged that there are more files than MaxFiles
	full    bool      // one was left out since the last look began
	free    time.Time // when MaxRate lets the next file be read

	started time.Time
	expired time.Time // when it was last asked which orphans are given up
	first   bool      // what was there before is taken up: at the first look, or late
	newest  int64     // when the last of the files known from before was changed
	sweep   sweep
	buf     []byte
}

// A sweep is the look at all patterns.
type sweep struct {
	due     time.Time
	changed time.Time // when one last found something new, or something gone
	ended   time.Time
	began   int64 // when the last one began, as the clock of files shows it
	before  int64 // when the one before did
	took    time.Duration
	failed  map[string]struct{} // paths found to fail since the last one began
}

// A spot is a path that is followed, whatever file it leads to.
type spot struct {
	path string
	cur  *file // nil: none at present
	prev *file // the one before, as long as it must be read first
}

func newScanner(s *Source, out *source.Outlet, work chan<- *file, back <-chan turn) *scanner {
	return &scanner{
		plan: s.plan, src: s, out: out, log: out.Logger(), work: work, back: back,
		spots: map[string]*spot{}, files: map[*file]struct{}{}, byID: map[identity]*file{}, claims: map[identity][]string{}, claimed: map[string][]string{}, reading: map[*file]struct{}{},
		names: map[string]struct{}{}, orphans: map[string]memo{}, blamed: map[string]bool{},
		hints: map[string]*file{}, watched: map[string]*folder{}, done: map[identity]ended{},
		packed: map[*file]struct{}{}, last: map[string]*file{}, listings: map[string]*listing{},
		sweep: sweep{failed: map[string]struct{}{}},
		buf:   make([]byte, printMax),
	}
}

// run is the loop. Every event is followed by a look at what is due.
func (s *scanner) run(ctx context.Context) {
	if s.begin(ctx); ctx.Err() != nil {
		return
	}
	var wake <-chan struct{}
	if s.watch != nil {
		wake = s.watch.wake
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	// From when all is read, with Once, nothing shall wait for company.
	calm := func() {}
	hasten := sync.OnceFunc(func() { calm = s.out.Hasten() })
	defer func() { calm() }()
	for {
		now := time.Now()
		s.tick(now)
		if s.Once && !s.denied && s.wasRead() {
			if s.wasDelivered() {
				return
			}
			hasten()
		}
		work, head := s.offer(now)
		timer.Reset(time.Until(s.next(now)))
		select {
		case work <- head:
			s.handed(head)
		case t := <-s.back:
			s.returned(t, time.Now())
		case <-wake:
			s.hinted(s.watch.take(), time.Now())
		case <-s.src.ask:
			s.reconsider(time.Now())
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// tick does what is due at now.
func (s *scanner) tick(now time.Time) {
	// Some at a time: events do not wait for ten thousand idle files.
	for range tickFiles {
		f := s.agenda.pop(now)
		if f == nil {
			break
		}
		s.poll(f, now)
	}
	if (!s.Once || s.denied) && !now.Before(s.sweep.due) {
		s.look(now)
	}
	s.expire(now)
	s.unpackNext()
	if s.check != nil {
		s.check(s)
	}
}

// next is when tick has something to do again.
func (s *scanner) next(now time.Time) time.Time {
	t := s.sweep.due
	if s.Once {
		t = now.Add(onceGap)
	}
	if due, ok := s.agenda.next(); ok && due.Before(t) {
		t = due
	}
	if s.ready.Len() > 0 && now.Before(s.free) && s.free.Before(t) {
		t = s.free
	}
	return t
}

// appoint makes the next appointment of f.
func (s *scanner) appoint(f *file, now time.Time) {
	if _, ok := s.files[f]; !ok {
		return
	}
	wait := pause(now.Sub(f.changed), s.Poll, s.IdlePoll)
	switch {
	case s.Once:
		wait = min(wait, onceGap)
	case f.held != nil:
		wait = s.Poll
	case s.lingers(f):
		wait = min(wait, max(f.changed.Add(s.Multiline.Timeout).Sub(now), time.Millisecond))
	case !f.moved.IsZero() && !f.settled && !f.retired:
		// Rotation is looked after closely: it is over soon.
		if left := f.quiet().Add(s.RotateWait).Sub(now); left > 0 {
			wait = min(wait, max(left, time.Millisecond))
		}
	}
	s.agenda.set(f, aligned(now, wait))
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// wasRead reports whether everything there is has been read.
func (s *scanner) wasRead() bool {
	for f := range s.files {
		if f.busy || f.queued || !f.resting && f.trouble == "" {
			return false
		}
	}
	return true
}

// wasDelivered reports whether everything that has been read was delivered.
func (s *scanner) wasDelivered() bool {
	for f := range s.files {
		if !f.delivered() {
			return false
		}
	}
	return true
}

// close closes what is open and keeps what the next Run needs.
func (s *scanner) close() error {
	past := map[string]memo{}
	for name, m := range s.orphans {
		if !m.acked {
			past[name] = m
		}
	}
	for f := range s.files {
		if f.known {
			past[f.stream] = memo{cursor: f.cursor(), begin: f.begin}
		}
		s.src.hide(&f.shown)
		if f.h != nil {
			f.h.Close()
		}
		if f.pinned != nil {
			f.pinned.Close()
		}
	}
	s.src.past = past
	if s.watch == nil {
		return nil
	}
	return s.watch.close()
}
