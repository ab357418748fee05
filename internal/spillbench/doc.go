// Package spillbench sets sink.Spill beside a loop that writes and calls fdatasync, and beside other stores that might
// have held a queue, bbolt and tidwall/wal:
//
//	go -C internal/spillbench test -run '^$' -bench . -benchtime 1x
//
// Each writes the same records, one sync for each but where several Writes of a Spill share one, and they take turns
// within one run: compare the ratios. TMPDIR says which disk.
//
// It is a module of its own, as what it needs is for measuring alone.
package spillbench
