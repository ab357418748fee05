package tail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/text/encoding"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/source/record"
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

// Config says what to follow and how. Only Paths is required.
type Config struct {
	// Paths are files, or patterns in the syntax of doublestar (*, ?, [a-z],
	// {a,b}, and ** for any number of folders). Relative ones are resolved
	// when New is called. A plain path that does not exist yet is waited for.
	// A backslash quotes a character that has a meaning in patterns, except on
	// Windows.
	Paths []string
	// Exclude leaves out files that match one of these patterns, which are
	// held against the absolute path, or against the last part of it if they
	// contain no slash.
	Exclude []string
	// From is where reading begins in files that are there when Run first
	// looks and have no cursor: Start by default.
	From From
	// Accept reports whether a file that was found at path, which is absolute, is
	// followed: all are by default. It is called from Run, and again at each look
	// for as long as it says no, so that a file can wait until it is known whose it
	// is; [Source.Reconsider] is quicker. A file that waits is not opened, costs an
	// entry of a listing, and does not count for MaxFiles. If it has a cursor, that
	// is kept as long as the file is there. Of what is at a path that is followed,
	// and of the generations of that, Accept is not asked again.
	Accept func(path string) bool
	// Rotated has the generations of a log read too that were rotated away before
	// it was found, the oldest first, and before the log itself. They are known by
	// their names, and compressed ones, with .gz or .zst behind that, are among them.
	// It has no meaning with Once, and leaves out generations of what From leaves out.
	Rotated bool
	// Labels names the stream of a file that is seen for the first time at
	// path, which is absolute. It is called from Run, and again after a
	// restart, with the same path even if the file was renamed meanwhile. The
	// default is {filename="<path>"}.
	Labels func(path string) batch.Labels
	// Attrs returns attributes of each entry of a file. It is called when Labels
	// is, with the same path; what it returns is kept, and must not be changed
	// afterwards.
	Attrs func(path string) []batch.Attr
	// Once reads every file to its end, a last line without newline included,
	// waits until everything was delivered, and then lets Run return nil. A
	// plain path must exist when New is called. What turns out later not to be
	// readable is left out: it is logged as an error, and Stats shows it as
	// Failed after Run too.
	Once bool
	// MaxLine is the longest line delivered whole, in bytes without its line
	// end: 1 MiB by default, 1 GiB at most. Of a longer one the first MaxLine bytes are
	// delivered, with the attribute truncated="true", and the rest is skipped.
	// What Encoding, Format or Multiline makes of lines is measured as it is
	// delivered, and not cut within a character.
	MaxLine int
	// Poll is how often a busy file is looked at: 250 ms by default. Events of
	// the operating system usually come first.
	Poll time.Duration
	// IdlePoll is how often, at the least, a file is looked at that has not
	// changed for long: 10 s by default.
	IdlePoll time.Duration
	// RotateWait is how long a file that was renamed or deleted must stay
	// unchanged before it is taken for finished: 5 s by default. Until then
	// its writer may go on, and its last line may lack a newline.
	RotateWait time.Duration
	// MaxOpen bounds the files kept open that could be opened again: by default
	// 512, or a quarter of the limit on descriptors (the soft RLIMIT_NOFILE,
	// except on Windows) if that is less. Beyond it come one for each of
	// Readers, a few for moments, and renamed and deleted files, which are kept
	// open until they have been delivered. On macOS and the BSDs, events take a
	// descriptor for each file in the folders watched: see NoWatch.
	MaxOpen int
	// MaxFiles bounds the files followed at the same time: 65,536 by default. What
	// is found beyond is left out until others are gone, which is logged.
	MaxFiles int
	// IgnoreOlder leaves out files that have no cursor and were not changed for
	// so long when they are found; 0, the default, none. One that is changed
	// later is a new file then, and is read from its start.
	IgnoreOlder time.Duration
	// MaxRate bounds what is read, in bytes per second over all files: 0, the
	// default, does not. It is an average: single reads are let through whole.
	MaxRate int
	// MaxUnpacked bounds what a compressed file may hold, in bytes: 64 GiB by
	// default. See the package's documentation.
	MaxUnpacked int64
	// Readers is how many files are read at the same time: 2 by default. A
	// reader that waits for a route keeps the others waiting once all do.
	Readers int
	// NoWatch leaves out the operating system's events and finds everything by
	// polling, as is needed for network file systems.
	NoWatch bool
	// KeepCR keeps the carriage return of lines that end in CRLF.
	KeepCR bool
	// Encoding is what files are written in, unless they begin with the byte
	// order mark of UTF-16, which always counts. Nil means UTF-8: bytes are
	// delivered as they are, without a byte order mark at the beginning of the
	// file. Of every other encoding, what is invalid is delivered as U+FFFD. It
	// must write a line end as one unit of 1, 2 or 4 bytes that is part of no
	// other character, as all of golang.org/x/text do, and begin each line anew:
	// one that shifts, as ISO-2022-JP, must have shifted back at a line's end.
	Encoding encoding.Encoding
	// Format is what each line is wrapped in: nothing by default. Entries have
	// the time and the text of what is inside, the pieces of a long line are
	// joined, and the attribute stream says "stdout" or "stderr". A line that
	// is not in the format, or longer than twice MaxLine and 1 MiB, is
	// delivered as it is, with the attribute malformed="docker-json" or "cri".
	Format record.Format
	// Output selects one of the outputs that Format tells of, [record.Stdout] or
	// [record.Stderr]. Lines of the other one are left out, lines that do not say
	// are not. Both are read by default.
	Output record.Stream
	// Multiline says which lines make one entry: each its own by default.
	Multiline Multiline
	// AddPath gives each entry the attribute path: where its file was first
	// seen, as Labels is told.
	AddPath bool
	// AddOffset gives each entry the attribute offset: how many bytes of the
	// file come before it, as a decimal number. It costs an allocation per
	// entry.
	AddOffset bool
}

