package tail

import (
	"container/list"
	"slices"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/source"
)

// A file is one identity: what is followed under one stream from the day it is
// found until it is gone, whatever its names are meanwhile.
//
// Its fields belong to the scanner, except that those of the reading part
// belong to the reader that has the file in hand (busy). The reader also reads
// id, real, mtime, size and path, which the scanner writes only while no reader
// has the file.
//
// These combinations of what became of a file occur between two ticks. Tests
// check after each that there are no others:
//
//	                      moved  drained  final  settled  retired  gone  names  at   h
//	at a followed path    no     no       no     no       no       no    some   set  any
//	left that path        yes    any      any    no       no       no    any    any  any
//	stays by other names  yes    any      no     yes      no       no    some   set  any
//	remembered            yes    yes      no     no       yes      no    none   set  nil
//	nowhere any more      yes    yes      no     no       no       yes   none   ""   nil
//
// And of whose turn it is:
//
//	                      busy   queued   lined   held or after
//	rests, or is due      no     no       no      no
//	waits for another     any    no       any     yes: busy for a herald only
//	waits to be unpacked  no     no       yes     any
//	waits for a reader    no     yes      no      no
//	is read               yes    no       any     no
//
// begun implies known, but for a compressed file that turned out to be read
// already, until that is noted in its cursor; resumed always does.
type file struct {
	stream string // names the source.Stream
	path   string // where it was first seen
	log    string // what path led to then: generations are named after it
	tag           // made from path
	id     identity

	// Where it is now.
	at    string   // a path that leads to it, "" if none is known
	names []string // the followed paths that lead to it
	h     *handle  // nil while closed
	lru   *list.Element

	// What is known of it.
	prefix  []byte    // its first bytes, up to printMax
	filed   []byte    // those it stands under in scanner.heads
	size    int64     // as last told by the system
	seen    int64     // the largest size it was known to have
	mtime   int64     // as last told
	links   uint64    // as last told by the handle
	changed time.Time // when it was last found changed
	looked  time.Time // when it was last polled or read
	from    int64     // where its last turn began
	gulp    int64     // how much that turn sent, in bytes

	// What happens to it.
	due     time.Time
	place   int       // in the schedule, -1 if not in it
	busy    bool      // a reader has it
	queued  bool      // it waits for a reader
	again   bool      // it is to be read once more after the turn under way
	resting bool      // a reader has read it to its end
	moved   time.Time // when it left path, zero if it is there
	lull    time.Time // when it was read to its end for the first time after that
	drained bool      // it was read to its end after it had moved
	final   bool      // nothing will be added: a last line without newline is delivered
	gone    bool      // no name and no handle is left
	suspect bool      // it was found shorter while a reader had it
	pinned  *handle   // what may be a copy of it, opened before it can be moved on
	after   *file     // what is read to its end first
	behind  []*file   // those that had this for after at some time
	before  *file     // what was read to its end first, and is looked at once more before the first read
	held    *file     // the file it may be a copy of
	copies  []*file   // those that had this for held at some time
	heldAt  time.Time
	initial bool      // it was there when Run began
	weighed bool      // it was decided whether it may be one
	probed  time.Time // when the stream was last asked whether it is lost
	trouble string    // the error last logged
	hidden  bool      // its path cannot be looked at
	begun   bool      // a reader had it to read
	known   bool      // its stream was opened before it was begun
	resumed bool      // its stream had a cursor
	parting bool      // it had moved when the turn under way began
	awaited bool      // it has waited for before to be read once more
	settled bool      // it was seen off, and is followed by another name
	retired bool      // it was seen off, and is remembered
	missed  time.Time // when it was first not found, zero if it was found since
	owed    time.Time // since when the file has been at least owing long, which is not acknowledged
	owing   int64
	packed  packing   // how it is compressed
	spoilt  bool      // it cannot be unpacked, unless it changes
	lined   bool      // it waits to be unpacked
	foreign time.Time // since when it holds something else, though it was rotated
	blank   int64     // when it was changed last as it was empty, 0 if it is known not to be
	hinted  []string  // the keys of scanner.hints that lead to it
	next    *tag      // what takes the place of its tag, nil if nothing does

	// The reading part.
	print print // of the first bytes, as it stands in cursors
	pos
	whole    int64          // how long a compressed file was when it was read to its end
	short    mark           // where a compressed file ends, if that is before begin
	proof    uint64         // the anchor at begin of what a compressed file is made of
	begin    int64          // where to start without a cursor
	announce bool           // begin is to be noted in a cursor at once
	src      *source.Stream // nil until the first turn
	sent     string         // the last cursor sent
	real     string         // the place that stands in cursors, "" if that is path
	herald   bool           // only a first cursor is to be sent
	ask      bool           // the stream is to be asked whether it is lost
	reopen   bool           // the stream has other labels from now on
	flush    bool           // nothing will be added: a line without newline at the end is one
	rest     int64          // length of the unfinished line behind offset
	scan     int64          // how far that line was searched for its end
	coding   uint8          // how its bytes stand for text
	pending  bool           // a record is open that more lines may join
	complete bool           // nothing was added to it for Multiline.Timeout: it is whole
	lines    int            // in the last full chunk

	// head is what the reader found at the beginning, for the scanner to learn.
	head atomic.Pointer[[]byte]

	// For Stats.
	shown view
}

