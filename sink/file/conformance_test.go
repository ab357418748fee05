package file

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/sink/sinktest"
)

// jsonLine is what a line of the format JSON says.
type jsonLine struct {
	Time   time.Time         `json:"time"`
	Line   string            `json:"line"`
	Base64 []byte            `json:"base64"`
	Labels map[string]string `json:"labels"`
	Attrs  map[string]string `json:"attrs"`
}

func (j jsonLine) entry(t testing.TB) batch.Entry {
	e := batch.Entry{Time: j.Time, Line: []byte(j.Line)}
	if j.Base64 != nil {
		e.Line = j.Base64
	}
	l, err := batch.NewLabels(j.Labels)
	if err != nil {
		t.Error(err)
	}
	e.Labels = l
	for _, key := range []string{"trace", "round"} { // in the order of the kit
		if v, ok := j.Attrs[key]; ok {
			e.Attrs = append(e.Attrs, batch.Attr{Key: key, Value: v})
		}
	}
	return e
}

// readLines returns the lines of all files below dir, log by log and the oldest generation first. All must end in a
// newline.
func readLines(t testing.TB, dir string) (lines []string) {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(inOrder(a), inOrder(b)) })
	for _, path := range paths {
		lines = append(lines, readFile(t, path)...)
	}
	return lines
}

// inOrder is a key by which a log comes behind its generations.
func inOrder(path string) string {
	if strings.HasSuffix(path, ".log") {
		return path + ".9"
	}
	return path
}

// readFile returns the lines of a file.
func readFile(t testing.TB, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutSuffix(string(data), "\n")
	if !ok {
		if text != "" {
			t.Errorf("%s ends with %q", path, text[max(0, len(text)-20):])
		}
		return nil
	}
	return strings.Split(text, "\n")
}

func TestConformance(t *testing.T) {
	for name, cfg := range map[string]Config{
		"raw":      {Path: "all.log"},
		"by label": {Path: "{app}/x.log", MaxOpen: 1},
		"by batch": {Path: "{app}/{hour}.log", Sync: SyncBatch, Rotate: Rotate{Bytes: 500}},
	} {
		t.Run(name, func(t *testing.T) { conforms(t, cfg, rawEntries, storedRaw) })
	}
	t.Run("json", func(t *testing.T) { conforms(t, Config{Path: "all.log", Format: JSON}, jsonEntries, storedJSON) })
}

func rawEntries(t testing.TB, lines []string) (entries []batch.Entry) {
	for _, line := range lines {
		entries = append(entries, batch.Entry{Line: []byte(line)})
	}
	return entries
}

func storedRaw(e *batch.Entry) {
	e.Line = []byte(strings.ReplaceAll(string(e.Line), "\n", `\n`))
}

func jsonEntries(t testing.TB, lines []string) (entries []batch.Entry) {
	for _, line := range lines {
		var j jsonLine
		if err := json.Unmarshal([]byte(line), &j); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		entries = append(entries, j.entry(t))
	}
	return entries
}

func storedJSON(e *batch.Entry) { e.Time = e.Time.UTC() }

func conforms(t *testing.T, cfg Config, parse func(testing.TB, []string) []batch.Entry, stored func(*batch.Entry)) {
	sinktest.Run(t, func(t testing.TB) sinktest.Target {
		cfg := cfg
		dir := t.TempDir()
		cfg.Path = dir + "/" + cfg.Path
		cfg.Location = time.UTC
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		d := &faultDisk{disk: s.disk}
		s.disk = d
		return sinktest.Target{
			Sink:      s,
			Delivered: func() []batch.Entry { return parse(t, readLines(t, dir)) },
			Stored:    stored,
			Break: func() func() {
				d.breakAll(true)
				return func() { d.breakAll(false) }
			},
		}
	})
}
