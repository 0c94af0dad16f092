package ingest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Options are what Discover needs to know. The zero value works: it knows
// audit logs, has no standard input and the limits named below.
type Options struct {
	// Detect are the kinds beside audit logs, asked in order with the first
	// bytes of each input (decompressed, at most 64 KiB; NULs and a byte order
	// mark before the first line left out). UnknownKind means: not mine.
	Detect []func(head []byte) (Kind, string)

	// Take decides by its path below the named directory or archive
	// ("var/log/audit/audit.log") what of it is looked at; nil looks at all.
	// Of a directory TakeNothing means nothing below it either.
	Take func(rel string, dir bool) Taking

	Stdin   io.Reader // what "-" reads
	TempDir string    // for what must be spooled; "" is the system's

	MaxBytes   int64 // decompressed bytes of one stream; 0 is 1 TiB
	MaxRatio   int64 // decompressed to stored bytes, once beyond 64 MiB; 0 is 1100 (DEFLATE ends at 1032)
	MaxWindow  int64 // memory of one decoder, and of what is kept of a nested zip before it is spooled; 0 is 128 MiB
	MaxDepth   int   // compressions and archives inside each other; 0 is 8
	MaxMembers int   // members of all archives in one named input; 0 is 100,000
	// Memory bounds what is kept, compressed again, of the evidence in
	// compressed archives, so that opening a member does not decompress all
	// before it. 0 is 256 MiB, negative is none.
	Memory int64
}

// Taking is what Options.Take decides.
type Taking uint8

// What to do with something found in a directory or archive.
const (
	TakeEvidence Taking = iota // a source if its kind is known
	TakeNothing                // not opened, not counted
	TakeAnyway                 // a source of whatever kind
)

func (o Options) withDefaults() Options {
	set := func(p *int64, value int64) {
		if *p == 0 {
			*p = value
		}
	}
	set(&o.MaxBytes, 1<<40)
	set(&o.MaxRatio, 1100)
	set(&o.MaxWindow, 128<<20)
	set(&o.Memory, 256<<20)
	if o.MaxDepth == 0 {
		o.MaxDepth = 8
	}
	if o.MaxMembers == 0 {
		o.MaxMembers = 100_000
	}
	return o
}

// ratioFrom is where MaxRatio begins to count: a small file of little variety
// may well pass any ratio.
const ratioFrom = 64 << 20

// Damage is the error of a reader whose stored bytes end early or are not what
// they should be. All that could be decompressed before was read. It is no I/O
// failure: the run counts it and goes on with the other sources.
type Damage struct {
	Path   string // file or ARCHIVE!MEMBER
	Offset int64  // decompressed bytes that were read before it
	What   string // "truncated gzip data", "damaged tar archive", "decompression bomb"
	Err    error  // the decoder's error, or nil
}

func (d *Damage) Error() string {
	if d.Err == nil || errors.Is(d.Err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("%s: %s after %d bytes", d.Path, d.What, d.Offset)
	}
	return fmt.Sprintf("%s: %s after %d bytes: %v", d.Path, d.What, d.Offset, d.Err)
}

// Unwrap gives the decoder's error.
func (d *Damage) Unwrap() error { return d.Err }

// ReaderAt gives the source's decompressed bytes for random access, and how
// many they are: a plain file's own, else from memory or an unlinked temporary
// file that is filled at the first call. The reader is valid until the Inputs
// are closed, and also where the error is a *Damage: then it has the bytes
// before it.
func (s *Source) ReaderAt() (io.ReaderAt, int64, error) {
	if s.OpenAt != nil {
		return s.OpenAt()
	}
	r, err := s.OpenRaw()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	sp, err := fill(r, "", memorySpool)
	if damage := (*Damage)(nil); err != nil && !errors.As(err, &damage) {
		return nil, 0, err
	}
	return sp, sp.size, err
}

// blob is bytes that can be opened any number of times: a file, or what is
// inside one.
type blob struct {
	path string
	size int64 // as stored, -1 unknown
	open func() (*stream, error)
	// at gives random access where the bytes are stored plainly, else nil.
	at func() (io.ReaderAt, int64, error)
	// restream is a member that is found only by decompressing all before it.
	restream bool
}

// stream is one reading of a blob.
type stream struct {
	io.Reader
	stored *atomic.Int64 // bytes of the file itself that were read for it
	close  []func() error
}

// Close closes what the stream reads from, the last opened first.
func (s *stream) Close() error {
	var first error
	for i := len(s.close) - 1; i >= 0; i-- {
		if err := s.close[i](); err != nil && first == nil {
			first = err
		}
	}
	s.close = nil
	return first
}

// file is a plain file as it was when it was found: its size then is its end,
// so that a log that grows while it is read is read the same in every pass.
// It is held open, which keeps it through rotation and removal, unless there
// are very many; those are opened again and must still be the same file.
type file struct {
	path string
	info os.FileInfo
	open func() (*os.File, error)
	keep bool

	mu    sync.Mutex
	f     *os.File
	users int
}

func (f *file) acquire() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		opened, err := f.open()
		if err != nil {
			return pathError(f.path, err)
		}
		info, err := opened.Stat()
		if err != nil || !os.SameFile(info, f.info) || info.Size() < f.info.Size() {
			opened.Close()
			return pathError(f.path, errReplaced)
		}
		f.f = opened
	}
	f.users++
	return nil
}

func (f *file) release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users--
	if f.users > 0 || f.keep || f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}

// Close closes the file whoever reads it.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}

// ReadAt reads within the size that the file had. It must be acquired.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	size := f.info.Size()
	if off >= size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), size-off)]
	n, err := f.f.ReadAt(want, off)
	switch {
	case n == len(want) && len(want) < len(p):
		return n, io.EOF
	case n == len(want):
		return n, nil
	case err == io.EOF:
		return n, fmt.Errorf("%s: shrank below its %d bytes while it was read", f.path, size)
	}
	return n, pathError(f.path, err)
}

func (f *file) blob() blob {
	return blob{
		path: f.path,
		size: f.info.Size(),
		open: func() (*stream, error) {
			if err := f.acquire(); err != nil {
				return nil, err
			}
			stored := new(atomic.Int64)
			section := io.NewSectionReader(f, 0, f.info.Size())
			return &stream{countStored{section, stored}, stored, []func() error{f.release}}, nil
		},
		at: func() (io.ReaderAt, int64, error) {
			// Random access is given until Inputs.Close.
			if err := f.acquire(); err != nil {
				return nil, 0, err
			}
			return f, f.info.Size(), nil
		},
	}
}

// Stored is how many bytes of the file itself have been read.
func (s *stream) Stored() int64 { return s.stored.Load() }

// countStored counts what is read from a file itself.
type countStored struct {
	io.ReadSeeker
	n *atomic.Int64
}

func (c countStored) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.n.Add(int64(n))
	return n, err
}

var errReplaced = errors.New("was replaced while it was read")

// pathError gives "PATH: what" for what the system says as "open PATH: what".
func pathError(path string, err error) error {
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
