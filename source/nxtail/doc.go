// Package nxtail follows log files with github.com/nxadm/tail, best effort, for
// services that use that already and come over step by step. Everybody else, and
// they in the end, are better served by source/tail.
//
//	src, err := nxtail.New(nxtail.Config{Paths: []string{"/var/log/shop/app.log"}})
//
// gives a source.Source for a pipeline. It works on Linux only.
//
// # What it promises
//
// Of a file that is only appended to, each line is delivered at least once and in
// order, as the contract of package source wants it. A file that is renamed or
// deleted is read to its end, until it has stayed unchanged for RotateWait and all
// of it was delivered; then comes what has taken its place. Up to 16 files that
// replace one another meanwhile are opened and kept. A stream's cursor names the
// file by its device and inode numbers and the bytes before the position. If what
// is at the path when the program starts is shorter, or another file, or has other
// bytes there, it is read from its beginning, which is logged. Config.From says what
// becomes of a file that has no cursor.
//
// # What it cannot do
//
// nxadm/tail was looked at in version 1.4.11. Tests of this package, named
// KnownFailure, fail once what is wrong with it is no longer.
//
//   - A truncated file, and so copytruncate: what was not read is lost. Of 5,000
//     lines per second, truncated every 700 ms, 14 % were. A file that has grown
//     beyond the position again before it is looked at is read on in the middle of
//     a line.
//   - A last line without newline is never delivered.
//   - A file that is renamed while the program is down, or before it is found: it
//     is not looked for, and neither is one that comes and goes between two polls
//     of 250 ms.
//   - A file made anew with the number of a deleted one, and with the same bytes
//     before the position, is taken for that: logs whose lines are all alike.
//   - A line of any length is read into memory: MaxLine cuts what is delivered.
//
// By itself nxadm/tail does worse, as it reopens the path when it is told to follow
// it through rotation, whether or not it has read the file before it. In the same
// test, in polling mode, it lost 14 % at renames, 23 % if the writer lingered for
// 100 ms, and 13 % at truncations. Those figures follow from how often a log is
// rotated, and from the interval between polls, the usual one here: what is lost is
// what was written since the last.
//
// # What it costs
//
// About 1,400 ns of CPU time and three allocations per line of 200 bytes, where
// nxadm/tail alone takes 1,100 ns and source/tail, in the same run, 61 ns and none.
// Each path takes four goroutines and two descriptors. A thousand idle files took
// 6.4 % of a core, where nxadm/tail alone took 1.7 % and source/tail 0.2 %: both this
// package and nxadm/tail look at each every 250 ms, the latter by way of /proc. A line
// is seen 250 ms after it was written, at worst, and at each rotation the next file's
// first line waits for RotateWait.
//
// # How nxadm/tail is used
//
// It polls, as its other mode starts two goroutines that nothing ends. It is not
// given the path but /proc/self/fd/N, the name of a file that this package has
// opened, and is not asked to reopen it. So a file is read to its end whatever
// becomes of its path, and it is known which file it is that a cursor tells of.
//
// Above all, on any error of a stat but not-exist, nxadm/tail ends the process: when
// a folder above the log becomes a file, for one, or may not be searched any more.
// Under that name there is no folder left that could do so. What is left is a file
// system that fails itself, as NFS does with a stale handle, or FUSE without its
// server: do not follow files there with this package. On other systems than Linux
// there is no such name, and New refuses.
//
// Three more of its faults are dealt with. It misses what is written to an empty file
// within the tick of the clock that the file was made in, until more follows, and
// takes an error of a read for the end of the file: a line of up to 1 MiB that has
// been there for RotateWait makes reading begin again, and such an error is logged.
// And its Stop leaves the polling goroutine behind, asleep, with no way to learn that it has ended. So
// when reading ends, two poll intervals pass before that is reported, and Run
// returns half a second after the end of its ctx. That is long enough for anything
// but a stat that hangs: a goroutine stuck in that is not noticed.
//
// Its rate limiter, StopAtEOF and Tell, which lose lines or race, are not used.
// watch.POLL_DURATION, which the host may set for all its Tails, is respected; it
// must not be changed once New was called.
package nxtail
