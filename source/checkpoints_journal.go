package source

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// minDeltas keeps a store of few streams from being rewritten at every Save.
const minDeltas = 16 << 10 // bytes

// journal writes the checkpoint file at path: appends to it, or puts a new generation in its place. It opens the file
// for each write, which costs little beside the sync: so it notices a file that was removed or truncated meanwhile,
// and never has to rename over an open file, which Windows refuses.
type journal struct {
	path     string
	disk     disk
	state    journalState
	size     int64 // bytes of the file, unless it is doubtful
	snapshot int64 // bytes of its header and snapshot, if it is whole
}

// journalState says what the next Save may do with the file at path.
type journalState int

const (
	// doubtful: absent, damaged, or after an error in an unknown state. Only a new generation can follow, and the
	// previous one stays: this one is no better.
	doubtful journalState = iota
	// readable: found in order when it was opened. It can become the previous generation. It is not appended to: its
	// end may be torn, and where an earlier process stopped short or failed to sync, not all that can be read now need
	// be on the medium; a record behind such a place would be lost with it.
	readable
	// whole: written by us, synced, and under a durable name.
	whole
)

// errNotOurs is returned by append when the file is no longer the one that was written last.
var errNotOurs = errors.New("the file was changed by another program")

// fits reports whether a record of n bytes is to be appended. Otherwise it is time for a new generation: when the
// records after the snapshot would outweigh it, and minDeltas. A rewrite therefore costs at most about twice the bytes
// appended since the last one, so that a Save costs, on average, what it changes.
func (j *journal) fits(n int) bool {
	return j.state == whole && j.size-j.snapshot+int64(n) <= max(j.snapshot, minDeltas)
}

// append writes record after the last one, and to the medium.
func (j *journal) append(record []byte) error {
	f, err := j.disk.open(j.path, os.O_WRONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return errNotOurs
	}
	if err != nil {
		return err
	}
	if err := errors.Join(j.appendTo(f, record), f.Close()); err != nil {
		return err
	}
	j.size += int64(len(record))
	j.state = whole
	return nil
}

func (j *journal) appendTo(f diskFile, record []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != j.size {
		return errNotOurs
	}
	j.state = doubtful
	if _, err := f.WriteAt(record, j.size); err != nil {
		// Cut off what may have been written: on a full disk this works when a rewrite does not.
		if f.Truncate(j.size) == nil {
			j.state = whole
		}
		return err
	}
	// If this fails, the kernel may have dropped the pages and called them clean: a second try would prove nothing.
	return f.Sync()
}

// rewrite puts a new generation in the place of the file: cursors as its snapshot, no further records. The file
// before it becomes the previous generation, if it is in order. At every instant path, if it existed before, names either
// the old file or all of the new one.
func (j *journal) rewrite(cursors map[string]string) error {
	data := appendRecord(appendHeader(nil, formatVersion), cursors, nil)
	tmp := j.path + tmpSuffix
	if err := writeNew(j.disk, tmp, bytes.NewReader(data)); err != nil {
		return err
	}
	if j.inOrder() {
		if err := duplicate(j.disk, j.path, j.path+prevSuffix); err != nil {
			return errors.Join(err, j.disk.remove(tmp))
		}
	}
	j.state = doubtful // until the new name is durable
	if err := j.disk.rename(tmp, j.path); err != nil {
		return errors.Join(err, j.disk.remove(tmp))
	}
	if err := j.disk.syncDir(filepath.Dir(j.path)); err != nil {
		return err
	}
	j.state, j.size, j.snapshot = whole, int64(len(data)), int64(len(data))
	return nil
}

// inOrder reports whether the file can become the previous generation. It looks again, because a file that was removed
// or exchanged meanwhile must neither stand in the way of the next nor replace a good one.
func (j *journal) inOrder() bool {
	info, err := os.Stat(j.path)
	return err == nil && j.state != doubtful && info.Size() == j.size
}

// load finds the cursors to begin with: those in the file, or else in its previous generation. It changes nothing but
// what an earlier crash left half done, and keeps a damaged file aside; the first rewrite then replaces it.
func (j *journal) load() (opened contents, recovered, err error) {
	for _, suffix := range []string{tmpSuffix, prevSuffix + tmpSuffix, damagedSuffix + tmpSuffix} {
		if err := j.disk.remove(j.path + suffix); err != nil {
			return contents{}, nil, err
		}
	}
	current, err := readContents(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return j.loadPrevious(errors.New("it is missing"), true)
	}
	if err != nil {
		return contents{}, nil, err
	}
	if current.damage == nil {
		j.state, j.size = readable, current.size+current.torn
		return current, nil, nil
	}
	if current.cursors == nil {
		opened, recovered, err = j.loadPrevious(current.damage, false)
	} else {
		opened = current
		recovered = fmt.Errorf("%w: %s: %w: its first %d records are used",
			ErrCheckpointsDamaged, j.path, current.damage, current.records)
	}
	if err != nil {
		return contents{}, nil, err
	}
	if err := j.keepDamaged(); err != nil {
		return contents{}, nil, fmt.Errorf("%w; and it cannot be kept aside: %w", recovered, err)
	}
	return opened, fmt.Errorf("%w; the file is kept as %s", recovered, j.path+damagedSuffix), nil
}

// loadPrevious uses the previous generation because of what is wrong with the file.
func (j *journal) loadPrevious(wrong error, missing bool) (opened contents, recovered, err error) {
	name := j.path + prevSuffix
	previous, err := readContents(name)
	absent := errors.Is(err, fs.ErrNotExist)
	switch {
	case absent && missing:
		return contents{cursors: map[string]string{}}, nil, j.rewrite(nil) // the first time
	case absent:
		return contents{}, nil, unusable(j.path, wrong, name, errors.New("it is missing"))
	case err != nil:
		return contents{}, nil, unusable(j.path, wrong, name, err)
	case previous.cursors == nil:
		return contents{}, nil, unusable(j.path, wrong, name, previous.damage)
	case previous.damage != nil:
		wrong = fmt.Errorf("%w: the first %d records of %s are used, which is damaged too: %w",
			wrong, previous.records, name, previous.damage)
	default:
		wrong = fmt.Errorf("%w: its previous generation %s is used", wrong, name)
	}
	return previous, fmt.Errorf("%w: %s: %w", ErrCheckpointsDamaged, j.path, wrong), nil
}

func unusable(path string, wrong error, prev string, prevWrong error) error {
	return fmt.Errorf("%w: %s: %w; its previous generation %s: %w; "+
		"put back a copy of either, or remove both to begin without cursors",
		ErrCheckpointsDamaged, path, wrong, prev, prevWrong)
}

// keepDamaged gives the damaged file a second name, durable before the first rewrite takes the first from it.
func (j *journal) keepDamaged() error {
	if err := duplicate(j.disk, j.path, j.path+damagedSuffix); err != nil {
		return err
	}
	return j.disk.syncDir(filepath.Dir(j.path))
}
