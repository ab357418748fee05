package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"github.com/logferry/logferry/internal/filelock"
)

// What stands beside the checkpoint file, each named after it.
const (
	lockSuffix    = ".lock"    // held while the file is open; holds the process id
	prevSuffix    = ".prev"    // the generation before the last rewrite
	damagedSuffix = ".damaged" // the last file found damaged
	tmpSuffix     = ".tmp"     // also after the two above: being written
)

// FileCheckpoints is a [Checkpoints] in a file that survives the process and the machine. Make it with
// [NewFileCheckpoints], one per file, and Close it after the pipeline that uses it. It is safe for concurrent use, and
// keeps all cursors in memory as well.
//
// A Save appends what it changes and syncs it to the medium before it returns. The first Save after opening, and one by
// which the appended records would outweigh the state they began from (and 16 KiB), writes the file anew and keeps the
// one before it beside it, under the same name with ".prev" appended; ".lock", ".damaged" and, for moments, ".tmp"
// files stand there too. All have mode 0600. The text format is made for reading: one line per Save.
//
// After a kill or a power loss the file opens with the cursors of the last Save that returned nil, or of one that was
// under way. After a Save that failed, with the disk full for one, the next is tried afresh.
//
// A file that is damaged otherwise opens with the longest run of good records from its beginning, or else with the
// previous generation: cursors from an earlier time, with which lines are read again and none is lost. Recovered then
// tells, and the damaged file is kept, with ".damaged" appended to its name, in place of any that was kept earlier. A
// damaged file never opens empty. To forget all cursors, remove the file and its previous generation.
type FileCheckpoints struct {
	path      string
	recovered error
	torn      int64

	// turn is full while a Save or Close is under way. A channel, not a mutex: they wait for the disk with it, and
	// whoever waits for them can stop when its ctx is done.
	turn chan struct{}

	// Used with the turn only.
	lock    io.Closer // nil once closed
	journal journal
	record  []byte // the last one appended, for its memory

	mu      sync.Mutex // guards cursors; never held during file operations
	cursors map[string]string
}

// NewFileCheckpoints opens the checkpoints in the file at path, or makes the file, empty, in a folder that must exist.
// If path is a symbolic link, the file it leads to is meant, and what stands beside that.
//
// The errors are [ErrCheckpointsLocked] if it is open already, in any process, and [ErrCheckpointsDamaged] if nothing
// in it or its previous generation can be used; then neither has been touched. It fails, too, if path is not a
// regular file, cannot be read, or was written in a format of another release.
func NewFileCheckpoints(path string) (*FileCheckpoints, error) {
	return openFileCheckpoints(path, osDisk{})
}

func openFileCheckpoints(path string, d disk) (*FileCheckpoints, error) {
	resolved, err := resolveCheckpoints(path)
	if err != nil {
		return nil, fmt.Errorf("source: checkpoints %q: %w", path, err)
	}
	lock, err := filelock.Lock(resolved + lockSuffix)
	if held, ok := errors.AsType[*filelock.HeldError](err); ok {
		return nil, fmt.Errorf("%w: %w", ErrCheckpointsLocked, held)
	}
	if err != nil {
		return nil, fmt.Errorf("source: checkpoints %q: %w", path, err)
	}
	f := &FileCheckpoints{
		path:    resolved,
		turn:    make(chan struct{}, 1),
		lock:    lock,
		journal: journal{path: resolved, disk: d},
	}
	opened, recovered, err := f.journal.load()
	if err != nil {
		if !errors.Is(err, ErrCheckpointsDamaged) {
			err = fmt.Errorf("source: checkpoints %q: %w", path, err)
		}
		return nil, errors.Join(err, lock.Close())
	}
	f.cursors, f.torn, f.recovered = opened.cursors, opened.torn, recovered
	return f, nil
}

// resolveCheckpoints returns the absolute path of the file that path means, so that neither a change of the working
// folder nor a rename over a symbolic link takes it elsewhere. It refuses what cannot be a checkpoint file before
// anything is made beside it.
func resolveCheckpoints(path string) (string, error) {
	if path == "" {
		return "", errors.New("the path is empty")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			info, err = os.Lstat(path)
		}
		if err != nil {
			return "", fmt.Errorf("symbolic link: %w", err)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return "", fmt.Errorf("its folder: %w", err)
		}
		return path, nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	return path, nil
}

// All implements [Checkpoints]. It answers from memory, after Close too.
func (f *FileCheckpoints) All(ctx context.Context) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		f.mu.Lock()
		cursors := maps.Clone(f.cursors)
		f.mu.Unlock()
		yieldCursors(ctx, cursors, yield)
	}
}

// Save implements [Checkpoints]: nil means that the change is on the medium. With nothing to change it does nothing.
// ctx bounds the wait for another Save. Errors name the file and are those of the file system, or
// [ErrCheckpointsClosed].
func (f *FileCheckpoints) Save(ctx context.Context, set map[string]string, drop []string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("source: checkpoints %q: %w", f.path, context.Cause(ctx))
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return fmt.Errorf("source: checkpoints %q: %w", f.path, context.Cause(ctx))
	}
	if f.lock == nil {
		return fmt.Errorf("%w: %s", ErrCheckpointsClosed, f.path)
	}
	if len(set) == 0 && len(drop) == 0 {
		return nil
	}
	if err := f.save(set, drop); err != nil {
		return fmt.Errorf("source: checkpoints %q: %w", f.path, err)
	}
	return nil
}

// save writes first and changes the cursors in memory when that is done.
func (f *FileCheckpoints) save(set map[string]string, drop []string) error {
	f.record = appendRecord(f.record[:0], set, drop)
	record := f.record
	if cap(record) > minDeltas {
		f.record = nil // not worth keeping for the usual few
	}
	if f.journal.fits(len(record)) {
		err := f.journal.append(record)
		if err == nil {
			f.mu.Lock()
			applyCursors(f.cursors, set, drop)
			f.mu.Unlock()
			return nil
		}
		if !errors.Is(err, errNotOurs) {
			return err
		}
	}
	next := maps.Clone(f.cursors) // only who has the turn changes them: no need for mu to read
	applyCursors(next, set, drop)
	if err := f.journal.rewrite(next); err != nil {
		return err
	}
	f.mu.Lock()
	f.cursors = next
	f.mu.Unlock()
	return nil
}

// Recovered returns nil, or what was found damaged when the file was opened and what was used in its stead: an
// [ErrCheckpointsDamaged] with the file's name, the byte, and the name under which it is kept. Log it: lines from
// before will be read again.
func (f *FileCheckpoints) Recovered() error { return f.recovered }

// Torn returns how many bytes of an unfinished Save opening found at the end of the file and passed over: 0, unless
// the process or the machine stopped during one. Nothing is amiss then, since that Save had not returned. (Damage to
// the very last record looks the same.)
func (f *FileCheckpoints) Torn() int64 { return f.torn }

// Close waits for a Save under way, then releases the file; there is nothing left to write. Later calls return nil.
func (f *FileCheckpoints) Close() error {
	f.turn <- struct{}{}
	defer func() { <-f.turn }()
	if f.lock == nil {
		return nil
	}
	err := f.lock.Close()
	f.lock = nil
	if err != nil {
		return fmt.Errorf("source: checkpoints %q: %w", f.path, err)
	}
	return nil
}
