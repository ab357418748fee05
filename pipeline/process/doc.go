// Package process holds processors: what a pipeline does with entries between
// the sources and the routes. Each is made by a function that takes a Config,
// whose zero value works unless it leaves nothing to do, and goes into
// pipeline.Config.Processors, in the order in which they are to work:
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
// # Parsers
//
//	Unwrap   takes lines out of what Docker and Kubernetes wrap them in
//	JSON     makes labels and attributes of the fields of objects
//	Logfmt   does so with key=value
//	Regexp   does so with what the groups of a pattern match
//	Level    tells how bad it is, as a label or an attribute
//	Time     gives an entry the time that its line says
//	Clamp    bounds the time that an entry may have
//
// This is also a good order: Level and Time look at attributes that were found
// before they look at the line, and Clamp has to come behind Time.
//
// Labels name streams: what has many values makes a good attribute and a bad
// label. Parsers make labels of the fields they are told to alone.
//
// # What changes and what drops
//
//	Labels     renames, sets, drops and bounds labels, or makes attributes of them
//	Template   writes labels, attributes and lines
//	Redact     replaces secrets
//	Truncate   cuts lines that are too long
//	Escape     has an entry be one line, without control characters
//	Drop       drops what matches
//	Keep       drops what does not
//	Sample     drops all but a part, by number or by what belongs together
//	RateLimit  drops what comes too fast, for each stream
//	Dedupe     drops lines that are repeated, and says how often
//
// Redact comes behind the parsers, so that it sees the attributes they made, which
// they do not cut within a word, and before Template, Truncate and Escape, which
// might cut a secret in two or change what it looks like. Level comes before whatever
// asks for a severity.
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
