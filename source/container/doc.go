// Package container follows the logs of containers through the API of a
// container engine, Docker's or Podman's, and acknowledges what was delivered.
//
//	src, err := container.New(container.Config{})
//
// gives a source.Source for a pipeline that follows every container of the engine
// at the usual socket, those to come included. The zero value of every other
// field of [Config] works.
//
// # What it promises
//
// Every line that the engine still has when it is read is delivered, at least
// once, and the lines of one container in the order of its log. Nothing is
// delivered again when a stream breaks, the container or the engine is restarted,
// log files are rotated, or the pipeline makes the source wait; after a restart of
// this process nothing is but what lies beyond the last saved cursor.
//
// It does not rely on an engine to send everything, because engines do not. When
// a log is followed and its files are rotated faster than it is read, engines leave
// lines out and say nothing of it. So a stream is only believed once the message
// that was delivered last has come again, which shows that nothing is missing in
// between; and where a stream may have left something out later, the log is read
// again, without following, from there on.
//
// # What a container is
//
// Containers are known by their ids. Each has one stream in the pipeline and one
// cursor, whatever it is called, for both its outputs, and keeps them when it is
// stopped and started. The cursor is dropped when the engine has removed the
// container, or has not had it for 10 min. Its place in the log is that of a
// message: its time, its output, its content, and which one it is of those that
// agree in the first two.
//
// Which containers there are is listed, when the source starts, when an event
// stream was broken, and every Relist; in between events tell. What an event
// tells is looked into, so that events may come twice, late, out of order or not
// at all. A container that was created and removed while nobody looked is lost
// with its log; one that lives for 50 ms and is not removed at once is read.
//
// [Config.Include] and [Config.Exclude] select containers, and a label of their
// own can leave them out (Config.OptOut). The container that this process runs in is
// left out, unless IncludeSelf is set.
//
// # What an entry is
//
// An entry is a line, with the time at which the engine got it, to the
// nanosecond. Engines cut lines of more than 16 KiB into pieces; they are joined,
// up to MaxLine. [Config.Multiline] joins lines to entries. An entry that may go on
// is held back, and read again after a restart rather than kept in memory.
//
// The labels of its stream are what Config.Labels takes from the container: by
// default its name, its image, and the project and service of compose. There is
// no bound to the names that containers can have, but there is one to label sets:
// beyond Config.MaxLabelSets, what is new is replaced by "other", and becomes an
// attribute. So ids are attributes from the start, and so is the output a line
// came from: stream=stdout or stream=stderr.
//
// # Live and polled
//
// A container that runs is followed through a stream as a rule, and its lines come
// at once. Some are polled instead, Poll after Poll while they write and ever
// more rarely, up to IdlePoll, while they do not:
//
//   - those beyond Config.MaxStreams;
//   - those whose log files are rotated at less than 1 MiB, which an engine's
//     own reader may not keep up with, and with engines before 23.0 all whose files
//     are rotated: the driver local among them, which rotates by default.
//
// A stream is left for a moment, and the log read instead, when more than an
// eighth of a rotated file comes within a second, when the pipeline has made
// the source wait for long enough that the file could have been rotated
// meanwhile, and when the last line of a silent stream turns out not to be the
// last of the log.
//
// # Direct
//
// With [Config.Direct] the logs of the driver json-file are read from their files,
// which takes nothing of the engine. It is for hosts whose engine is local and may
// be looked into, and it is never chosen by itself. Everything else, discovery
// included, is as above.
//
// # What cannot be repaired
//
//   - What the engine has deleted before it was read: lines that were rotated
//     away while this process was down, or that were written faster than the engine
//     can be read. That is counted, and told of ([ContainerStats]).
//   - What a container wrote that is removed before it could be read, as with
//     docker run --rm. Its stream is opened at its start; what the engine still
//     sends is taken.
//   - Log drivers that keep nothing, such as none, or syslog without a cache: one
//     warning names the container and the driver, and the others go on.
//   - A line that was torn in the engine's own file, by a loss of power or a full
//     disk. With the driver json-file, engines from 23.0 on end every read that
//     comes across it with an error, so that the container is stuck in front of
//     it until the file is rotated away; that is logged, and the others go on.
//   - What a container writes that begins and is removed while the pipeline makes
//     all pollers wait: nobody looks at it in time.
//   - Bytes that are not UTF-8, with the driver json-file: the engine replaces
//     them when it writes.
//   - Which of its two outputs wrote first, where the engine got it in another
//     order.
//   - The end of a line that was cut off when its container was killed, if its
//     piece was exactly 16 KiB long and the container runs again at once: it is
//     delivered with the next line, or 30 s later.
//   - What was delivered beyond the last saved cursor when the process is killed:
//     it comes twice.
//
// # Engines
//
// The version of the API is negotiated. Engines 20.10 and 26.1 are those that all
// this is tested with; 29.7 has been measured. From 23.0 on, asked for what
// came after some time, engines send the rest of the log; before, they leave out
// whatever has an earlier time, and their own followers repeat lines at
// rotations, so that they are polled where files are rotated.
//
// An engine that cannot be reached is waited for, with one line in the log when it
// goes and one when it comes back, and asked again after 100 ms to 30 s. A program
// that had rather end asks [Source.Ready] first.
//
// A [Config.Host] is a unix socket, a TCP address, with [Config.TLS] or without,
// or a pipe on Windows. Anything else, SSH above all, is a [Config.Dial].
// [FromEnv] takes what the environment says of docker's own programs; nothing is
// read from it otherwise. Whoever may connect to an engine may do anything on its
// host: a log collector is no exception.
//
// # Podman
//
// Podman's service speaks version 1.41 of the API. Tried with 4.3.1 of Debian 12,
// as root, the drivers k8s-file, json-file and none, containers without a network:
// what is written live, by 2,000 lines at 200 a second, by 20,000 at once and in
// lines of 20 kB, arrived whole, once and in order, and so did the logs of
// containers that had ended. Its driver journald was not tried, nor logs of a
// limited size, nor any newer version.
//
//   - It is asked by time for what is new, because it leaves out lines when it is
//     asked for the last ones. To find a time it reads the log from the beginning,
//     so that opening a stream costs what the log is long.
//   - Times are whole seconds. Newer versions are said to have nanoseconds
//     (containers/podman#27696).
//   - Any line can come in pieces, which have no line end and are joined whatever
//     their size. A last line without line end is joined to the first one of
//     the container's next run.
//   - A container with a terminal has a time in front of each piece, of which there
//     is no telling where it ends: lines of more than 4 KiB hold times.
//   - Its driver k8s-file is called json-file in what it tells of a container,
//     so that Direct is not for Podman.
//
// # What it costs
//
// The number of goroutines is fixed, but for one that each container has which is
// followed through a stream. There are the one of Run, one each for events and for
// reads that hang, two for backlogs, and Pollers: 9 by default, and one more while
// containers are listed. Each open connection has two of net/http's: there is
// one for each stream, one for events, where the client library adds a goroutine,
// and one for each other request under way, of which whoever reads has one at
// most; four are kept for the next, and close after 3 s without. All are joined
// before Run returns, which takes no longer than the connections take to close.
// With Direct there are those of package tail besides.
//
// There is one HTTP client for a Run, with connections of its own that are
// counted. A follower that waits takes no buffer of the pipeline's. Polling costs
// the engine one request for each container and interval, with which it looks for
// the last lines. Reading costs the engine more than this process: 12 to 15 µs of
// CPU time for a line of 200 bytes with json-file, 9 to 10 with local, as measured
// with 29.7, which made 90,000 to 130,000 lines a second. Direct takes none of it.
//
// # Who looks after it
//
// [Source.Stats] tells what is happening to each container. What cannot be read is
// logged once through the outlet's logger, and again when it can be; the other
// containers go on. Package containertest has an engine for tests.
package container
