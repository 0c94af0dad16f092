package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auditreplay/pkg/ingest"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// builder writes a journal file without hash tables, which a linear reader does
// not need.
type builder struct {
	b       []byte
	compact bool
	entries []uint64
}

func newBuilder(compact bool) *builder {
	b := &builder{b: make([]byte, minHeader), compact: compact}
	copy(b.b, signature)
	copy(b.b[72:], bytes.Repeat([]byte{0xab}, 16))
	if compact {
		b.b[12] = 16
	}
	return b
}

// object appends one and returns its offset.
func (b *builder) object(kind, flags byte, body []byte) uint64 {
	at := uint64(len(b.b))
	b.b = append(b.b, kind, flags, 0, 0, 0, 0, 0, 0)
	b.b = binary.LittleEndian.AppendUint64(b.b, uint64(objectHead+len(body)))
	b.b = append(b.b, body...)
	for len(b.b)%8 != 0 {
		b.b = append(b.b, 0)
	}
	binary.LittleEndian.PutUint64(b.b[136:], at)
	return at
}

func (b *builder) data(flags byte, payload []byte) uint64 {
	head := make([]byte, 48)
	if b.compact {
		head = make([]byte, 56)
	}
	return b.object(dataObject, flags, append(head, payload...))
}

func (b *builder) entry(items ...uint64) uint64 {
	le := binary.LittleEndian
	n := uint64(len(b.entries) + 1)
	body := le.AppendUint64(nil, n)
	body = le.AppendUint64(body, 1795388824336524+n)
	body = le.AppendUint64(body, 42512248+n)
	body = append(body, bytes.Repeat([]byte{0xcd}, 16)...)
	body = le.AppendUint64(body, 0)
	for _, item := range items {
		if b.compact {
			body = le.AppendUint32(body, uint32(item))
		} else {
			body = le.AppendUint64(le.AppendUint64(body, item), 0)
		}
	}
	at := b.object(entryObject, 0, body)
	b.entries = append(b.entries, at)
	return at
}

// message appends an entry of sshd's.
func (b *builder) message(text string) uint64 {
	return b.entry(b.data(0, []byte("SYSLOG_IDENTIFIER=sshd")), b.data(0, []byte("MESSAGE="+text)))
}

func (b *builder) bytes() []byte {
	le := binary.LittleEndian
	body := le.AppendUint64(nil, 0)
	for _, e := range b.entries {
		if b.compact {
			body = le.AppendUint32(body, uint32(e))
		} else {
			body = le.AppendUint64(body, e)
		}
	}
	le.PutUint64(b.b[176:], b.object(entryArrayObject, 0, body))
	le.PutUint64(b.b[88:], minHeader)
	le.PutUint64(b.b[96:], uint64(len(b.b)-minHeader))
	return b.b
}

// heard gives the texts and rejections of a file.
func heard(t *testing.T, b []byte) string {
	t.Helper()
	var list []string
	for _, e := range all(t, newBinary(b)) {
		switch e.Kind {
		case ingest.MessageEntry:
			list = append(list, e.Message.Text)
		case ingest.Rejected:
			list = append(list, "("+e.What+")")
		}
	}
	return strings.Join(list, " ")
}

func TestBinaryDamage(t *testing.T) {
	t.Parallel()
	le := binary.LittleEndian
	for _, compact := range []bool{false, true} {
		for _, test := range []struct {
			name, want string
			damage     func(b []byte, entries []uint64) []byte
		}{
			{"none", "one two three", func(b []byte, _ []uint64) []byte { return b }},
			{"not a journal", "(not a journal file)", func(b []byte, _ []uint64) []byte { b[0] = 'X'; return b }},
			{"unknown feature", "(journal file uses features that are not known here: make an export with journalctl -o export)", func(b []byte, _ []uint64) []byte { b[12] |= 64; return b }},
			{"header cut off", "(journal file is cut off in its header)", func(b []byte, _ []uint64) []byte { return b[:100] }},
			{"header size", "(journal file has a damaged header)", func(b []byte, _ []uint64) []byte { le.PutUint64(b[88:], 1<<40); return b }},
			{"size of an entry", "one (damaged object) three", func(b []byte, e []uint64) []byte { le.PutUint64(b[e[1]+8:], 1<<40); return b }},
			{"type of an entry", "one (damaged object) three", func(b []byte, e []uint64) []byte { b[e[1]] = 99; return b }},
			{"small entry", "(damaged entry) (damaged object) two three", func(b []byte, e []uint64) []byte { le.PutUint64(b[e[0]+8:], 17); return b }},
			{"item", "one (entry refers to damaged data) three", func(b []byte, e []uint64) []byte { le.PutUint32(b[e[1]+64:], 12345); return b }},
			{"cut off", "one (journal file is cut off)", func(b []byte, e []uint64) []byte { return b[:e[1]+8] }},
			{"zeros", "one (damaged object: the rest of the file cannot be read)", func(b []byte, e []uint64) []byte {
				clear(b[e[1]:])
				return b
			}},
			{"being written", "one two", func(b []byte, e []uint64) []byte {
				le.PutUint64(b[136:], e[1])
				clear(b[e[1]+le.Uint64(b[e[1]+8:]):])
				return b
			}},
		} {
			t.Run(fmt.Sprintf("%s, compact %v", test.name, compact), func(t *testing.T) {
				t.Parallel()
				b := newBuilder(compact)
				b.message("one")
				b.message("two")
				b.message("three")
				entries := b.entries
				if got := heard(t, test.damage(b.bytes(), entries)); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		}
	}
}

func TestCompressed(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("pad ", 300)
	payload := []byte("MESSAGE=" + text)
	// xz -T2 --check=none: one block with its sizes in its header, as journald's
	// lzma_stream_buffer_encode writes it.
	xzed, err := base64.StdEncoding.DecodeString("/Td6WFoAAAD/EtlBBMAhuAkhARYAAAAAAAAAAKw0LvvgBLcAGV0AJpFGwNGUV+SUx/FMPbNJc511dQ7EDFpIAAAAAAAAATW4CQAAAJxOXcqoAAr8AgAAAAAAWVo=")
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, lz4.CompressBlockBound(len(payload)))
	n, err := lz4.CompressBlock(payload, block, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		flag   byte
		stored []byte
	}{
		{"xz", dataXZ, xzed},
		{"lz4", dataLZ4, append(binary.LittleEndian.AppendUint64(nil, uint64(len(payload))), block[:n]...)},
		{"zstd", dataZSTD, w.EncodeAll(payload, nil)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBuilder(false)
			ident := b.data(0, []byte("SYSLOG_IDENTIFIER=sshd"))
			b.entry(ident, b.data(test.flag, test.stored))
			b.entry(ident, b.data(test.flag, test.stored[:len(test.stored)/2]))
			b.entry(ident, b.data(0x40, test.stored))
			if got, want := heard(t, b.bytes()), text+" (entry refers to damaged data) (entry refers to damaged data)"; got != want {
				t.Errorf("got %.200s", got)
			}
		})
	}
}

