package spillbench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/sink"
	"github.com/tidwall/wal"
	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A subject opens a store in a folder and returns what makes one record durable, concurrently where writers is more
// than one, and what closes it.
type subject struct {
	name string
	open func(tb testing.TB, dir string) (write func(b *batch.Batch) error, end func())
}

// lineBytes is the size of a log line in every record.
const lineBytes = 256

// record returns a batch of so many bytes, and its lines as one piece.
func record(size int) *batch.Batch {
	b := batch.New(nil, batch.MustLabels("app", "shop", "env", "prod"))
	line := make([]byte, lineBytes)
	for i := range line {
		line[i] = byte(' ' + i%64)
	}
	for range size / lineBytes {
		b.Append(time.Now(), line)
	}
	b.Retain(1)
	return b
}

// text is what the others are given: the lines of a batch, without its labels and times.
func text(dst []byte, b *batch.Batch) []byte {
	for i := range b.Entries {
		dst = append(dst, b.Entries[i].Line...)
	}
	return dst
}

var subjects = []subject{
	{"plain", func(tb testing.TB, dir string) (func(*batch.Batch) error, func()) {
		f, err := os.Create(filepath.Join(dir, "plain"))
		if err != nil {
			tb.Fatal(err)
		}
		var buf []byte
		return func(b *batch.Batch) error {
			buf = text(buf[:0], b)
			if _, err := f.Write(buf); err != nil {
				return err
			}
			return fdatasync(f)
		}, func() { f.Close() }
	}},
	{"spill", func(tb testing.TB, dir string) (func(*batch.Batch) error, func()) {
		down := sink.Func(func(context.Context, *batch.Batch) error { return errors.New("down") })
		s, err := sink.Spill(sink.Retry(down, sink.RetryConfig{Min: time.Minute}), sink.SpillConfig{Dir: dir, CloseTimeout: -1})
		if err != nil {
			tb.Fatal(err)
		}
		sup := lifecycle.New(lifecycle.Config{})
		if err := s.Start(tb.Context(), sup); err != nil {
			tb.Fatal(err)
		}
		return func(b *batch.Batch) error { return s.Write(context.Background(), b) },
			func() {
				if err := errors.Join(s.Close(context.Background()), sup.Close(context.Background())); err != nil {
					tb.Error(err)
				}
			}
	}},
	{"bbolt", func(tb testing.TB, dir string) (func(*batch.Batch) error, func()) {
		db, err := bbolt.Open(filepath.Join(dir, "bolt"), 0o600, nil)
		if err != nil {
			tb.Fatal(err)
		}
		bucket := []byte("queue")
		if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bucket); return err }); err != nil {
			tb.Fatal(err)
		}
		var seq atomic.Uint64
		return func(b *batch.Batch) error {
			put := func(tx *bbolt.Tx) error {
				return tx.Bucket(bucket).Put(binary.BigEndian.AppendUint64(nil, seq.Add(1)), text(nil, b))
			}
			return db.Update(put)
		}, func() { db.Close() }
	}},
	{"wal", func(tb testing.TB, dir string) (func(*batch.Batch) error, func()) {
		l, err := wal.Open(filepath.Join(dir, "wal"), nil)
		if err != nil {
			tb.Fatal(err)
		}
		var mu sync.Mutex
		seq := uint64(0)
		return func(b *batch.Batch) error {
			data := text(nil, b)
			mu.Lock()
			defer mu.Unlock()
			seq++
			return l.Write(seq, data)
		}, func() { l.Close() }
	}},
}

// throughput returns the MB/s at which writers make records durable.
func throughput(tb testing.TB, s subject, size, records, writers int) float64 {
	tb.Helper()
	write, end := s.open(tb, tb.TempDir())
	defer end()
	b := record(size)
	var left atomic.Int64
	left.Store(int64(records))
	var all sync.WaitGroup
	began := time.Now()
	for range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := write(b); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(records) * float64(size) / time.Since(began).Seconds() / 1e6
}

// BenchmarkQueues reports the median of some rounds, in which the subjects take turns. The plain loop always has one
// writer.
func BenchmarkQueues(b *testing.B) {
	const rounds = 5
	for _, size := range []int{4 << 10, 64 << 10, 256 << 10} {
		for _, writers := range []int{1, 8} {
			b.Run(fmt.Sprintf("record=%dKiB/writers=%d", size>>10, writers), func(b *testing.B) {
				records := min(max(16<<20/size, 64), 512)
				got := map[string][]float64{}
				for b.Loop() {
					for range rounds {
						for _, s := range subjects {
							n := writers
							if s.name == "plain" {
								n = 1
							}
							got[s.name] = append(got[s.name], throughput(b, s, size, records, n))
						}
					}
				}
				plain := median(got["plain"])
				b.ReportMetric(0, "ns/op")
				for _, s := range subjects {
					b.ReportMetric(median(got[s.name]), s.name+"-MB/s")
				}
				b.ReportMetric(median(got["spill"])/plain, "spill/plain")
				b.ReportMetric(median(got["bbolt"])/plain, "bbolt/plain")
			})
		}
	}
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
