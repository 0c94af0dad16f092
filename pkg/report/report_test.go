package report_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"auditreplay/pkg/report"
	"auditreplay/pkg/schema"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// view is what all views are.
type view interface {
	auditevent.EventEncoder
	Close() error
}

// newView makes the view that a section of a testdata archive is called
// after: "sessions width=200 by=ip".
func newView(t testing.TB, w io.Writer, name string) view {
	t.Helper()
	var so report.SessionsOptions
	var lo report.TimelineOptions
	var to report.TreeOptions
	words := strings.Fields(name)
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "format":
			so.Format, lo.Format, to.Format = value, value, value
		case "width":
			so.Width, lo.Width, to.Width = n, n, n
		case "wide":
			so.Wide, lo.Wide, to.Wide = true, true, true
		case "color":
			so.Color, lo.Color, to.Color = true, true, true
		case "by":
			so.By = value
		case "failed":
			so.Failed = true
		default:
			t.Fatalf("%s: no option %q", name, key)
		}
	}
	switch words[0] {
	case "sessions":
		return report.NewSessions(w, so)
	case "timeline":
		return report.NewTimeline(w, lo)
	case "tree":
		return report.NewTree(w, to)
	}
	t.Fatalf("no view %q", words[0])
	return nil
}

// decode returns the events of a saved output.
func decode(t testing.TB, saved []byte) []*auditevent.AuditEvent {
	t.Helper()
	var events []*auditevent.AuditEvent
	d := schema.NewDecoder(bytes.NewReader(saved), "events.jsonl")
	for {
		e, err := d.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

// show returns what the view writes for events.
func show(t testing.TB, name string, events []*auditevent.AuditEvent) string {
	t.Helper()
	var b strings.Builder
	v := newView(t, &b, name)
	for _, e := range events {
		if err := v.Encode(e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b.String()
}

// archives returns the testdata archives by name. The first file of each is
// the events.
func archives(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	all := map[string]*txtar.Archive{}
	for _, f := range files {
		a, err := txtar.ParseFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[f] = a
	}
	return all
}

// TestGolden compares every view that an archive in testdata names with what
// it expects. The comment of an archive says what it pins.
func TestGolden(t *testing.T) {
	t.Parallel()
	for file, a := range archives(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			events := decode(t, a.Files[0].Data)
			for i, f := range a.Files[1:] {
				got := show(t, f.Name, events)
				if *update {
					a.Files[i+1].Data = []byte(got)
					continue
				}
				if diff := cmp.Diff(string(f.Data), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// views are all views in all formats.
func views() []string {
	var all []string
	for _, format := range []string{"table", "csv", "json"} {
		all = append(all, "sessions format="+format, "sessions failed=1 format="+format)
		for _, by := range []string{"person", "key", "ip", "account", "host"} {
			all = append(all, "sessions format="+format+" by="+by)
		}
	}
	for _, format := range []string{"text", "csv", "json", "timesketch", "timesketch-csv"} {
		all = append(all, "timeline format="+format)
	}
	return append(all, "tree format=text", "tree format=json")
}

// TestKeepsNothing lets a producer that reuses one event and everything it
// points to feed the views.
func TestKeepsNothing(t *testing.T) {
	t.Parallel()
	for file, a := range archives(t) {
		for _, name := range views() {
			want := show(t, name, decode(t, a.Files[0].Data))
			var b strings.Builder
			v := newView(t, &b, name)
			for _, e := range decode(t, a.Files[0].Data) {
				if err := v.Encode(e); err != nil {
					t.Fatal(err)
				}
				spoil(e)
			}
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, b.String()); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", file, name, diff)
			}
		}
	}
}

func spoil(e *auditevent.AuditEvent) {
	x := schema.Of(e)
	for i := range x.ProcessArgs {
		x.ProcessArgs[i] = "SPOILT"
	}
	if x.Session != nil {
		for i := range x.Session.Evidence {
			x.Session.Evidence[i] = "SPOILT"
		}
		*x.Session = schema.Session{}
	}
	if x.User != nil && x.User.EUID != nil {
		*x.User.EUID = schema.User{ID: "77", Name: "SPOILT"}
	}
	*x = schema.Extra{}
	clear(e.Subjects)
	clear(e.Target)
	clear(e.Metadata.Extra)
	if e.Data != nil {
		clear(*e.Data)
	}
	e.Source.Value = "SPOILT"
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, v := range []view{
		report.NewSessions(io.Discard, report.SessionsOptions{}),
		report.NewTimeline(io.Discard, report.TimelineOptions{}),
		report.NewTree(io.Discard, report.TreeOptions{}),
	} {
		for _, bad := range []any{nil, "text", auditevent.AuditEvent{}, (*auditevent.AuditEvent)(nil)} {
			if v.Encode(bad) == nil {
				t.Errorf("%T took a %T", v, bad)
			}
		}
		if err := v.Encode(&auditevent.AuditEvent{}); err != nil {
			t.Errorf("%T: an empty event: %v", v, err)
		}
		if err := v.Close(); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	for name, v := range map[string]view{
		`--format: "xml" is none of table, csv, json`:                              report.NewSessions(io.Discard, report.SessionsOptions{Format: "xml"}),
		`--by: "x" is none of person, key, ip, account, host`:                      report.NewSessions(io.Discard, report.SessionsOptions{By: "x"}),
		`--format: "table" is none of text, csv, json, timesketch, timesketch-csv`: report.NewTimeline(io.Discard, report.TimelineOptions{Format: "table"}),
		`--format: "csv" is none of text, json`:                                    report.NewTree(io.Discard, report.TreeOptions{Format: "csv"}),
	} {
		for _, err := range []error{v.Encode(&auditevent.AuditEvent{}), v.Close()} {
			if err == nil || err.Error() != name {
				t.Errorf("got %v, want %s", err, name)
			}
		}
	}
}

type fullDisk struct{ left int }

func (f *fullDisk) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(b), nil
}

// TestWriteError: no view loses the error of its writer.
func TestWriteError(t *testing.T) {
	t.Parallel()
	for _, a := range archives(t) {
		events := decode(t, a.Files[0].Data)
		for _, name := range views() {
			if show(t, name, events) == "" {
				continue
			}
			v := newView(t, &fullDisk{left: 10}, name)
			var err error
			for _, e := range events {
				err = errors.Join(err, v.Encode(e))
			}
			if err = errors.Join(err, v.Close()); err == nil {
				t.Errorf("%s: the disk was full, and nobody said so", name)
			}
		}
	}
}

func BenchmarkViews(b *testing.B) { // go test -bench Views ./pkg/report
	saved := archives(b)["testdata/many.txtar"].Files[0].Data
	events := decode(b, saved)
	for _, name := range []string{"sessions", "timeline", "timeline format=timesketch", "tree"} {
		b.Run(name, func(b *testing.B) {
			v := newView(b, io.Discard, name)
			b.SetBytes(int64(len(saved)))
			for b.Loop() {
				for _, e := range events {
					if err := v.Encode(e); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