// Multiline says which lines make one entry. The zero value joins none, apart
// from what Config.Format joins. An entry is delivered as it is, too, when its
// file is finished, and when 1 MiB of the file or twice MaxLine follows it, as
// it may in a container that writes to its other output.
type Multiline = record.Multiline

const (
	// maxOpen is the largest default of Config.MaxOpen.
	maxOpen = 512
	// maxMaxLine is the largest Config.MaxLine: as much memory may be taken.
	maxMaxLine = 1 << 30
	// maxFiles is the default of Config.MaxFiles: about 200 MB.
	maxFiles = 1 << 16
)

func (c *Config) setDefaults() {
	setDefault(&c.MaxLine, 1<<20)
	setDefault(&c.Poll, 250*time.Millisecond)
	setDefault(&c.IdlePoll, 10*time.Second)
	setDefault(&c.RotateWait, 5*time.Second)
	setDefault(&c.MaxOpen, defaultMaxOpen())
	setDefault(&c.MaxFiles, maxFiles)
	setDefault(&c.MaxUnpacked, maxUnpacked)
	setDefault(&c.Readers, 2)
	setDefault(&c.Multiline.MaxLines, 1000)
	setDefault(&c.Multiline.Timeout, time.Second)
	c.IdlePoll = max(c.IdlePoll, c.Poll)
	if c.Labels == nil {
		c.Labels = filename
	}
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// filename is the default of Config.Labels. Paths are bytes, labels are text.
func filename(path string) batch.Labels {
	return batch.MustLabels("filename", strings.ToValidUTF8(path, "\uFFFD"))
}

// A plan is a Config made ready.
type plan struct {
	Config
	patterns []pattern
	exclude  []string
	// contentOf is how the bytes of an open file are read: a seam for tests.
	contentOf func(*os.File) io.ReaderAt
	// check, if set, looks at the scanner after each tick: another.
	check func(*scanner)
}

// prepare checks every field of cfg and everything cfg names.
func prepare(cfg Config) (*plan, error) {
	p := &plan{Config: cfg, contentOf: func(f *os.File) io.ReaderAt { return f }}
	errs := p.checkNumbers()
	p.setDefaults()
	if len(cfg.Paths) == 0 {
		errs = append(errs, errors.New("tail: Paths: none given"))
	}
	for _, text := range cfg.Paths {
		pat, err := parsePattern(text)
		if err == nil && pat.glob == "" {
			err = p.checkFile(pat.path)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("tail: Paths: %q: %w", text, plain(err)))
			continue
		}
		p.patterns = append(p.patterns, pat)
	}
	for _, text := range cfg.Exclude {
		x, err := parseExclude(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("tail: Exclude: %q: %w", text, err))
			continue
		}
		p.exclude = append(p.exclude, x)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

func (p *plan) checkNumbers() (errs []error) {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"MaxLine", int64(p.MaxLine)}, {"MaxOpen", int64(p.MaxOpen)}, {"MaxFiles", int64(p.MaxFiles)},
		{"MaxRate", int64(p.MaxRate)}, {"MaxUnpacked", p.MaxUnpacked}, {"Readers", int64(p.Readers)},
		{"Multiline.MaxLines", int64(p.Multiline.MaxLines)},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("tail: %s: %d is negative", f.name, f.value))
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"Poll", p.Poll}, {"IdlePoll", p.IdlePoll}, {"RotateWait", p.RotateWait}, {"IgnoreOlder", p.IgnoreOlder},
		{"Multiline.Timeout", p.Multiline.Timeout},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("tail: %s: %v is negative", f.name, f.value))
		}
	}
	if p.MaxLine > maxMaxLine {
		errs = append(errs, fmt.Errorf("tail: MaxLine: %d is more than %d", p.MaxLine, maxMaxLine))
	}
	if p.From != Start && p.From != End {
		errs = append(errs, fmt.Errorf("tail: From: %d is neither Start nor End", p.From))
	}
	if !p.Format.Valid() {
		errs = append(errs, fmt.Errorf("tail: Format: %v is none of package record", p.Format))
	}
	if p.Rotated && p.Once {
		errs = append(errs, errors.New("tail: Rotated: it has no meaning with Once"))
	}
	if p.Output != record.None && p.Format == record.Plain {
		errs = append(errs, errors.New("tail: Output: it has no meaning without a Format"))
	} else if p.Output > record.Stderr {
		errs = append(errs, fmt.Errorf("tail: Output: %d is none of package record", p.Output))
	}
	if _, err := newline(p.Encoding); err != nil {
		errs = append(errs, fmt.Errorf("tail: Encoding: %w", err))
	}
	if p.Multiline.MaxLines > 0 && p.Multiline.Rule.IsZero() {
		errs = append(errs, errors.New("tail: Multiline: MaxLines has no meaning without a Rule"))
	}
	return errs
}

// checkFile says why the file at path cannot be read. One that is missing can
// still appear, unless the source runs once.
func (p *plan) checkFile(path string) error {
	fi, err := statPath(path)
	if errors.Is(err, fs.ErrNotExist) && !p.Once {
		return nil
	}
	if err != nil {
		return err
	}
	if !fi.mode.IsRegular() {
		return errNotRegular
	}
	f, err := openPath(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// plain leaves out what a PathError says about the operation and the path: the
// caller names the path as it was given.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// wanted reports whether a file at path is to be followed.
func (p *plan) wanted(path string) bool {
	if excluded(p.exclude, path) {
		return false
	}
	for i := range p.patterns {
		if p.patterns[i].matches(path) {
			return true
		}
	}
	return false
}
