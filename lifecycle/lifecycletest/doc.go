// Package lifecycletest checks that what starts goroutines also ends them. It is for tests: those of this module and
// those of programs that bring their own sources, sinks and pipelines.
//
// [NoLeak] fails a test that leaves goroutines behind. [Stress] starts and closes a component in every order and from
// many goroutines at once, and fails on a leak, a hang, a panic, or a Close that is not idempotent; run it with -race.
//
// Both work inside a testing/synctest bubble. Neither needs anything but the standard library.
package lifecycletest
