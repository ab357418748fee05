package tail

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A generation is what distinguishes the name of a rotated log from that of the
// log itself: a number, or a date, or a word.
type generation struct {
	text string // without what separates it
	num  uint64 // the number, if that is all it is
	form generationForm
}

type generationForm int

const (
	noGeneration generationForm = iota
	counted                     // 1, 2, 3: the largest is the oldest
	dated                       // 20060102-1504: the largest is the newest
	worded                      // old
	present                     // the log itself, which is newer than all of those
)

// generationWords are generations that are neither counted nor dated.
var generationWords = []string{"old", "bak", "prev", "previous", "last", "rotated", "archive", "save"}

// separators stand between the name of a log and the generation.
const separators = ".-_"

// minDate is how many digits at the least make a number a date.
const minDate = 6

// generationOf returns which generation of the log at name the file at path is
// by its name, the same folder being taken for granted: noGeneration if it is
// none. It knows what logrotate (number, dateext, extension), the usual logging
// libraries and the kubelet make of app.log: app.log.1, app.log-20060102,
// app.1.log, app-2006-01-02T15-04-05.log, app.log.old.
//
// Caution is due, since a file that is taken for a generation is read though no
// pattern names it: app-2.log and app-errors.log are logs of their own.
func generationOf(path, name string) generation {
	file, log := filepath.Base(path), filepath.Base(name)
	if rest, ok := strings.CutPrefix(file, log); ok {
		return parseGeneration(rest)
	}
	ext := filepath.Ext(log)
	rest, ok := strings.CutPrefix(file, strings.TrimSuffix(log, ext))
	if !ok || ext == "" {
		return generation{}
	}
	if rest, ok = strings.CutSuffix(rest, ext); !ok {
		return generation{}
	}
	return parseGeneration(rest)
}

// logsOf are the paths of the logs of which the file at path may be a
// generation, by its name.
func logsOf(path string) (logs []string) {
	dir, file := filepath.Split(path)
	ext := filepath.Ext(file)
	for i := 1; i < len(file); i++ {
		if !strings.ContainsRune(separators, rune(file[i])) {
			continue
		}
		if parseGeneration(file[i:]).form != noGeneration {
			logs = append(logs, dir+file[:i])
		}
		if end := len(file) - len(ext); i < end && parseGeneration(file[i:end]).form != noGeneration {
			logs = append(logs, dir+file[:i]+ext)
		}
	}
	return logs
}

// parseGeneration reads what stands behind the name of a log.
func parseGeneration(rest string) generation {
	if len(rest) < 2 || !strings.ContainsRune(separators, rune(rest[0])) {
		return generation{}
	}
	text := rest[1:]
	if slices.Contains(generationWords, text) {
		return generation{text: text, form: worded}
	}
	digits := 0
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case !strings.ContainsRune(".-_:T+Z", c):
			return generation{}
		}
	}
	if digits < minDate {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || rest[0] != '.' {
			return generation{}
		}
		return generation{text: text, num: n, form: counted}
	}
	return generation{text: text, form: dated}
}

// compare says by their names which of two generations of one log is the newer:
// it is positive if that is g. ok is false if names cannot tell.
func (g generation) compare(of generation) (c int, ok bool) {
	switch {
	case g.form == noGeneration || of.form == noGeneration:
		return 0, false
	case g.form == present || of.form == present:
		return cmp.Compare(g.form, of.form), true
	case g.form != of.form:
		return 0, false
	case g.form == counted:
		return cmp.Compare(of.num, g.num), true
	case g.form == dated && len(g.text) == len(of.text):
		return strings.Compare(g.text, of.text), true
	}
	return 0, false
}
