// Package logferry is a tour of the module; it holds no code. logferry collects
// logs inside a Go service: sources read, a pipeline batches and delivers,
// sinks write, and every line that was read is accounted for.
//
// # The packages
//
//   - [github.com/logferry/logferry/pipeline] puts the parts together and is
//     where most applications begin; [github.com/logferry/logferry/pipeline/process]
//     has processors, which parse, redact, rewrite and thin out what goes through it.
//   - [github.com/logferry/logferry/source] says what a source is, keeps cursors,
//     and reads lines from any io.Reader;
//     [github.com/logferry/logferry/source/tail] follows files, and
//     [github.com/logferry/logferry/source/container] the containers of an engine;
//     [github.com/logferry/logferry/source/slogsource] is a slog.Handler for what the
//     host itself logs.
//   - [github.com/logferry/logferry/sink] says what a sink is and has the
//     decorators for retries, breakers, timeouts, failover and a queue on the
//     disk, and the sinks for terminals, writers and functions;
//     [github.com/logferry/logferry/sink/loki] pushes to Grafana Loki,
//     [github.com/logferry/logferry/sink/file] writes files.
//   - [github.com/logferry/logferry/batch] has entries, labels, batches and the
//     law of who owns their memory, and the shapers that find out how large
//     batches should be.
//   - [github.com/logferry/logferry/lifecycle] is the supervisor under all of
//     it: the only place where goroutines are started. Those net/http and
//     fsnotify start are waited for by the packages that use them.
//   - lifecycle/lifecycletest, source/sourcetest and sink/sinktest are kits that
//     check a source or a sink of your own against its contract;
//     source/container/containertest is a container engine for tests.
//
// # Following files into Loki
//
//	files, err := tail.New(tail.Config{Paths: []string{"/var/log/shop/*.log"}})
//	...
//	to, err := loki.New(loki.Config{URL: "http://loki:3100"})
//	...
//	cursors, err := source.NewFileCheckpoints("/var/lib/shop/cursors")
//	...
//	defer cursors.Close()
//	p, err := pipeline.New(pipeline.Config{
//		Sources:     map[string]source.Source{"shop": files},
//		Routes:      []pipeline.Route{{Sink: sink.Breaker(to, sink.BreakerConfig{})}},
//		Checkpoints: cursors,
//	})
//	...
//	err = p.Run(ctx) // until ctx is done; then it delivers what it has read
//
// # Following containers
//
//	containers, err := container.New(container.Config{})
//
// is a source for all containers of the local engine, which takes the place of
// files above, or stands beside them in Sources.
//
// # What the service logs itself
//
//	logs, err := slogsource.New(slogsource.Config{})
//	...
//	log := slog.New(slog.NewMultiHandler(terminal, logs.Handler()))
//
// is one more source, and what must not wait for Loki goes through a queue on the
// disk, [github.com/logferry/logferry/sink.Spill] around the sink.
//
// # Promises
//
// Close is truthful: it returns nil only if every goroutine has ended, and
// otherwise names the tasks that have not, with their stacks.
//
// The ledger closes: for each source and each route, at every instant, what was
// read is what was delivered, dropped for a stated reason, dead-lettered, given
// back or still is in flight.
//
// A cursor never runs ahead of a delivery: a checkpoint moves only over what
// every route that is not best effort has settled.
//
// # What it asks of its host
//
// Nothing behind its back: no init side effects, no registries, no global
// state, no signals, no default HTTP client, no os.Exit, and no environment
// variables but those that [github.com/logferry/logferry/source/container.FromEnv]
// is asked for. A panic in a plug-in is that plug-in's failure. Importing the
// file source and the Loki sink links seven other modules; who does not import the
// container source links nothing of a container client.
package logferry
