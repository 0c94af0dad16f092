package ingest

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// remember keeps a member of a compressed archive in memory, compressed again
// by what decompresses fast, while there is room. Without it each opening of
// the n-th member decompresses the n-1 before it, in each pass of the run.
// b is given back as it is where there is no room.
func (d *discovery) remember(b blob, r io.Reader) (blob, error) {
	buf := &boundedBuffer{room: d.opt.Memory - d.memory}
	if buf.room <= 0 {
		return b, nil
	}
	z, err := zstd.NewWriter(buf, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return b, err
	}
	in := &faultReader{r: r}
	// Not z.ReadFrom, which keeps in's error as its own.
	if _, err = io.Copy(struct{ io.Writer }{z}, in); err == nil || in.err != nil {
		err = z.Close()
	}
	if errors.Is(err, errNoRoom) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	if damage := (*Damage)(nil); in.err != nil && !errors.As(in.err, &damage) {
		return b, in.err
	}
	d.known(in.err)
	kept := bytes.Clone(buf.Bytes())
	d.memory += int64(len(kept))
	return blob{path: b.path, size: b.size, open: func() (*stream, error) {
		z, err := zstd.NewReader(bytes.NewReader(kept), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		r := io.Reader(z)
		if in.err != nil {
			r = io.MultiReader(z, errorReader{in.err})
		}
		closed := func() error { z.Close(); return nil }
		return &stream{r, new(atomic.Int64), []func() error{closed}}, nil
	}}, nil
}

var errNoRoom = errors.New("no room")

type boundedBuffer struct {
	bytes.Buffer
	room int64
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if int64(b.Len()+len(p)) > b.room {
		return 0, errNoRoom
	}
	return b.Buffer.Write(p)
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }
