// Package chat says what a container writes and recognises it again.
//
// A [Script] is a number of lines, how long they are, and when and where they are written. Each [Line] names the run of
// the program that wrote it, its output and its number there, so that a reader can prove that nothing was lost, came
// twice or in another order. The program in package chatter plays a Script; package enginetest reads what came of it.
package chat
