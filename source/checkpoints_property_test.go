package source

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ckptModel is what a reader of the documentation would keep to predict a store.
type ckptModel struct {
	now     map[string]string   // what All yields
	maybe   []map[string]string // what failed Saves since the last good one may have left on the medium
	history []map[string]string // every state there ever was, or may have been
	damaged bool                // the file is, until the next good Save
}

func (m *ckptModel) save(set map[string]string, drop []string, err error) {
	next := maps.Clone(m.now)
	applyCursors(next, set, drop)
	m.history = append(m.history, next)
	if err != nil {
		m.maybe = append(m.maybe, next)
		return
	}
	if len(set) > 0 || len(drop) > 0 { // else nothing is written
		m.maybe, m.damaged = nil, false
	}
	m.now = next
}

// reopened checks what a store yields that was opened after nothing worse than a crash.
func (m *ckptModel) reopened(got map[string]string) bool {
	ok := oneOf(got, append(m.maybe, m.now))
	m.now, m.maybe = got, nil
	return ok
}

// TestCheckpointsProperties saves, fails, crashes, reopens, flips bits and cuts, at random, against the model.
func TestCheckpointsProperties(t *testing.T) {
	rounds, seed := 12, uint64(time.Now().UnixNano())
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		if seed := seed + uint64(round); !t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { ckptRound(t, seed) }) {
			return
		}
	}
}

func ckptRound(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	disk := newCkptDisk()
	path := filepath.Join(t.TempDir(), "cursors")
	f := mustOpenCheckpoints(t, path, disk)
	model := &ckptModel{now: map[string]string{}}
	model.history = append(model.history, model.now)
	reopen := func(image map[string][]byte) error {
		f.Close()
		disk.fail = nil
		path = filepath.Join(ckptFolder(t, image), "cursors")
		disk = newCkptDiskAt(t, filepath.Dir(path))
		var err error
		f, err = openFileCheckpoints(path, disk)
		return err
	}
	for range 120 {
		switch p := r.IntN(100); {
		case p < 70:
			set, drop := someChange(r)
			disk.fail = nil
			if r.IntN(3) == 0 {
				disk.fail = func(_ int, op string) error {
					if r.IntN(4) == 0 {
						return stepFault(op)
					}
					return nil
				}
			}
			model.save(set, drop, f.Save(t.Context(), set, drop))
			wantCursors(t, f, model.now)
		case p < 90: // a crash, or an orderly end
			image := disk.someImage(r)
			if err := reopen(image); err != nil {
				t.Fatal(err)
			}
			if got := cursorsOf(t, f); !model.reopened(got) || f.Recovered() != nil && !model.damaged {
				t.Fatalf("after a crash: opens with %s, %v", describeCursors(got), f.Recovered())
			}
		default: // a crash, and the medium has suffered
			image := disk.killed()
			hurt(r, image)
			if err := reopen(image); err != nil {
				if !errors.Is(err, ErrCheckpointsDamaged) || !strings.Contains(err.Error(), path) {
					t.Fatal(err)
				}
				return // it says so, and asks for help
			}
			got := cursorsOf(t, f)
			if !oneOf(got, model.history) {
				t.Fatalf("after damage: opens with %s, which never was; recovered: %v", describeCursors(got), f.Recovered())
			}
			if f.Recovered() != nil {
				model.damaged = true
				wantKept(t, path, image)
			}
			model.reopened(got)
		}
	}
	f.Close()
}

// wantKept checks that the damaged file is still there for those who want to know.
func wantKept(t *testing.T, path string, image map[string][]byte) {
	t.Helper()
	for name, data := range image {
		if filepath.Base(name) != filepath.Base(path) {
			continue
		}
		if kept, err := os.ReadFile(path + damagedSuffix); err != nil || string(kept) != string(data) {
			t.Fatalf("the damaged file was not kept: %v", err)
		}
	}
}

// someChange returns what to save: little, at times enough to call for a new generation, at times nothing.
func someChange(r *rand.Rand) (set map[string]string, drop []string) {
	set = make(map[string]string)
	for range r.IntN(4) {
		cursor := fmt.Sprint(r.IntN(1000))
		if r.IntN(6) == 0 {
			cursor = strings.Repeat(cursor+"\xff", r.IntN(minDeltas/4))
		}
		set[fmt.Sprint("stream", r.IntN(6))] = cursor
	}
	for range r.IntN(3) {
		drop = append(drop, fmt.Sprint("stream", r.IntN(6)))
	}
	return set, drop
}

// hurt damages the file, its previous generation or both, or removes the file.
func hurt(r *rand.Rand, image map[string][]byte) {
	for name, data := range image {
		if r.IntN(2) == 0 {
			continue
		}
		data = append([]byte(nil), data...)
		switch at := r.IntN(len(data) + 1); r.IntN(5) {
		case 0:
			data = data[:at]
		case 1:
			clear(data[at:])
		case 2:
			for ; at < len(data) && r.IntN(10) > 0; at++ {
				data[at] = byte(r.Int())
			}
		case 3:
			if filepath.Ext(name) == prevSuffix {
				break
			}
			delete(image, name)
			continue
		default:
			if at < len(data) {
				data[at] ^= 1 << r.IntN(8)
			}
		}
		image[name] = data
	}
}
