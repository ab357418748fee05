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
// Two losses cannot be seen by any client: an operator who blocks ingestion with the status 200 makes Loki answer 204,
// and a stream above 1.5 MB/s is sharded inside Loki, where a failure of one shard can hide behind another.
//
// # What an answer means
//
//	204                               delivered
//	any other 2xx, 3xx                not delivered, worth a retry
//	400                               the refused entries are permanent failures, the others are delivered
//	400 about the request as such     all of it is a permanent failure
//	413, 500 "larger than max"        sent again in halves; a single entry is a permanent failure
//	422                               permanent
//	429                               sink.RetryAfter; smaller requests if it does not get through
//	5xx, other 4xx, no answer         worth a retry
//
// Only 400, 413 and 422 speak about what was sent. Every other refusal, 401 and 404 included, speaks about the way
// there: it can be repaired without losing a line, so the data is kept and a [sink.Breaker] counts it.
//
// Which entries a 400 refuses is worked out from its body: Loki names times, sizes and numbers rather than entries. What
// the body leaves open is sent again, alone, and Loki stores an entry it has already only once: same stream, same
// nanosecond, same line. For the same reason a retry after a lost answer is harmless, and nothing here changes a time.
//
// # What is checked before sending
//
// Loki parses the labels of a request before anything else and drops the whole request if it cannot; it acknowledges
// and drops a stream without labels. So streams and entries are checked first, against Loki's default limits, and what
// it would refuse is a permanent failure of that entry alone: no label at all; more than 14 labels beside service_name,
// which Loki adds; names over 1,024 bytes; values over 2,048; a line over [Config].MaxLine; more than 128 attributes or
// 64 KiB of them; a time that is missing or does not fit 64 bits of nanoseconds.
//
// Attributes become structured metadata. A name that is no label name is rewritten as Loki itself would: each run of
// other characters becomes one '_', and a leading digit gets "key_" in front. A name that has nothing but underscores
// then, on which Loki fails the whole request, becomes "unnamed". Of equal names Loki keeps the last, and it drops empty
// values. U+FFFD in the value of a label becomes '?', because Loki's parser cannot read it back.
//
// Lines and attribute values go out byte for byte. Where they are not UTF-8, Loki's queries return U+FFFD for each bad
// byte of a line, and a space for those of an attribute.
package loki
