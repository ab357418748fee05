package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// magic begins every frame. 0xFB occurs in no valid UTF-8 text, which most payloads are full of.
var magic = [4]byte{0xFB, 'l', 'f', '2'}

// HeaderBytes is what a frame has in front of its payload.
const HeaderBytes = 40

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A header is what stands before a payload.
type header struct {
	length  uint32
	seq     uint64
	at      int64 // Unix milliseconds
	entries uint32
	room    uint32 // behind the payload, up to the next frame
	sum     uint32 // of the payload
}

// putHeader fills in the first HeaderBytes of a frame whose payload is in its place. It works out length and sum.
func putHeader(frame []byte, salt uint32, h header) {
	payload := frame[HeaderBytes:]
	b := append(frame[:0], magic[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint64(b, h.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(h.at))
	b = binary.BigEndian.AppendUint32(b, h.entries)
	b = binary.BigEndian.AppendUint32(b, h.room)
	b = binary.BigEndian.AppendUint32(b, crc32.Update(salt, castagnoli, payload))
	binary.BigEndian.AppendUint32(b, crc32.Update(salt, castagnoli, b))
}

// parseHeader reads the first HeaderBytes of b, and reports whether they are a header of a segment with that salt.
func parseHeader(b []byte, salt uint32) (h header, ok bool) {
	if !bytes.Equal(b[:4], magic[:]) {
		return h, false
	}
	if binary.BigEndian.Uint32(b[HeaderBytes-4:]) != crc32.Update(salt, castagnoli, b[:HeaderBytes-4]) {
		return h, false
	}
	return header{
		length:  binary.BigEndian.Uint32(b[4:]),
		seq:     binary.BigEndian.Uint64(b[8:]),
		at:      int64(binary.BigEndian.Uint64(b[16:])),
		entries: binary.BigEndian.Uint32(b[24:]),
		room:    binary.BigEndian.Uint32(b[28:]),
		sum:     binary.BigEndian.Uint32(b[32:]),
	}, true
}
