// Package slogsource is a source of what the host itself logs: a slog.Handler
// whose records travel through a pipeline.
//
//	logs, err := slogsource.New(slogsource.Config{Labels: batch.MustLabels("app", "shop")})
//	...
//	slog.SetDefault(slog.New(slog.NewMultiHandler(terminal, logs.Handler())))
//	p, err := pipeline.New(pipeline.Config{
//		Sources: map[string]source.Source{"log": logs},
//		Routes:  []pipeline.Route{{Sink: loki}},
//		Logger:  slog.Default(),
//	})
//
// # What a record becomes
//
// Its message is the line, its time the time (or a nanosecond more than that of the
// one before it, if both are of the same moment: Loki keeps one of equal entries of
// one time), and its attributes are attributes: in Loki, structured metadata. The name of a group stands before those in it,
// with a dot, as in "request.method"; a LogValuer is asked; values are written as
// slog.TextHandler would, without quotes, and errors as their message. An
// attribute that occurs twice is kept twice, of which Loki shows the last. The
// level, and the place of the call if [Config].AddSource asks for it, come behind
// the others. With [Text] or [JSON] the line is the whole record instead, as slog's own
// handlers write it.
//
// An entry has at most 120 attributes of 60 KiB together, and a line of
// [Config].MaxLine. What is beyond is cut off, never within a character, and the
// entry marked with the attribute truncated="true". Eight attributes, and 4 KiB, are
// kept for what the ctx says and for level and source, which a large record does not
// crowd out.
//
// # A log call does not wait
//
// Handle copies the record into a buffer of [Config].BufferBytes, which the
// pipeline empties. While a route blocks, because its sink is down, the buffer
// fills. A record for which there is no room waits for [Config].MaxWait, and is
// dropped then. That is counted in [Stats] and, once there is room again, in the
// pipeline's ledger, for the reason [DroppedFull]. It is reported by an entry "log
// records were dropped", with the attribute dropped, the number, where they are
// missing, and to the pipeline's Logger.
//
// Who can do without the oldest rather than the newest gives the route the
// overflow policy pipeline.DropOldest: then the buffer does not fill. Who can do
// without none has what the sink cannot take written to disk, by a spill in front
// of it. What is in memory when the process is killed is lost in any case: a
// record is safe once Flush, and then the pipeline's Flush, have returned nil.
//
// # The beginning and the end
//
// What is logged before the pipeline has started waits in the buffer. When the
// pipeline is closed, or removes the source, what was logged until then is
// delivered, and what is logged from then on is dropped, counted as
// [DroppedStopped]. So a service closes its pipeline last. A source that was
// removed may be added again.
//
// # What a pipeline logs of itself
//
// is not taken, in order that a failure to deliver does not make one more entry
// that cannot be delivered: neither what the pipeline writes to its Logger, nor
// what a sink, or a processor of these entries, logs with the ctx it was given, as
// by slog.Logger.InfoContext. Any other handler of a slog.MultiHandler gets it.
// [Stats].Own counts. A handler in between that does not pass the ctx on, or a
// plug-in that logs without one, is not recognised.
//
// # Memory and goroutines
//
// Two goroutines, Run and one that waits for its end. A log call allocates
// nothing for the usual kinds of values, if its message and attributes are short.
package slogsource
