// Package lokiclient is a [sink.Sink] over github.com/grafana/loki-client-go, for services that push with it already and
// come over step by step. It is best effort: set pipeline.Route.BestEffort, or read on. sink/loki is what to come to; its
// MIGRATING.md has the names of one beside those of the other.
//
// The client is archived, and its README says DO NOT USE. It acknowledges nothing: its Handle takes a line and returns nil.
// What became of the lines is in its log and its metrics alone, and a Write of this package works it out from them: it hands
// the entries over one by one, and waits until the client has counted every one of them as sent or as dropped. The client
// sends in the order of handing over, counts each request when it is through, and says in its log which one it gives up,
// so that which entries were in it follows from the counts. One Write is under way at any time; others wait for it.
//
// # Limits
//
// These are the client's. Tests hold those that can be seen without a real Loki, so that a client that mends them is noticed.
//
//   - Sent means an answer of 2xx. That includes 260, with which Loki says that it has blocked the tenant and stored nothing.
//   - Several streams go in a request. Loki reports what became of the last one that failed, or of none: entries too far
//     behind and over the limit of their stream may be lost under a 204. There is no way to see that from here.
//   - 400, 413 and 422 make permanent failures of every entry of the request, though Loki may have stored all but one of
//     them. Nothing larger than Loki takes is divided.
//   - A request holds up what comes after it, whatever its tenant: Write takes up to Timeout for each, and its ctx ends the
//     waiting, not the request. What was under way then may have been sent, and is sent again by whoever retries.
//   - An answer 101, which nobody has asked for, holds the client, and Close, until the server ends the connection.
//   - The client looks every 10 ms for what it has to send: a Write takes that long at least, some 100 a second. It puts
//     what it was handed between two looks in a request of its own.
//   - BatchSize bounds the bytes of lines, not of the request, which Loki takes up to 4 MiB of.
//   - The connection is left open by Close, with its two goroutines, until the server closes it or five minutes have passed:
//     the client neither closes it nor lets anybody do so. So Close returning nil is not the whole truth, as it is elsewhere.
//   - For lines of 200 bytes with three labels it takes 14 allocations each, one of them more than the client does by itself, as
//     every line is copied, and a quarter to a third more CPU time: five to seven times that of sink/loki, in the same run.
//
// # Metrics
//
// The client registers its metrics promtail_* with the default registry of Prometheus when the program starts, as an init
// that no importer can prevent. [Unregister] takes them off again. They have a label host, which is the host of the URL
// for a client of one's own. For the client of a Sink it is that, # and a random text: clients of the same host count in one
// place otherwise, and a Sink could not tell its lines from those of another. Close removes what has this label.
package lokiclient
