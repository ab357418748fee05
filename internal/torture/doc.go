// Package torture ends a running pipeline in the worst ways, and counts what arrives. It has nothing but tests.
//
// The test binary runs itself as a child, which is a program with a pipeline of files, checkpoints in a file, and a sink
// that appends each line to another file. The parent writes numbered lines, rotates them, and kills the child, so that
// the parent alone knows what there was to deliver: what the child had written is delivered, and nothing else.
//
// Counted are lines that are lost, and lines that come twice. A line may come again if, and only if, it lies beyond the
// cursor of its file that was saved at the last kill; the parent reads these cursors from the checkpoint file.
//
// LOGFERRY_SOAK=1 asks for 200 kills of each kind.
package torture
