package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"auditreplay/pkg/ingest"

	"github.com/google/go-cmp/cmp"
)

func ExampleLines() {
	in := "type=USER_END msg=audit(1.000:1): a\n\x00\x00\x00type=LOGIN msg=audit(2.000:2): b\ntype=SYSC"
	lines := ingest.NewLines(strings.NewReader(in))
	for {
		line, number, nuls, err := lines.Next()
		if err != nil {
			break // io.EOF
		}
		fmt.Printf("%d %q nuls=%d unterminated=%t\n", number, line, nuls, lines.Unterminated())
	}
	// Output:
	// 1 "type=USER_END msg=audit(1.000:1): a" nuls=0 unterminated=false
	// 2 "type=LOGIN msg=audit(2.000:2): b" nuls=3 unterminated=false
	// 3 "type=SYSC" nuls=0 unterminated=true
}

type gotLine struct {
	Line    string
	Number  int64
	NULs    int
	TooLong int64
	Open    bool
	Offset  int64
}

func readLines(t testing.TB, r io.Reader) ([]gotLine, error) {
	t.Helper()
	lines := ingest.NewLines(r)
	var got []gotLine
	for {
		line, number, nuls, err := lines.Next()
		if err != nil {
			if _, _, _, again := lines.Next(); again != err {
				t.Errorf("error does not stay: %v then %v", err, again)
			}
			return got, err
		}
		got = append(got, gotLine{string(line), number, nuls, lines.TooLong(), lines.Unterminated(), lines.Offset()})
	}
}

// readKept reads lines that stay valid, and looks at them when all are read.
func readKept(t testing.TB, in []byte, chunk int, ahead bool) []gotLine {
	t.Helper()
	blocks := ingest.NewBlocks(&chunks{bytes.NewReader(in), chunk}, 64<<10)
	if ahead {
		blocks.Ahead()
		defer blocks.Close()
	}
	lines := ingest.KeptLines(blocks)
	var kept [][]byte
	var got []gotLine
	for {
		line, number, nuls, err := lines.Next()
		if err != nil {
			break
		}
		kept = append(kept, line)
		got = append(got, gotLine{"", number, nuls, lines.TooLong(), lines.Unterminated(), lines.Offset()})
	}
	for i := range got {
		got[i].Line = string(kept[i])
	}
	return got
}

