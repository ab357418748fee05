// Package loki is a sink that pushes to Grafana Loki and tells the truth about what became of every entry.
//
// # One stream per request
//
// A request holds one stream. Loki reports only the last failure of a request, so a push of several streams may be
// acknowledged although one of them was thrown away whole; with a single stream the answer can be taken at its word: 204
// means stored, 429 means nothing was stored, 400 means that the bad entries were dropped and the others stored. The
// sink therefore is a [sink.PerStreamer]: a pipeline hands it one stream at a time, and never two batches of one stream
// at once, which keeps a stream in order. A Write of mixed entries works too; it makes one request after the other.
//
// Within a request entries go in order of time, and none is so much older than the newest one ([Times].MaxBehind) that
// Loki would find it too far behind. While entries of a stream wait for a retry, nothing newer of it is sent, whichever
// labels its entries have that do not name it ([sink.StreamNamer]). So an outage, however long, puts nothing behind that
// comes in order of time. Several sources of one stream do not wait for each other: after more than an hour, what one of
// them has read ahead can put another's entries behind, unless Times.TooOld is Clamp.
//
// # Packed requests
//
// With [Config].Packed a request holds several streams of one tenant, for those who have a great many slow ones. Its
// promise is weaker: an answer 204 is taken at its word although Loki may have thrown away a stream that was not the
// last, for being too fast, too far behind, or one stream too many. What the sink can know of that, it avoids: a stream
// that has been fast of late by the measure of Loki's default limits, fills a quarter of a request, has entries too far
// behind the newest it has delivered itself, or is one that several sets of labels come to, has its request to itself. And
// if an answer says anything at all about entries, it may conceal what became of others: then every stream of the request
// is sent again, alone.
//
// # Losses that no client can see
//
// An operator who blocks ingestion with the status 200 makes Loki answer 204. One who sets max_line_size_truncate has
// lines cut. A stream above the shard_streams.desired_rate of 1.5 MB/s is divided up inside Loki: what is sent again may
// go to another part and be stored twice, and where per_stream_rate_limit has been set below that rate, the failure of
// one part can hide behind another. Of such a stream, entries that are too far behind what was delivered go one by one,
// because their failure could hide likewise; if somebody else has sent something newer of it, they are not known to be.
//
// # What an answer means
//
//	204                               delivered
//	any other 2xx, 3xx                not delivered, worth a retry
//	400                               the refused entries are permanent failures, the others are delivered
//	400 about the request as such     all of it is a permanent failure
//	400 about the tenant, or not      worth a retry
//	    Loki's, or that blocks
//	413, 500 "larger than max"        sent again in halves, and for ten minutes requests are half as large; a single
//	                                  entry is a permanent failure
//	422                               permanent
//	429 about one stream              sink.RetryAfter; smaller requests if it does not get through
//	429 about the tenant              the same, but sink.Throttled, if there is one tenant: without Config.TenantLabel
//	429 of a gateway                  sink.Throttled
//	5xx with Retry-After              sink.Throttled
//	5xx, other 4xx, no answer         worth a retry
//
// Every refusal that is not about what was sent, 401 and 404 included, is about the way there: it can be repaired
// without losing a line, so the data is kept, and a [sink.Breaker] counts it unless it asks to wait. What concerns a
// tenant stops the streams of that tenant, and what concerns the way to Loki all of them, until the next Write.
//
// Which entries a 400 refuses is worked out from its body: Loki names times, sizes and numbers rather than entries. What
// the body leaves open is sent again, alone, and Loki shows an entry it has already only once: same stream, same
// nanosecond, same line, same attributes. For the same reason a retry after a lost answer is harmless to a log query,
// and nothing here changes a time unasked. A metric query may count such an entry twice.
//
// # Labels and attributes
//
// An entry's labels, and [Config].ExternalLabels, name its stream. [Config].StreamLabels restricts them to a list. Those
// that are not listed, those beyond [Config].MaxLabels, those with a name over 1,024 bytes or a value over 2,048: all
// of these go along with each entry as attributes, so that none is lost and Loki refuses none. [Stats].OverLimit counts
// entries to which its limits made that happen. [Config].TenantLabel names a label that says whose the entry is.
//
// Attributes become structured metadata. A name that is no label name is rewritten as Loki itself would: each run of
// other characters becomes one '_', except that "__" at both ends stays, and a leading digit gets "key_" in front. A
// name that has nothing but underscores then, on which Loki fails the whole request, becomes "unnamed". Of equal names
// Loki keeps the last, and it drops empty values. U+FFFD in the value of a label becomes '?', because Loki's parser
// cannot read it back.
//
// Lines and attribute values go out byte for byte, except as JSON, for which [Config].EncodeJSON says what happens. Where
// they are not UTF-8, Loki's queries return U+FFFD for each bad byte of a line, and a space for those of an attribute.
//
// # The way to Loki
//
// Passwords, tokens and certificates may come from files, which are looked at before every request: what has changed is
// used from then on, without a request that fails for it, and what makes no sense changes nothing and shows in
// [Sink.Health]. Connections are the sink's own. No setting comes from the environment, the proxy included, and no
// redirect is followed. [Config].Timeout bounds a request, DialTimeout and AnswerTimeout parts of it, and an error says
// how far the request had got: connecting, TLS handshake, sending the request, waiting for the answer, or reading it.
// [Stats].Unanswered counts those that Loki may have stored without our knowing.
//
// A Retry-After of a gateway's, with 429 or any 5xx, is waited for, up to an hour.
//
// With [Config].HTTP2 requests share a connection, which saves handshakes. One request after the other takes up to
// twice the time of HTTP/1.1, many at once no more than that; BenchmarkProtocol of internal/transport compares them.
//
// No secret occurs in an error, in Health or in Stats, not even one that the other side repeats: passwords, tokens, the
// values of [Config].Headers and the proxy's password are replaced, as they are and in the usual encodings, by "***".
// Strings of less than four bytes are not.
//
// # What is checked before sending
//
// Loki parses the labels of a request before anything else and drops the whole request if it cannot; it acknowledges
// and drops a stream without labels. So streams and entries are checked first, against Loki's default limits, and what
// it would refuse is a permanent failure of that entry alone: no label at all; a line over [Config].MaxLine; more than
// 128 attributes or 64 KiB of them; a time that is missing or does not fit 64 bits of nanoseconds. What becomes of times
// that are too old or too new is up to [Times].
package loki
