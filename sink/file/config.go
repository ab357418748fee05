package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"time"
)

// A Config says which files to write, and how. Only Path is required; the zero of every other field is a default. New
// copies what it needs, and its error names each field that makes no sense.
type Config struct {
	// Path names the file of an entry by its labels and its time:
	//
	//	/var/log/shop/all.log             one file for everything
	//	/var/log/shop/{app}/{date}.log    one for each value of the label app, and each day
	//
	// A placeholder is the name of a label, or one of date (2006-01-02), year, month, day, hour and minute, which are
	// those of the entry's Time; {label:date} is the label of such a name, and any other word is a label, {label} too.
	// {{ and }} stand for braces. The folder before the first placeholder is the root: it is made if it is missing, and
	// no file is ever written outside of it, whatever a label holds and wherever symbolic links lead. Path ends in text
	// such as .log.
	//
	// What a name cannot hold is escaped in values as it is in a URL, as %2F is a slash: what is reserved on any system,
	// what cannot be seen, and a dot, space or dash at the beginning or the end. On Windows and macOS capitals and what is not
	// ASCII are escaped, too, so that no two values share a file. A value too long for a name is cut, with a hash of it in
	// place of the rest. "_" stands for a label that an entry does not have.
	Path string

	// Format says how an entry becomes a line: Raw by default.
	Format Format
	// Template takes the place of Format: text with {line}, {time} (RFC 3339, or {time:15:04:05} for any layout of package
	// time), {attr:trace_id}, {attrs} as a JSON object, {labels} as Loki writes them, and labels by name. Newlines within
	// values are escaped as in Raw.
	Template string
	// Location is that of all times, in paths, lines and Rotate: time.Local by default.
	Location *time.Location

	// Rotate says when a file is closed and a new one begun.
	Rotate Rotate
	// Compress is what is made of a file that was rotated, in the background: nothing by default.
	Compress Compression
	// Keep bounds the files that were rotated: by default, all are kept.
	Keep Keep

	// Sync says when lines are made to survive a loss of power; once they are written they survive the end of the
	// process. SyncEvery by default.
	Sync SyncPolicy
	// SyncInterval is for SyncEvery: 1 s by default, and no less than a millisecond.
	SyncInterval time.Duration

	// MaxOpen bounds the files that are open at the same time: 256 by default. Each Write that is under way may exceed it by
	// one. Beyond it the file that was not used for the longest time is closed.
	MaxOpen int
	// Mode is that of new files, whatever the umask: 0640 by default.
	Mode fs.FileMode
	// FolderMode is that of new folders, less the umask: 0750 by default.
	FolderMode fs.FileMode
	// Owner is that of new files; nil: whoever runs the process. Changing it takes privileges, and is refused by New on
	// Windows, which has no such thing.
	Owner *Owner
}

// Rotate says when a file is closed and renamed to what is called a generation of it, app.log.20060102T150405.000 with
// the time in UTC, and a new one begun. An empty file is left alone.
type Rotate struct {
	// Bytes is how large a file may grow; a single line that is longer has a file to itself. Zero: 100 MiB. Negative: any
	// size.
	Bytes int64
	// Every begins a new file after so much time, counted from midnight: an hour means on the hour. More than a day must
	// be whole days. It counts when a file was last written to, so that it does not matter how often the process is
	// started meanwhile. Zero: never.
	Every time.Duration
	// At lists times of day, such as "03:30", at which a new file is begun.
	At []string
}

// Keep bounds what rotation leaves behind. The file that is being written is never removed. Zero: no bound. It is
// applied to all that Path could have named, whichever process wrote it.
type Keep struct {
	// Files is how many rotated files are kept of each log.
	Files int
	// Age is how long a rotated file is kept after it was last written to.
	Age time.Duration
	// Bytes bounds the size of all files of all logs together, compressed as they are; the oldest are removed first.
	Bytes int64
}

// Owner is a user and a group by number; -1 leaves one as it is.
type Owner struct{ UID, GID int }

// Compression is how rotated files are compressed.
type Compression int

const (
	// NoCompression leaves them as they are.
	NoCompression Compression = iota
	// Gzip makes .gz of them.
	Gzip
	// Zstd makes .zst of them, which is faster and smaller.
	Zstd
)

// SyncPolicy is when files are flushed to the medium, by fsync.
type SyncPolicy int

const (
	// SyncEvery flushes in the background, every SyncInterval, and when a file is closed.
	SyncEvery SyncPolicy = iota
	// SyncBatch flushes before a Write returns nil. Writes that are under way at the same time share the flush.
	SyncBatch
	// SyncNever leaves it to the operating system.
	SyncNever
)

const (
	defaultBytes        = 100 << 20
	defaultSyncInterval = time.Second
	defaultMaxOpen      = 256
	defaultMode         = 0o640
	defaultFolderMode   = 0o750
)

func (c Config) withDefaults() Config {
	if c.Rotate.Bytes == 0 {
		c.Rotate.Bytes = defaultBytes
	}
	if c.SyncInterval == 0 {
		c.SyncInterval = defaultSyncInterval
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = defaultMaxOpen
	}
	if c.Mode == 0 {
		c.Mode = defaultMode
	}
	if c.FolderMode == 0 {
		c.FolderMode = defaultFolderMode
	}
	if c.Location == nil {
		c.Location = time.Local
	}
	return c
}

// rules are what a Config is compiled to.
type rules struct {
	root     string
	path     *pathRule
	line     *lineRule
	calendar calendar
}

// validate checks c, which has its defaults, and compiles it.
func (c Config) validate() (rules, error) {
	var errs []error
	bad := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("file: Config.%s: %w", field, err))
		}
	}
	r := rules{line: &lineRule{format: c.Format, loc: c.Location}}
	var err error
	r.root, r.path, err = c.pathRule()
	bad("Path", err)
	bad("Format", validFormat(c.Format))
	if c.Template != "" {
		r.line, err = newTemplate(c.Template, c.Location)
		bad("Template", err)
		if c.Format != Raw {
			bad("Format", errors.New("given beside Template: want one of them"))
		}
	}
	r.calendar = calendar{every: c.Rotate.Every, loc: c.Location}
	bad("Rotate.Every", checkEvery(c.Rotate.Every))
	for _, clock := range c.Rotate.At {
		at, err := parseAt(clock)
		if err != nil {
			err = fmt.Errorf("%q: %w", clock, err)
		}
		bad("Rotate.At", err)
		r.calendar.at = append(r.calendar.at, at)
	}
	for _, n := range []struct {
		field string
		value int64
	}{{"Keep.Files", int64(c.Keep.Files)}, {"Keep.Age", int64(c.Keep.Age)}, {"Keep.Bytes", c.Keep.Bytes},
		{"SyncInterval", int64(c.SyncInterval)}, {"MaxOpen", int64(c.MaxOpen)}} {
		if n.value < 0 {
			bad(n.field, errors.New("negative"))
		}
	}
	if c.SyncInterval > 0 && c.SyncInterval < time.Millisecond {
		bad("SyncInterval", fmt.Errorf("%v is less than a millisecond; SyncBatch does not wait at all", c.SyncInterval))
	}
	if c.Compress < NoCompression || c.Compress > Zstd {
		bad("Compress", errors.New(strconv.Itoa(int(c.Compress))+" is none"))
	}
	if c.Sync < SyncEvery || c.Sync > SyncNever {
		bad("Sync", errors.New(strconv.Itoa(int(c.Sync))+" is none"))
	}
	bad("Mode", checkMode(c.Mode, 0o200))
	bad("Owner", checkOwner(c.Owner, runtime.GOOS))
	bad("FolderMode", checkMode(c.FolderMode, 0o300))
	return r, errors.Join(errs...)
}

func (c Config) pathRule() (root string, rule *pathRule, err error) {
	if c.Path == "" {
		return "", nil, errors.New("missing")
	}
	root, rest, err := splitRoot(c.Path)
	if err != nil {
		return "", nil, err
	}
	rule, err = newPathRule(rest, namesOf(runtime.GOOS), c.Location)
	return root, rule, err
}

// namesOf returns how names are made on a system: those whose file systems usually take capitals for small letters, or
// one way to write an accent for another, have fewer of them.
func namesOf(goos string) nameRule {
	return nameRule{fold: goos == "windows" || goos == "darwin" || goos == "ios"}
}

// checkOwner refuses what no file can be given: then none would be written.
func checkOwner(o *Owner, goos string) error {
	switch {
	case o == nil:
		return nil
	case goos == "windows":
		return errors.New("there is no such thing on Windows")
	case o.UID < -1 || o.GID < -1:
		return fmt.Errorf("%d and %d: want numbers of a user and a group, or -1", o.UID, o.GID)
	}
	return nil
}

// checkMode refuses what would lock us out.
func checkMode(mode, need fs.FileMode) error {
	switch {
	case mode&^fs.ModePerm != 0:
		return errors.New("has more than permissions")
	case mode&need != need && os.Geteuid() != 0:
		return fmt.Errorf("%v: want at least %v for the owner", mode, need)
	}
	return nil
}
