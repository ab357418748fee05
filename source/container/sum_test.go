package container

import (
	"hash/fnv"
	"testing"
)

// Cursors that are stored hold sums: they are those of hash/fnv, for ever.
func TestSumsStay(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 200, 70_000} {
		data := []byte(text(n, "the quick brown fox"))
		h := fnv.New64a()
		if n <= 64 {
			h.Write(data)
		} else {
			h.Write(data[:32])
			h.Write(data[n-32:])
			h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16)})
		}
		if got, want := sum(data), h.Sum64(); got != want {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}
