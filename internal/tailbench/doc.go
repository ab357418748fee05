// Package tailbench sets source/tail beside nxadm/tail, source/nxtail, `tail -F` and bufio.Scanner:
//
//	go -C internal/tailbench test -run '^$' -bench . -benchtime 1x
//
// gives what reading costs for each line, what files cost that nobody writes to, what finding many at once does, and how
// long a line takes from its write to Send. Each subject works in a process of its own, so that none disturbs the others, and all of a table is
// measured in one run: compare within it. -window and -settle set how long the idle ones are watched and left alone
// before that.
//
// It is a module of its own, as what it needs is for measuring alone. It needs Linux.
package tailbench
