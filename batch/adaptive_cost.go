package batch

import "math"

// A cost is what a Write takes by itself: fixed + perByte*size, in seconds, by
// least squares over the Writes that had the least company. Each counts by the
// inverse square of what was expected of it, so that relative errors are made
// small rather than those of the largest Writes, and fades with those that
// follow.
type cost struct {
	fixed, perByte float64
	mean           float64 // of the Writes, smoothed
	n              float64 // how many, faded
	company        float64 // most Writes in flight, itself included, with which one counts
	largest        float64 // size of one, faded

	w, s, t, ss, st float64 // sums: of weights, sizes, times, and of products
}

const (
	costFade = 1 - 1.0/64 // 64 Writes are enough to see both parts through a jitter of one half
	// outlier is how much longer than expected a Write is believed to take by
	// itself: one in a hundred takes ten times as long for reasons of its own.
	outlier = 2.5
	// typical is the size that shape refers to. Which one does not matter.
	typical = 64 << 10
	instant = 1e-6 // seconds: clocks may be coarse
	// handling is what a Write costs those who cut, hand over and settle a batch,
	// in seconds: a sink that takes next to no time is not given next to nothing.
	handling = 50e-6
)

// observe takes a Write that began as the n-th in flight. Few with little
// company tell of the destination alone; where there are none for a while, more
// company is put up with, 2 % more with each Write. One four times as large as
// any counts in any case: nothing can be said of its size otherwise.
func (c *cost) observe(size, took, n float64) {
	if n > c.company && size <= 4*c.largest {
		c.company *= 1.02
		return
	}
	c.company = min(c.company, n)
	expected := took
	if c.n > 0 {
		expected = c.of(size)
	}
	if c.n > 4 {
		took = min(took, outlier*expected)
	}
	c.add(size, took, 1/(expected*expected))
	c.solve()
}

func (c *cost) add(size, took, weight float64) {
	c.n = c.n*costFade + 1
	c.w = c.w*costFade + weight
	c.s = c.s*costFade + weight*size
	c.t = c.t*costFade + weight*took
	c.ss = c.ss*costFade + weight*size*size
	c.st = c.st*costFade + weight*size*took
	c.largest = max(c.largest*costFade, size)
	c.mean += (took - c.mean) / min(c.n, 32)
}

// solve keeps perByte where sizes differ too little to tell: under overload all
// are the largest.
func (c *cost) solve() {
	size, took := c.s/c.w, c.t/c.w
	if spread := c.ss/c.w - size*size; spread > 0.02*size*size {
		c.perByte = max(0, (c.st/c.w-size*took)/spread)
	}
	if c.fixed = took - c.perByte*size; c.fixed < 0 {
		c.fixed, c.perByte = 0, took/size
	}
}

// of is what a Write of that size takes by itself.
func (c *cost) of(size float64) float64 { return max(instant, c.fixed+c.perByte*size) }

// shape is how many times as long as a typical Write one of that size takes.
func (c *cost) shape(size float64) float64 {
	if c.n == 0 {
		return 1
	}
	return c.of(size) / c.of(typical)
}

// times is the size of which the bytes take so many times what is fixed.
func (c *cost) times(n float64) int {
	if c.perByte == 0 {
		return math.MaxInt
	}
	return int(min(1<<40, n*max(c.fixed, handling)/c.perByte))
}
