package nxtail

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
)

// From says where reading begins in a file that has no cursor.
type From int

const (
	// Start begins with a file's first line.
	Start From = iota
	// End leaves out what is there when the source first looks: reading begins
	// behind the last whole line. Files that appear later are read from the
	// start all the same.
	End
)

// Config says what to follow and how. Only Paths is required. Fields mean what
// those of the same name mean in source/tail.
type Config struct {
	// Paths are the files to follow, none of them a pattern. Relative ones are
	// resolved when New is called. One that does not exist yet is waited for. Two
	// that lead to one file are two streams, each with all of its lines.
	Paths []string
	// From is where reading begins in files that are there, and can be opened,
	// when Run first looks and have no cursor: Start by default.
	From From
	// Labels names the stream of the file at path, which is absolute. Each Run
	// calls it once for each path, for several of them concurrently. The default
	// is {filename="<path>"}.
	Labels func(path string) batch.Labels
	// MaxLine is the longest line delivered whole, in bytes without its line
	// end: 1 MiB by default, 1 GiB at most. Of a longer one the first MaxLine
	// bytes are delivered, with the attribute truncated="true". It bounds what is
	// delivered, not what nxadm/tail takes to read the line.
	MaxLine int
	// RotateWait is how long a file that was renamed or deleted must stay
	// unchanged before it is taken for finished: 5 s by default, and four poll
	// intervals at least, one second unless the host has set another. What has
	// taken its place at the path is not read before that.
	RotateWait time.Duration
	// KeepCR keeps the carriage return of lines that end in CRLF.
	KeepCR bool
}

// maxMaxLine is the largest Config.MaxLine.
const maxMaxLine = 1 << 30

// minPolls gives nxadm/tail a few of its polls to read what is left.
const minPolls = 4

// prepare checks cfg and returns it with its defaults and absolute paths. poll is
// how often nxadm/tail looks at a file.
func prepare(cfg Config, poll time.Duration) (Config, error) {
	errs := cfg.check(poll)
	cfg.setDefaults(poll)
	cfg.Paths = slices.Clone(cfg.Paths)
	for i, path := range cfg.Paths {
		abs, err := filepath.Abs(path)
		if err != nil || path == "" {
			errs = append(errs, fmt.Errorf("nxtail: Paths: %q: no path of a file", path))
			continue
		}
		if slices.Contains(cfg.Paths[:i], abs) {
			errs = append(errs, fmt.Errorf("nxtail: Paths: %q: given twice", path))
		}
		cfg.Paths[i] = abs
	}
	return cfg, errors.Join(errs...)
}

func (c *Config) check(poll time.Duration) (errs []error) {
	if runtime.GOOS != "linux" {
		errs = append(errs, fmt.Errorf("nxtail: %w on %s", errors.ErrUnsupported, runtime.GOOS))
	}
	if len(c.Paths) == 0 {
		errs = append(errs, errors.New("nxtail: Paths: none given"))
	}
	if c.MaxLine < 0 || c.MaxLine > maxMaxLine {
		errs = append(errs, fmt.Errorf("nxtail: MaxLine: %d is not between 0 and %d", c.MaxLine, maxMaxLine))
	}
	if poll <= 0 {
		errs = append(errs, fmt.Errorf("nxtail: watch.POLL_DURATION: %v is no interval", poll))
	}
	if c.RotateWait != 0 && c.RotateWait < minPolls*poll {
		errs = append(errs, fmt.Errorf("nxtail: RotateWait: %v is less than %v", c.RotateWait, minPolls*poll))
	}
	if c.From != Start && c.From != End {
		errs = append(errs, fmt.Errorf("nxtail: From: %d is neither Start nor End", c.From))
	}
	return errs
}

func (c *Config) setDefaults(poll time.Duration) {
	if c.MaxLine == 0 {
		c.MaxLine = 1 << 20
	}
	if c.RotateWait == 0 {
		c.RotateWait = max(5*time.Second, minPolls*poll)
	}
	if c.Labels == nil {
		c.Labels = filename
	}
}

// filename is the default of Config.Labels. Paths are bytes, labels are text.
func filename(path string) batch.Labels {
	return batch.MustLabels("filename", strings.ToValidUTF8(path, "\uFFFD"))
}
