package sink

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/internal/spool"
	"github.com/logferry/logferry/lifecycle"
)

// Spill returns a Sink that puts every batch into a queue on the disk, and delivers the queue to s in order. Write
// returns nil once its entries are on the medium: neither an outage of s nor a crash of the process or the machine
// loses them, and the caller waits for neither. So it suits what cannot wait, like a service's own log.
//
// To whoever counts, nil is a delivery: a pipeline's Flush and its ledger end at the disk, and cursors move on.
// [Spiller.Drain] waits for the destination, [Spiller.Stats] has the account of the queue. Delivery is at least once:
// after a crash what was being delivered comes again, and what was delivered in the 250 ms before that.
//
// Entries of one stream (of equal Labels, or as a [StreamNamer] says) are delivered in the order in which their Writes
// returned. What fails is tried for ever, unless a [Retry] around s says otherwise, by whose policy it is tried. A
// stream that is told to wait waits alone: the others go on until what waits takes some 5 MiB of memory, or is 100,000
// entries ([SpillStats].Waiting), and then wait too. An entry that was written alone takes 0.8 KB besides its text. The
// files of the queue are deleted up to the first entry that is not delivered, and what others are ahead of it comes
// again after a crash. What s refuses for good goes to cfg.DeadLetter or is counted.
//
// Several Writes share one sync, and none waits for another to join it: those that come while a sync runs have the
// next one. After a failed sync nothing of that file is trusted, and its unacknowledged records are written to another.
// A Write that fails for the disk's sake is worth a retry.
//
// What is damaged in the folder, or could not be read for five minutes, is copied to a file of its own, told of and
// counted; the records around it are delivered. What a crash left half written at the end of a file was never
// acknowledged, and is passed over.
//
// Spill is a [Starter]: it opens and locks the folder there, and its three tasks belong to the caller. It goes
// outermost, around what retries, breaks and times out: Spill(Retry(Breaker(Timeout(s)))). Spill panics if s is nil; the
// error joins one for every field of cfg that is wrong.
func Spill(s Sink, cfg SpillConfig) (*Spiller, error) {
	mustSink("Spill", s)
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	sp := &Spiller{
		whole:  s,
		pool:   batch.Pool{MaxKeep: 2 * pieceBytes}, // the headers of a window's entries are that large
		seed:   maphash.MakeSeed(),
		jobs:   make(chan *spillJob),
		more:   make(chan struct{}, 1),
		closed: make(chan struct{}),
		moved:  make(chan struct{}),
		folder: func() (spool.Folder, io.Closer, error) { return openSpillFolder(cfg.Dir) },
	}
	sp.inner, sp.retry = Policy(s)
	if p, ok := Find[PerStreamer](s); ok && p.PerStream() {
		sp.perStream = true
		sp.namer, _ = p.(StreamNamer)
	}
	sp.cfg = cfg.withDefaults(sp.perStream)
	sp.pace = newPacer(sp.cfg.MaxInFlight, sp.cfg.Shaper, sp.backlog)
	return sp, nil
}

// A Spiller is what [Spill] returns. Its methods are safe for concurrent use.
type Spiller struct {
	whole     Sink // as it was given
	inner     Sink // without its Retry
	retry     RetryConfig
	perStream bool
	namer     StreamNamer // nil: labels are streams
	cfg       SpillConfig
	folder    func() (spool.Folder, io.Closer, error)

	jobs   chan *spillJob
	pace   *pacer        // of the Writes of the queue
	seed   maphash.Seed  // of lanes
	more   chan struct{} // there is something to deliver, or to look after
	closed chan struct{} // Close has begun
	ending sync.Once

	started atomic.Bool
	sup     *lifecycle.Supervisor
	log     *spool.Log
	pool    batch.Pool
	buffers sync.Pool // of *[]byte
	writes  *lifecycle.Handle
	reads   *lifecycle.Handle
	files   *lifecycle.Handle // closes them, once the others have ended

	counts   spillCounts
	vain     atomic.Int64 // Writes to the destination in a row that found nobody
	lastSave time.Time    // of the position; the deliverer's

	mu       sync.Mutex
	moved    chan struct{}   // closed and replaced when something was delivered
	trouble  [diskUses]error // of the disk, as of the last use of each kind
	failing  error           // of the destination, as of its last Write
	away     bool            // it fails, or the dead letter does, rather than to have some wait
	stalled  uint64          // all before this sequence that is not delivered waits, and nothing goes on; zero: something does
	closeErr error           // of the files
}

