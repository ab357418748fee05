package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// magic begins every frame. 0xFB occurs in no valid UTF-8 text, which most payloads are full of.
var magic = [4]byte{0xFB, 'l', 'f', '1'}

// headerBytes is what a frame takes beside its payload.
const headerBytes = 36

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A header is what stands before a payload.
type header struct {
	length  uint32
	seq     uint64
	at      int64 // Unix milliseconds
	entries uint32
	sum     uint32 // of the payload
}

// appendFrame appends the frame of one payload.
func appendFrame(dst []byte, salt uint32, seq uint64, at time.Time, entries int, payload []byte) []byte {
	from := len(dst)
	dst = append(dst, magic[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint64(dst, seq)
	dst = binary.BigEndian.AppendUint64(dst, uint64(at.UnixMilli()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(entries))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Update(salt, castagnoli, payload))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Update(salt, castagnoli, dst[from:]))
	return append(dst, payload...)
}

// parseHeader reads the first headerBytes of b, and reports whether they are a header of a segment with that salt.
func parseHeader(b []byte, salt uint32) (h header, ok bool) {
	if !bytes.Equal(b[:4], magic[:]) {
		return h, false
	}
	if binary.BigEndian.Uint32(b[headerBytes-4:]) != crc32.Update(salt, castagnoli, b[:headerBytes-4]) {
		return h, false
	}
	return header{
		length:  binary.BigEndian.Uint32(b[4:]),
		seq:     binary.BigEndian.Uint64(b[8:]),
		at:      int64(binary.BigEndian.Uint64(b[16:])),
		entries: binary.BigEndian.Uint32(b[24:]),
		sum:     binary.BigEndian.Uint32(b[28:]),
	}, true
}
