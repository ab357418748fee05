package file

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"syscall"
	"time"
)

// What generations are called, behind the path of their log: source/tail and others know it for a date.
const (
	stampLayout = ".20060102T150405.000"
	suffixGzip  = ".gz"
	suffixZstd  = ".zst"
	suffixTemp  = ".tmp" // being compressed
)

// An item is a file that this Sink could have written, or an earlier one with the same Path.
type item struct {
	name    string
	log     string // the path it was written at
	current string // the path that its log has at the time of the survey: differs if a time in it is over
	family  string // the same for all times
	rotated bool   // it is a generation
	packed  bool   // of which the original may still be there
	temp    bool
	size    int64
	changed time.Time

	generation string // name without what compression adds
}

// over reports whether the path of the item's log has moved on.
func (i *item) over() bool { return i.log != i.current }

// A survey finds all items.
type survey struct {
	sink  *Sink
	now   time.Time
	items []item
	errs  []error
}

var generationPattern = regexp.MustCompile(`^(.+?)(\.\d{8}T\d{6}\.\d{3})?(\.gz|\.zst)?(\.tmp)?$`)

// place is a folder, or a log, in the three ways that an item has it.
type place struct{ name, current, family string }

func (p place) join(q place) place {
	return place{path.Join(p.name, q.name), path.Join(p.current, q.current), path.Join(p.family, q.family)}
}

// take looks at the folder at, whose contents are named by the component depth.
func (v *survey) take(ctx context.Context, at place, depth int) {
	components := v.sink.rules.path.components
	c, last := &components[depth], depth == len(components)-1
	if c.match == nil && !last {
		text := place{c.text(), c.text(), c.text()}
		v.take(ctx, at.join(text), depth+1)
		return
	}
	names, err := v.sink.disk.list(path.Join(".", at.name))
	v.note(at.name, err)
	for _, name := range names {
		switch {
		case ctx.Err() != nil:
			return
		case last:
			v.file(c, at, name)
		default:
			if below, ok := v.match(c, name); ok {
				v.take(ctx, at.join(below), depth+1)
			}
		}
	}
}

// note keeps an error, unless it says that there is no such folder.
func (v *survey) note(name string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		v.errs = append(v.errs, v.sink.fault(name, err))
	}
}

// file adds what name stands for, if it is ours.
func (v *survey) file(c *component, at place, name string) {
	m := generationPattern.FindStringSubmatch(name)
	if m == nil {
		return
	}
	i := item{rotated: m[2] != "", packed: m[3] != "", temp: m[4] != ""}
	if i.packed && !i.rotated || i.temp && !i.packed {
		return
	}
	log, ok := v.match(c, m[1])
	if !ok {
		return
	}
	log = at.join(log)
	i.name, i.log, i.current, i.family = path.Join(at.name, name), log.name, log.current, log.family
	i.generation = log.name + m[2]
	info, err := v.sink.disk.lstat(i.name)
	v.note(i.name, err)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	i.size, i.changed = info.Size(), info.ModTime()
	v.items = append(v.items, i)
}

// match takes a name apart into what a component makes it of.
func (v *survey) match(c *component, name string) (place, bool) {
	if c.match == nil {
		return place{name, name, name}, name == c.text()
	}
	m := c.match.FindStringSubmatch(name)
	if m == nil {
		return place{}, false
	}
	now := v.now.In(v.sink.rules.path.loc)
	p := place{name: name}
	group := 0
	for _, piece := range c.pieces {
		current, family := piece.Text, piece.Text
		if piece.Verb != "" {
			group++
			current, family = m[group], m[group]
		}
		if field, isTime := timeFields[piece.Verb]; isTime {
			current, family = now.Format(field.layout), "*"
		}
		p.current += current
		p.family += family
	}
	return p, true
}

// text is the name of a component without placeholders.
func (c *component) text() string {
	text := ""
	for _, p := range c.pieces {
		text += p.Text
	}
	return text
}
