// Package spool is a log of records in the files of one folder: appended in groups, read in order, deleted once
// delivered. It knows bytes only; what a record means is its caller's.
//
// # Files
//
//	00000007-0000000000001c2f-9d04e5aa.spool   a segment: its number, the sequence of its first record, its salt
//	position                                   the sequence of the first record that is not delivered, in two slots
//	00000007-...-9d04e5aa-40f3.damaged         bytes of a segment that are no record, and where they were
//
// A segment is frames without anything before, between or behind them. A frame is a header, big endian, its payload, and
// as many bytes as the header says are room,
//
//	magic 4 | payload length 4 | sequence 8 | time 8 (Unix ms) | entries 4 | room 4 | CRC of payload 4 | CRC of the above 4
//
// Room makes the next group of records begin at the edge of a block; it is zeros, which nobody looks at. Both sums are
// CRC32C, begun from the segment's salt: nobody who writes payloads knows it, so none can hold what passes for a frame,
// and neither can blocks that belonged to another file. The sum of the header tells a wrong length before it is followed.
// The salt is in the name, because a byte of the file may go bad.
//
// # Rules
//
// A process writes to no file that it found: each opens a new segment. A segment ends where the next one's name says
// that it begins; what stands behind that was never acknowledged. So a record that could not be synced is written
// again, with the same sequence, to a new segment, and a file whose sync failed is not trusted again: the kernel may
// have dropped its pages and call them clean (the PostgreSQL project's "fsyncgate" of 2018).
//
// The segment that is written to has space reserved behind its end, which the length of the file does not show, and
// which stays within what all segments may take. It is given back when the segment ends, or by the Open after a crash.
//
// A frame that is not whole at the end of a segment is torn and passed over. Bytes that are no frame elsewhere are
// damage: they are copied aside, told of, and the search goes on behind them for the next frame. Nothing is cut off.
//
// Appending belongs to one goroutine, reading and Done to another; all other methods are safe for concurrent use.
package spool
