package tail

import (
	"bufio"

	"github.com/klauspost/compress/zstd"
)

// maxFrameWindow is how far back a frame may refer, and so the memory that it
// takes. 8 MiB is what RFC 8878, section 3.1.1.1.2, asks of every decoder and
// tells encoders to stay within: zstd(1) does up to level 19, unless it is told
// --long.
const maxFrameWindow = 8 << 20

// An unzstd unpacks zstd (RFC 8878): frames that follow one another as one file,
// leaving out those that are to be skipped.
type unzstd struct{ d *zstd.Decoder }

// reset makes the decoder at the first call. With a concurrency of one it
// decodes within Read and starts no goroutines.
func (u *unzstd) reset(in *bufio.Reader) error {
	if u.d != nil {
		return u.d.Reset(in)
	}
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxFrameWindow)) // of one window, that is
	if err != nil {
		return err
	}
	u.d = d
	return nil
}

func (u *unzstd) Read(p []byte) (int, error) { return u.d.Read(p) }

func (u *unzstd) close() {
	if u.d != nil {
		u.d.Close()
	}
}
