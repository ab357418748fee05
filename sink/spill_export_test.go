package sink

import (
	"io"

	"github.com/logferry/logferry/internal/spool"
)

// Sicken has a queue that was not started yet ask fail, concurrently, before each operation of its folder, which fails
// with what that returns.
func (s *Spiller) Sicken(fail func(op string) error) {
	s.folder = func() (spool.Folder, io.Closer, error) {
		f, lock, err := openSpillFolder(s.cfg.Dir)
		return sickFolder{f, fail}, lock, err
	}
}

// Poison has a queue that was not started yet fill released memory.
func (s *Spiller) Poison() { s.pool.Poison = true }