// Unwrap returns the Sink that was given to [Spill], and the dead letter if there is one.
func (s *Spiller) Unwrap() []Sink {
	if s.cfg.DeadLetter != nil {
		return []Sink{s.whole, s.cfg.DeadLetter}
	}
	return []Sink{s.whole}
}

// PerStream reports whether batches are to be of one stream each: only if they go to a destination directly that wants
// it. The queue cuts them by itself.
func (s *Spiller) PerStream() bool { return s.cfg.Direct && s.perStream }

// StreamOf implements [StreamNamer] as the destination does.
func (s *Spiller) StreamOf(l batch.Labels) batch.Labels {
	if s.namer == nil {
		return l
	}
	return s.namer.StreamOf(l)
}

// streamOf is StreamOf for the queue. If the destination panics when it is asked, the labels are a stream of their own.
func (s *Spiller) streamOf(l batch.Labels) (stream batch.Labels) {
	stream = l
	sheltered(func() { stream = s.StreamOf(l) })
	return stream
}

// Start opens the folder and begins to deliver what is in it. The error names the folder: [ErrSpillLocked] if it is
// taken, with the process that has it, [ErrSpillClosed] after Close, and those of the file system.
func (s *Spiller) Start(ctx context.Context, sup *lifecycle.Supervisor) error {
	if ctx.Err() != nil {
		return fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, context.Cause(ctx))
	}
	select {
	case <-s.closed: // nobody would give the folder back
		return s.notRunning()
	default:
	}
	folder, lock, err := s.folder()
	if err != nil {
		return fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, err)
	}
	s.log, err = spool.Open(spool.Config{Folder: folder, MaxBytes: s.cfg.MaxBytes, SegmentBytes: s.cfg.segmentBytes(), Damaged: s.damaged})
	if err != nil {
		return fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, errors.Join(err, lock.Close()))
	}
	if err := s.run(sup, lock); err != nil {
		return fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, err)
	}
	s.started.Store(true)
	return nil
}

// run starts the tasks. If the supervisor refuses one, the others are ended and the folder is given back.
func (s *Spiller) run(sup *lifecycle.Supervisor, lock io.Closer) error {
	s.sup = sup
	again := lifecycle.Restart{Min: time.Second, Max: 30 * time.Second}
	s.writes = sup.Start(lifecycle.Task{Name: "spill-write", Run: s.writeJobs, Restart: again})
	s.reads = sup.Start(lifecycle.Task{Name: "spill-deliver", Run: s.deliverAll, Restart: again})
	s.files = sup.Go("spill-files", func(context.Context) error {
		<-s.writes.Done()
		<-s.reads.Done()
		s.finish(lock)
		return nil
	})
	for _, task := range []*lifecycle.Handle{s.writes, s.reads, s.files} {
		err := task.Err()
		if !errors.Is(err, lifecycle.ErrClosed) && !errors.Is(err, lifecycle.ErrTooManyTasks) {
			continue
		}
		s.writes.Stop()
		s.reads.Stop()
		<-s.writes.Done()
		<-s.reads.Done()
		if s.files.Err() != nil { // it was never let in
			s.finish(lock)
		}
		<-s.files.Done()
		return err
	}
	return nil
}

// finish gives the folder back.
func (s *Spiller) finish(lock io.Closer) {
	err := errors.Join(s.log.Close(), lock.Close())
	s.mu.Lock()
	s.closeErr = err
	s.mu.Unlock()
	s.stir()
}

// Write puts b into the queue, or with [SpillConfig.Direct] to the destination as long as the queue is empty. ctx bounds
// the wait for the disk; if it ends while a sync runs, the entries may be queued although the error says that nobody
// knows.
func (s *Spiller) Write(ctx context.Context, b *batch.Batch) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !s.running() {
		return s.notRunning()
	}
	if len(b.Entries) == 0 {
		return nil
	}
	if s.cfg.Direct {
		if next, acked := s.log.Ends(); next == acked {
			return s.direct(ctx, b)
		}
	}
	return s.spill(ctx, b)
}