// A pos is a position in a file.
type pos struct {
	epoch  uint64
	offset int64
	anchor uint64
	passed
}

// A view is what Stats reads while others work.
type view struct {
	at     atomic.Pointer[string]
	src    atomic.Pointer[source.Stream]
	epoch  atomic.Uint64
	offset atomic.Int64
	size   atomic.Int64
	state  atomic.Pointer[State]
	err    atomic.Pointer[error] // why it cannot be read
	since  atomic.Int64          // see file.owed, in nanoseconds since 1970
	packed atomic.Bool
	whole  atomic.Bool // what is packed was read to its end
}

// mark is how to recognise f at its read position.
func (f *file) mark() mark {
	return mark{print: f.print, offset: f.offset, anchor: f.anchor}
}

// cursor is f's present position. Only who owns the reading part calls it.
func (f *file) cursor() cursor {
	c := cursor{id: f.id, epoch: f.epoch, mtime: f.mtime, whole: f.whole, path: f.path, real: f.real, passed: f.passed}
	c.mark = f.mark()
	return c
}

// setPrefix notes f's first bytes. Not while a reader has f.
func (f *file) setPrefix(prefix []byte) {
	f.prefix, f.print = prefix, printOf(prefix)
	f.head.Store(nil)
}

// learn takes over what a reader found at f's beginning. At any time.
func (f *file) learn() {
	if p := f.head.Load(); p != nil && len(*p) > len(f.prefix) {
		f.prefix = *p
	}
}

// showErr publishes why f cannot be read, nil if it can.
func (f *file) showErr(err error) {
	if err == nil {
		f.shown.err.Store(nil)
		return
	}
	err = plain(err)
	f.shown.err.Store(&err)
}

func (f *file) show(s State) { f.shown.state.Store(&s) }

// showPos publishes where reading stands.
func (f *file) showPos() {
	f.shown.epoch.Store(f.epoch)
	f.shown.offset.Store(f.offset)
}

// gauge notes since when something has not been acknowledged. Not while a reader
// has f.
func (f *file) gauge(now time.Time) {
	acked := f.offset
	if !f.delivered() {
		acked = ackedOf(f.src, f.epoch)
	}
	if f.packed != unpacked { // all or nothing
		f.shown.whole.Store(f.wholly())
		if acked = 0; f.wholly() && f.delivered() {
			acked = f.size
		}
	}
	switch {
	case acked >= f.size:
		f.owed = time.Time{}
	case f.owed.IsZero() || acked >= f.owing:
		f.owed, f.owing = now, f.size
	default:
		return
	}
	since := int64(0)
	if !f.owed.IsZero() {
		since = f.owed.UnixNano()
	}
	f.shown.since.Store(since)
}

// setPlace notes a path that leads to f, "" if there is none.
func (f *file) setPlace(path string) {
	f.at = path
	if path != "" {
		f.shown.at.Store(&path)
	}
}

// placed is where f is, or was last.
func (f *file) placed() string { return *f.shown.at.Load() }

func (f *file) setSize(n int64) {
	f.size = n
	f.seen = max(f.seen, n)
	f.shown.size.Store(n)
}

// remains are what skipped needs to know of a file that is forgotten.
func (f *file) remains() *file {
	return &file{
		path: f.path, log: f.log, real: f.real, tag: f.tag, id: f.id, mtime: f.mtime, links: f.links,
		print: f.print, pos: f.pos, moved: f.moved, drained: true, place: -1,
	}
}

// where is the last known place of f.
func (f *file) where() string {
	if f.real != "" {
		return f.real
	}
	return f.path
}

// lost reports whether f has left, and no path that is followed leads to it.
func (f *file) lost() bool { return !f.moved.IsZero() && len(f.names) == 0 }

// addName notes that path leads to f.
func (f *file) addName(path string) {
	if !slices.Contains(f.names, path) {
		f.names = append(f.names, path)
	}
	if f.at == "" {
		f.setPlace(path)
	}
}

// dropName notes that path leads to f no more.
func (f *file) dropName(path string) {
	if i := slices.Index(f.names, path); i >= 0 {
		f.names = slices.Delete(f.names, i, i+1)
	}
	if f.at != path {
		return
	}
	if len(f.names) > 0 {
		f.setPlace(f.names[0])
	} else {
		f.setPlace("")
	}
}

// end is how far reading got at the last turn, an unfinished line included.
func (f *file) end() int64 { return f.offset + f.rest }

// unread is how much of what f was known to hold has not been sent.
func (f *file) unread() int64 {
	switch {
	case f.packed == unpacked:
		return max(0, f.seen-f.offset)
	case f.wholly():
		return 0
	}
	return f.size
}

// delivered reports whether everything that was sent has been acknowledged.
func (f *file) delivered() bool {
	return f.src == nil || f.sent == "" || f.src.Cursor() == f.sent
}
