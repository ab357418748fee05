// Package shaping judges shapers: it simulates a route, its sink and what
// stands behind that by discrete events, for many destinations that are drawn
// at random, and compares a shaper with static settings and with the laws of
// others on the same arrivals. Nothing waits and nothing runs beside the caller:
// a run of 40 simulated seconds takes some milliseconds and comes out the same
// each time.
//
// A [Regime] is a destination with what arrives for it. [Training] draws those
// a shaper may be tuned on, and [Reporting], which is written apart from it and
// draws from other distributions, those that the results are told of. Each
// regime is run at five loads, see [Levels]. [Judgement.Oracle] is, for each regime and
// load, the best that any static setting of [Grid] reaches: whoever knew the
// destination could have chosen it by hand.
//
// # What is measured
//
// A run has [WarmUp] seconds that do not count, then [Measured] seconds that do,
// then [Tail] seconds for what arrived late in them. Under overload the measure
// is goodput, bytes delivered within the measured time; at the other loads it is
// the 99th percentile of the time from an entry's arrival to the end of the
// Write that delivered it, over the entries that arrived in the measured time.
// What has not been delivered when the run ends counts with the time it has
// waited until then, and if that is more than one entry in a hundred the run is
// unfinished, which tables show on its own. The regret of a shaper is its
// measure relative to another's, and 1 is as good.
//
// # The route
//
// The simulated route keeps one queue, as a route does whose sink takes several
// streams in a request. It asks the shaper before each Write and cuts at
// MaxBytes, at MaxEntries or when the oldest entry has waited for MaxWait as
// that is now. While the byte budget holds back a source nothing lingers. What
// a Write did not deliver goes back to the head of the queue, waits as
// sink.Retry does by default or as long as the destination said, and is due at
// once when another Write goes well after a failure. It is sent again in pieces
// of what the shaper allows by then; one that was too large in halves, and one
// that was throttled four times running as well.
//
// Package pipeline does more: it takes three failures in a row before that, each
// stream stays in order by itself, and while first Writes are due repeated ones have
// half of those there may be.
//
// # Static clients
//
// A static setting is kept by a client that is written with care: see
// [Setting.Contender].
package shaping