func (s *Spiller) running() bool {
	select {
	case <-s.closed:
		return false
	default:
		return s.started.Load()
	}
}

func (s *Spiller) notRunning() error { return fmt.Errorf("%w: %s", ErrSpillClosed, s.cfg.Dir) }

// direct writes b to the destination, and to the disk what that does not take.
func (s *Spiller) direct(ctx context.Context, b *batch.Batch) error {
	d := RetryConfig{}.Begin(b)
	inner, cancel := context.WithTimeout(ctx, s.cfg.DirectTimeout)
	err := s.inner.Write(inner, b)
	cancel()
	if err != nil && ctx.Err() != nil {
		return err
	}
	_, left := d.Done(err)
	pending, refused := d.Pending(), d.Failed()
	s.counts.direct.Add(int64(len(b.Entries) - len(pending) - len(refused)))
	if !left {
		s.noteDelivery(nil)
		return d.Err()
	}
	s.noteDelivery(err)
	// All of what is left: the Delivery would go on with a piece.
	if err = s.spill(ctx, subset(b, pending)); err == nil {
		return d.Err()
	}
	if len(pending) == len(b.Entries) {
		return err
	}
	fs := slices.Clone(refused)
	for _, p := range pending {
		fs = append(fs, Failure{p.Index, err})
	}
	sortFailures(fs)
	return partial(fs)
}

// Close ends the queue: Writes are refused, what is queued is delivered for as long as [SpillConfig.CloseTimeout] says,
// the position is saved, the folder is given back, and the Sinks within are closed. What is left is delivered by the next
// process. ctx bounds all of it: if it ends first the error says so, and the tasks, whose supervisor waits for them,
// give the folder back when they have ended.
func (s *Spiller) Close(ctx context.Context) error {
	s.ending.Do(func() { close(s.closed) })
	var errs []error
	if s.started.Load() {
		errs = append(errs, s.wind(ctx))
	}
	for _, inner := range s.Unwrap() {
		errs = append(errs, inner.Close(ctx))
	}
	return errors.Join(errs...)
}

// wind ends the tasks.
func (s *Spiller) wind(ctx context.Context) error {
	s.writes.Stop()
	last, cancel := s.cfg.closing(ctx)
	if s.writes.Wait(last) == nil {
		_ = s.drain(last, true) // what is left is on the disk
	}
	cancel()
	s.reads.Stop()
	if err := s.files.Wait(ctx); err != nil {
		return fmt.Errorf("sink: spill %q: still at work: %w", s.cfg.Dir, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closeErr != nil {
		return fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, s.closeErr)
	}
	return nil
}

// Drain waits until everything that was queued when it was called is delivered, refused or dropped. The error is the
// cause of ctx, or [ErrSpillClosed] if the queue has stopped; then some is left for the next process.
func (s *Spiller) Drain(ctx context.Context) error {
	if !s.started.Load() {
		return s.notRunning()
	}
	return s.drain(ctx, false)
}

// drain is Drain; once it gives up when the destination fails, or has all wait that is left.
func (s *Spiller) drain(ctx context.Context, once bool) error {
	target, _ := s.log.Ends()
	for {
		s.mu.Lock()
		moved, failing, over := s.moved, s.failing, s.away || s.stalled >= target
		s.mu.Unlock()
		_, acked := s.log.Ends()
		if acked >= target {
			return nil
		}
		if once && over {
			return failing
		}
		select {
		case <-moved:
		case <-s.files.Done():
			return s.notRunning()
		case <-ctx.Done():
			return fmt.Errorf("sink: spill %q: %w", s.cfg.Dir, context.Cause(ctx))
		}
	}
}

// stir wakes all that wait for something to be delivered, or to fail.
func (s *Spiller) stir() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.moved)
	s.moved = make(chan struct{})
}

// poke wakes the task that delivers.
func (s *Spiller) poke() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}