// A bomb is cut, and costs no more memory than what is kept.
func TestBomb(t *testing.T) {
	t.Parallel()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBuilder(true)
	b.entry(b.data(0, []byte("SYSLOG_IDENTIFIER=sshd")), b.data(dataZSTD, w.EncodeAll(append([]byte("MESSAGE="), make([]byte, 100<<20)...), nil)))
	es := all(t, newBinary(b.bytes()))
	if len(es) != 1 || len(es[0].Message.Text) != maxValue || !es[0].Message.Truncated {
		t.Errorf("%d entries", len(es))
	}
}

// Files that systemd itself wrote, compressed, regular and compact, give what
// they were made from.
func TestBinaryForms(t *testing.T) {
	t.Parallel()
	want := all(t, NewExport(bytes.NewReader(testFile(t, "small.export.gz")), source("x")))
	if len(want) != 6 {
		t.Fatalf("%d entries", len(want))
	}
	for _, name := range []string{"regular", "compact"} {
		got := all(t, newBinary(testFile(t, name+".journal.xz")))
		same(t, want, got)
	}
}

func testFile(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return decompress(tb, name, b)
}

func TestMerge(t *testing.T) {
	t.Parallel()
	entry := func(seqID string, num int, boot byte, mono, real int, text string) string {
		id := hex.EncodeToString(bytes.Repeat([]byte{boot}, 16))
		return fmt.Sprintf("__CURSOR=s=%s;i=%x;b=%s;m=%x;t=%x;x=1\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=%s\n\n", strings.Repeat(seqID, 32), num, id, mono, real, text)
	}
	for _, test := range []struct {
		name string
		in   []string
		want string
	}{
		{"by number", []string{entry("a", 1, 1, 5, 50, "1") + entry("a", 4, 1, 1, 10, "4"), entry("a", 2, 1, 9, 90, "2") + entry("a", 3, 1, 2, 20, "3")}, "1 2 3 4"},
		{"by time since boot", []string{entry("a", 9, 1, 10, 900, "1") + entry("a", 10, 1, 30, 100, "3"), entry("b", 1, 1, 20, 200, "2")}, "1 2 3"},
		{"by reception", []string{entry("a", 9, 1, 10, 100, "1") + entry("a", 10, 1, 30, 300, "3"), entry("b", 1, 2, 1, 200, "2")}, "1 2 3"},
		{"copies", []string{entry("a", 1, 1, 10, 100, "1") + entry("a", 2, 1, 30, 300, "2"), entry("a", 1, 1, 10, 100, "1"), entry("a", 2, 1, 30, 300, "2")}, "1 duplicate 2 duplicate"},
		{"damage", []string{"stray\n\n" + entry("a", 2, 1, 10, 100, "2"), entry("a", 1, 1, 1, 1, "1")}, "rejected 1 2"},
		{"nothing", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var readers []Reader
			for _, in := range test.in {
				readers = append(readers, NewExport(strings.NewReader(in), source("x")))
			}
			var got []string
			for _, e := range all(t, Merge(readers...)) {
				switch {
				case e.Kind == ingest.Rejected:
					got = append(got, "rejected")
				case e.What != "":
					got = append(got, e.What)
				default:
					got = append(got, e.Message.Text)
				}
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("got %s, want %s", s, test.want)
			}
		})
	}
}