func TestLinesKept(t *testing.T) {
	t.Parallel()
	var in []byte
	for i := range 40 {
		in = append(in, strings.Repeat(string(rune('a'+i%26)), 7919*i)...)
		in = append(in, "\n\x00\x00short\n"...)
	}
	in = append(in, strings.Repeat("y", ingest.MaxLine+5)+"\nafter\n"+strings.Repeat("z", 300<<10)...)
	want, err := readLines(t, bytes.NewReader(in))
	if err != io.EOF {
		t.Fatal(err)
	}
	for _, chunk := range []int{4096, 100 << 10, 1 << 30} {
		for _, ahead := range []bool{false, true} {
			if diff := cmp.Diff(want, readKept(t, in, chunk, ahead)); diff != "" {
				t.Errorf("chunk %d, ahead %t (-want +got):\n%.2000s", chunk, ahead, diff)
			}
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, in string
		want     []gotLine
	}{
		{"empty", "", nil},
		{"one", "a\n", []gotLine{{Line: "a", Number: 1}}},
		{"blank lines", "\n\na\n", []gotLine{{Number: 1}, {Number: 2, Offset: 1}, {Line: "a", Number: 3, Offset: 2}}},
		{"no final newline", "a\nb", []gotLine{{Line: "a", Number: 1}, {Line: "b", Number: 2, Open: true, Offset: 2}}},
		{"CR kept", "a\r\n", []gotLine{{Line: "a\r", Number: 1}}},
		{"NULs before a line", "a\n\x00\x00b\n", []gotLine{{Line: "a", Number: 1}, {Line: "b", Number: 2, NULs: 2, Offset: 2}}},
		{"NULs inside stay", "a\x00b\n", []gotLine{{Line: "a\x00b", Number: 1}}},
		{"NULs at the end", "a\n\x00\x00", []gotLine{{Line: "a", Number: 1}, {Number: 2, NULs: 2, Open: true, Offset: 2}}},
		{"NULs then a newline", "\x00\n", []gotLine{{Number: 1, NULs: 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for how, r := range map[string]io.Reader{
				"whole":        strings.NewReader(test.in),
				"one byte":     iotest.OneByteReader(strings.NewReader(test.in)),
				"err with end": iotest.DataErrReader(strings.NewReader(test.in)),
			} {
				got, err := readLines(t, r)
				if err != io.EOF {
					t.Errorf("%s: error %v", how, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

func TestLinesLong(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	most := ingest.MaxLine
	for _, long := range []int{1 << 20, most, most + 1, most + 300<<10} {
		for _, before := range []int{5, 200 << 10} {
			in := x(before) + "\n" + x(long) + "\nafter\nend"
			got, err := readLines(t, strings.NewReader(in))
			if err != io.EOF || len(got) != 4 {
				t.Fatalf("long %d before %d: %d lines, error %v", long, before, len(got), err)
			}
			if got[1].Line != x(min(long, most)) {
				t.Errorf("long %d before %d: line of %d bytes", long, before, len(got[1].Line))
			}
			var tooLong int64
			if long > most {
				tooLong = int64(long)
			}
			if got[1].TooLong != tooLong {
				t.Errorf("long %d before %d: too long %d", long, before, got[1].TooLong)
			}
			if got[2].Line != "after" || got[3].Line != "end" || got[3].Offset != int64(len(in)-3) {
				t.Errorf("long %d before %d: then %q %q at %d", long, before, got[2].Line, got[3].Line, got[3].Offset)
			}
		}
	}
	got, err := readLines(t, strings.NewReader(x(most+5)))
	if err != io.EOF || len(got) != 1 || got[0].TooLong != int64(most+5) || !got[0].Open {
		t.Errorf("too long and unterminated: %d lines, error %v", len(got), err)
	}
}

func TestLinesHole(t *testing.T) {
	t.Parallel()
	const hole = 3 << 20
	in := io.MultiReader(strings.NewReader("a\n"), io.LimitReader(zeros{}, hole), strings.NewReader("b\nc\n"))
	got, err := readLines(t, in)
	want := []gotLine{
		{Line: "a", Number: 1},
		{Line: "b", Number: 2, NULs: hole, Offset: 2},
		{Line: "c", Number: 3, Offset: hole + 4},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != io.EOF {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestLinesError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	got, err := readLines(t, io.MultiReader(strings.NewReader("a\nhal"), iotest.ErrReader(broken)))
	want := []gotLine{{Line: "a", Number: 1}, {Line: "hal", Number: 2, Open: true, Offset: 2}}
	if diff := cmp.Diff(want, got); diff != "" || err != broken {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if _, err := readLines(t, stuck{}); err != io.ErrNoProgress {
		t.Errorf("reader that gives nothing: %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// FuzzLines: every byte of the input is in exactly one line.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb"), 1)
	f.Add([]byte("\x00\x00a\n\n\r\n\x00"), 3)
	f.Fuzz(func(t *testing.T, in []byte, chunk int) {
		got, err := readLines(t, &chunks{bytes.NewReader(in), max(1, chunk&0xffff)})
		if err != io.EOF {
			t.Fatal(err)
		}
		var out []byte
		for i, g := range got {
			if g.Number != int64(i)+1 || g.Offset != int64(len(out)) {
				t.Fatalf("line %d is called %d at %d, stands at %d", i+1, g.Number, g.Offset, len(out))
			}
			out = append(out, make([]byte, g.NULs)...)
			out = append(out, g.Line...)
			if !g.Open {
				out = append(out, '\n')
			}
		}
		if !bytes.Equal(in, out) {
			t.Fatalf("read %q, lines give %q", in, out)
		}
		if diff := cmp.Diff(got, readKept(t, in, max(1, chunk&0xffff), chunk&1 == 0)); diff != "" {
			t.Fatalf("kept (-want +got):\n%s", diff)
		}
	})
}

type chunks struct {
	r io.Reader
	n int
}

func (c *chunks) Read(p []byte) (int, error) { return c.r.Read(p[:min(c.n, len(p))]) }

func TestLinesAllocs(t *testing.T) {
	in := bytes.Repeat([]byte("type=SYSCALL msg=audit(1.000:1): arch=c000003e\n"), 1000)
	r := bytes.NewReader(in)
	lines := ingest.NewLines(r)
	read := func() {
		r.Reset(in)
		lines.Reset(r)
		for {
			if _, _, _, err := lines.Next(); err != nil {
				return
			}
		}
	}
	read()
	if n := testing.AllocsPerRun(10, read); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// go test ./pkg/ingest -run - -bench Lines
func BenchmarkLines(b *testing.B) {
	in := bytes.Repeat([]byte("type=SYSCALL msg=audit(1679060258.126:30361): arch=c000003e syscall=59 success=yes exit=0 "+
		"a0=55d0 a1=55d1 a2=55d2 a3=0 items=2 ppid=25130 pid=25142 auid=1000 uid=0 gid=0 tty=pts0 ses=67 comm=\"id\"\n"), 10000)
	r := bytes.NewReader(in)
	lines := ingest.NewLines(r)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(in)
		lines.Reset(r)
		for {
			if _, _, _, err := lines.Next(); err != nil {
				break
			}
		}
	}
}

// TestLinesClean holds that Clean never overlooks a NUL byte of the line at hand.
func TestLinesClean(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		rnd := rand.New(rand.NewPCG(7, 8))
		var log []byte
		for i := range 4000 {
			log = append(log, bytes.Repeat([]byte("x"), rnd.IntN(300))...)
			if i%977 == 500 {
				log = append(log, 0)
			}
			log = append(log, "y\n"...)
		}
		r := iotest.HalfReader(bytes.NewReader(log))
		l := ingest.NewLines(r)
		if keep {
			l = ingest.KeptLines(ingest.NewBlocks(r, 8192))
		}
		unclean := 0
		for {
			line, n, _, err := l.Next()
			if err != nil {
				break
			}
			if !l.Clean() {
				unclean++
			} else if bytes.IndexByte(line, 0) >= 0 {
				t.Errorf("keep %v: line %d holds a NUL, its buffer none", keep, n)
			}
		}
		if keep && (unclean == 0 || unclean > 1000) {
			t.Errorf("%d of 4000 lines in buffers with a NUL", unclean)
		}
	}
}
