package batch

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

func TestMemoryIsWhatIsHeld(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for _, p := range []*Pool{nil, new(Pool), {MaxKeep: 3000}} {
		for range 50 {
			b := New(p, Labels{})
			runs := map[*Attr]int{} // capacity of each run of attributes, by its first element
			strings := 0
			for range r.IntN(300) {
				attrs := make([]Attr, r.IntN(5))
				for i := range attrs {
					attrs[i] = Attr{"key", "value"}
					strings += 8
				}
				switch r.IntN(4) {
				case 0:
					b.AppendShared(time.Time{}, b.Buffer(r.IntN(3000)), attrs...)
				case 1:
					b.AppendShared(time.Time{}, []byte("static"), attrs...)
				default:
					b.Append(time.Time{}, make([]byte, r.IntN(100)), attrs...)
				}
				if len(b.attrs) > 0 {
					runs[unsafe.SliceData(b.attrs)] = cap(b.attrs)
				}
			}
			want := strings
			for _, k := range b.arena.blocks {
				want += cap(k.b)
			}
			for h := b.headers; h != nil; h = h.older {
				want += cap(h.e) * HeaderBytes
			}
			for _, n := range runs {
				want += n * attrBytes
			}
			if got := b.Memory(); got != want {
				t.Fatalf("seed %d: Memory = %d, held are %d", seed, got, want)
			}
			before := b.Memory()
			b.Retain(0)
			if b.headers != nil && b.headers.older != nil || b.Memory() > before {
				t.Fatalf("seed %d: a shared batch keeps what it has outgrown", seed)
			}
			b.Settle(nil)
			if b.Memory() != 0 {
				t.Fatalf("seed %d: after the end it holds %d", seed, b.Memory())
			}
		}
	}
}

// A thousand files with one short line each must not look like a thousand full
// buffers, nor be that.
func TestSmallBatchIsSmall(t *testing.T) {
	b := New(new(Pool), Labels{})
	b.Append(time.Time{}, []byte("one short line"))
	if m := b.Memory(); m > 2000 {
		t.Errorf("one line of 14 bytes takes %d", m)
	}
	b.Settle(nil)
}

// Entries that a processor put there by hand are counted as well.
func TestMemoryOfForeignEntries(t *testing.T) {
	b := New(nil, Labels{})
	b.Entries = make([]Entry, 10, 100)
	if got, want := b.Memory(), 100*HeaderBytes; got != want {
		t.Errorf("Memory = %d, want %d", got, want)
	}
	b = New(nil, Labels{})
	b.Append(time.Time{}, nil)
	box := cap(b.Entries)
	b.Entries = append(b.Entries, make([]Entry, 1000)...)
	if got, want := b.Memory(), (box+cap(b.Entries))*HeaderBytes; got != want {
		t.Errorf("Memory = %d, want %d", got, want)
	}
	b.Append(time.Time{}, []byte("behind"))
	if len(b.Entries) != 1002 || string(b.Entries[1001].Line) != "behind" {
		t.Error("Append does not go on from there")
	}
}
