// Command compare sets nxadm/tail with loki-client-go beside source/tail with sink/loki, on the same files, and prints the
// table that sink/loki/MIGRATING.md shows:
//
//	go -C sink/lokiclient run ./internal/compare
//
// It takes some two minutes, and a Unix system. The lines are those of the real logs that -logs finds, in turns, or else
// generated ones, with a number in front. Each subject is a process of its own, set up as its documentation sets it up, and
// pushes to a server in this process, which counts the numbers. Every row is measured with both, one after the other:
//
//   - while files are written and rotated, by renaming them, after which the writer goes on with the old file for a moment,
//     and by copytruncate, during which the writer waits, so that nothing is lost that a reader could have found;
//   - while files that are there already are read, for the cost of each line from the start of the subject on, in CPU time of
//     its process and in allocations;
//   - when the subject is closed: the goroutines that are left, a second later, compared with before it was started;
//   - when it is closed with lines at hand and a server that refuses connections: how long that takes, until -patience is over.
//
// A line counts as lost if it has not come when nothing has come for -quiet.
package main
