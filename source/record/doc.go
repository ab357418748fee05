// Package record makes log records of lines: it takes lines out of what a
// container runtime wrapped them in, and puts those together that belong
// together.
//
// A [Decoder] reads one [Format] and yields a [Line]: its time, the output it
// was written to, its text, and whether more of it follows. A [Joiner] is fed
// these lines, each with the place it had in the input, and emits each [Record]
// once nothing can follow. What follows is for a [Rule] to say: by a pattern,
// by a date at the beginning, or by what is known of the stack traces of a
// language.
//
//	d := record.NewDecoder(record.CRI)
//	j := record.NewJoiner(record.Traces(), record.Limits{MaxLines: 1000, MaxBytes: 1 << 20}, emit)
//	var l record.Line
//	for _, in := range lines {
//		if err := d.Decode(in.text, &l); err != nil {
//			// l is the line as it was
//		}
//		j.Add(&l, in.start, in.end)
//	}
//	j.Close()
//
// # Restarts
//
// A source that acknowledges what was delivered must not acknowledge what the
// Joiner still holds. [Joiner.Resume] says up to where everything was emitted,
// as a [Position] that takes two numbers, and [Joiner.Reset] begins again at
// such a place. A source may do so at any time, instead of keeping what is open
// for each of its inputs: it reads a little of the input twice, and emits
// nothing twice. Which lines are joined does not change by it, but for one
// case: the rest of a stack trace that was cut because of MaxLines or MaxBytes
// may come line by line.
//
// # Memory and goroutines
//
// Nothing here starts a goroutine, reads a clock, or is safe for concurrent
// use, except a Rule, which is. Text is valid until the next call; whoever
// keeps it copies it. Nothing is allocated per line once buffers have grown to
// the longest record.
package record
