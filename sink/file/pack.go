package file

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func (c Compression) suffix() string {
	if c == Gzip {
		return suffixGzip
	}
	return suffixZstd
}

// zstdWindow is how far back frames refer: a compromise between size and the memory that writing and reading takes.
const zstdWindow = 1 << 20

// writer compresses to w within its Write, without goroutines.
func (c Compression) writer(w io.Writer) (io.WriteCloser, error) {
	if c == Gzip {
		return gzip.NewWriter(w), nil
	}
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(zstdWindow))
}

// pack compresses a generation. At every instant it is there whole, under one name or, for a moment, under both: what
// is compressed gets its name when it is on the medium, and the original is removed after that.
func (s *Sink) pack(ctx context.Context, i *item) error {
	from, err := s.disk.open(i.name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := claim(from); err != nil {
		if errors.Is(err, ErrInUse) { // another process packs it
			return nil
		}
		return err
	}
	to := i.name + s.cfg.Compress.suffix()
	temp := to + suffixTemp
	size, err := s.packTo(ctx, temp, from)
	if err == nil {
		err = s.disk.setTime(temp, i.changed)
	}
	if err == nil {
		err = s.disk.rename(temp, to)
	}
	if err != nil {
		err = errors.Join(err, s.remove(temp))
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := syncFolders(s.disk, to); err != nil {
		return err
	}
	s.stats.packed.Add(1)
	s.stats.packedFrom.Add(i.size)
	s.stats.packedTo.Add(size)
	return s.remove(i.name)
}

// packTo makes temp of all that from has, and returns its size.
func (s *Sink) packTo(ctx context.Context, temp string, from io.Reader) (size int64, err error) {
	f, err := s.disk.open(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, s.cfg.Mode)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := claim(f); err != nil {
		return 0, err
	}
	if err := s.dress(f); err != nil {
		return 0, err
	}
	w, err := s.cfg.Compress.writer(f)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(w, readerUntil{ctx, from})
	if err := errors.Join(err, w.Close()); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// readerUntil reads until ctx is done.
type readerUntil struct {
	ctx context.Context
	r   io.Reader
}

func (r readerUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
