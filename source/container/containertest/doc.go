// Package containertest is a container engine within a test: it speaks the part
// of the Docker Engine's HTTP API that a log collector uses, keeps logs as a real
// engine does, and fails in every way that it is told to. It is for tests: those of
// this module and those of programs that talk to an engine.
//
//	e := containertest.New(containertest.Config{})
//	defer e.Close()
//	shop := e.Create(containertest.Spec{Name: "shop"})
//	shop.Start()
//	shop.Print("a line")
//
// A client reaches it through [Engine.Dial], its connections being within this
// process, or at a socket with [Engine.Serve]. With Dial everything works in a
// testing/synctest bubble, where an hour of stalls takes no time; the engine is made
// in the bubble then, and the client's idle connections are closed before it ends.
//
// # What it answers
//
//	HEAD, GET /_ping, GET /version, /info
//	GET /containers/json?all&limit&filters       filters by id, name, label, status, ancestor
//	GET /containers/{id or name}/json
//	GET /containers/{id or name}/logs?follow&stdout&stderr&timestamps&since&until&tail
//	GET /events?since&until&filters
//
// with or without a version before the path, and with the errors of a real engine
// for all else. What happens to containers is told by calling their methods, not
// by requests.
//
// # What it keeps to
//
// The two kinds of engine differ in how they read logs, and a [Generation] says
// which one it is. What follows was read in the sources of moby 20.10.24 and 26.1.5
// (daemon/logger, daemon/logs.go, daemon/events) and compared with these engines.
//
// A message of a log is one write of the container's up to a newline, or a piece of
// 16,384 bytes of a longer line. All pieces have the time of the first. A message
// is sent as a frame: a header of 8 bytes, its time if asked for, its text; with a
// terminal without header. The last piece of a line ends in a newline, which the
// driver local of 20.10 leaves out; if nothing is left for it, it is empty but for
// that, and is not sent at all without times. What is not UTF-8 json-file replaces,
// byte for byte, so that a character which two pieces share comes as several
// U+FFFD, and a piece is longer than 16,384 bytes then.
//
// A file of a log is rotated before the first message that finds it full, and files
// are dropped whole. A reading holds the files open that there were when it came.
// What follows a log goes on to the newest file when it has read its own, and skips
// those between. It reads 4096 messages ahead of what the client takes, and so it is
// a client which stalls that loses lines in this way, and is not told. 20.10 reads
// some files twice: each second one, here, where the real engine does it now and
// then. And a rotation while it still reads the past it does not notice until the
// one after.
//
// since is inclusive, to the nanosecond. 20.10 leaves out every message that is
// earlier; since 23.0 only those before the first that is not, as times do not only
// rise. A compressed file is left out by the time of its last message; 20.10 leaves
// out all rotated files that follow it as well.
//
// Following a log ends, in order, when its container does, also if that starts
// again; at once if it is not running; in the midst of it if the engine goes down
// with live-restore.
//
// Of the events the newest 256 are kept, and forgotten when the engine goes down. A
// subscriber has a backlog of 1024. An event for which there is no room within 100 ms
// is skipped.
//
// # What it does not
//
// It has no images, networks, volumes, health checks, restart policies nor exec,
// and sends no events of those; [Engine.Emit] sends any. Its containers obey at
// once. A program that writes while the engine is down is never held up, whereas a
// real one is once a pipe is full. It logs exactly what it is given: no attributes,
// and so no details of logs.
//
// # Faults
//
// [Engine.Inject] lets a [Fault] befall requests to come, [Engine.Strike] those
// that are being answered; [Engine.Down] and [Engine.StepClock] befall everything.
//
//	Cut, with After: 3                   a stream cut within a header
//	Corrupt(0xff, 0xff, 0xff, 0xff)      after 4 bytes: a header that announces 4 GiB
//	Stall, with After: BeforeHeaders     slow headers
//	Silence                              half-open: no bytes, no close, ever
//	Status(500, strings.Repeat(…))       an error with a huge body
//	End, with On: List and After: 7      JSON that is cut off
//	Omit, Twice, Late                    of an event, or of a container in a list
//
// # What to compare
//
// [Container.Retained] is what the engine still has, by line: delivered must be
// exactly that, in order. [Stats] are what it counts: connections now and at most,
// requests, streams. [Container.MaxFollows] finds a client that follows a log twice.
package containertest
