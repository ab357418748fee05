// Package process holds processors: what a pipeline does with entries between
// the sources and the routes. Each is made by a function that takes a Config,
// whose zero value works, and goes into pipeline.Config.Processors, in the order
// in which they are to work:
//
//	clamp, err := process.Clamp(process.ClampConfig{Past: 24 * time.Hour})
//
// or, where the Config is written down and not read from somewhere,
//
//	Processors: []pipeline.Processor{
//		process.Must(process.Clamp(process.ClampConfig{})),
//	},
//
// The function checks the Config and copies what it needs of it; its error joins
// one for each field that makes no sense, and names it.
//
// # What all of them keep to
//
// A processor may be used by any number of goroutines, and by several pipelines,
// which then share its counters and its bounds. It starts no goroutine, waits for
// nothing, and keeps nothing of a batch. It never writes over the bytes of a
// line: a line is replaced, as is the slice of attributes.
//
// What comes from lines is hostile. So there is a bound to whatever grows with
// it: how deep and how far is looked, how many attributes an entry gets and how
// long they are, how many label sets a processor brings into being. Patterns
// are those of package regexp, which takes time in proportion to the line.
//
// A line that is not what a processor is for passes as it is, and is counted.
// Entries that a processor drops are in the pipeline's ledger, under the reason
// that its doc comment names.
package process
