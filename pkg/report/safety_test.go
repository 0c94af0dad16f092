package report_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"auditreplay/pkg/safe"
)

// forPeople are the outputs that end on a terminal.
func forPeople() []string {
	return slices.DeleteFunc(views(), func(name string) bool {
		return !strings.Contains(name, "format=table") && !strings.Contains(name, "format=text")
	})
}

// TestTerminalSafe: whatever the evidence holds, nothing that is written for
// people moves a cursor, hides text or reorders it, and colour is the only
// escape sequence there is.
func TestTerminalSafe(t *testing.T) {
	t.Parallel()
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for file, a := range archives(t) {
		events := decode(t, a.Files[0].Data)
		for _, name := range forPeople() {
			plain := show(t, name+" wide=1", events)
			painted := show(t, name+" wide=1 color=1", events)
			if got := colour.ReplaceAllString(painted, ""); got != plain {
				t.Errorf("%s: %s: colour changes the text", file, name)
			}
			if !utf8.ValidString(plain) {
				t.Errorf("%s: %s: not UTF-8", file, name)
			}
			for _, r := range plain {
				if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r)) {
					t.Errorf("%s: %s: %U in the output", file, name, r)
				}
			}
		}
	}
}

// TestWidth: no line of a table is wider than the terminal, nor is any line
// of the other views where it is wide enough for their fixed parts.
func TestWidth(t *testing.T) {
	t.Parallel()
	for file, a := range archives(t) {
		events := decode(t, a.Files[0].Data)
		for _, name := range forPeople() {
			for _, cells := range []int{20, 40, 60, 79, 80, 100, 119, 120, 132, 200, 300} {
				if cells < 80 && strings.HasPrefix(name, "tree") || cells < 40 && strings.HasPrefix(name, "sessions") {
					continue
				}
				out := show(t, fmt.Sprintf("%s width=%d", name, cells), events)
				for line := range strings.Lines(out) {
					if n := safe.Width(strings.TrimSuffix(line, "\n")); n > cells {
						t.Errorf("%s: %s: %d columns of %d: %q", file, name, n, cells, line)
					}
				}
			}
		}
	}
}

// TestTableColumns: the columns of a table stand below each other, wide and
// combining characters or not.
func TestTableColumns(t *testing.T) {
	t.Parallel()
	a := archives(t)["testdata/hostile.txtar"]
	lines := strings.Split(strings.TrimSuffix(show(t, "sessions width=100", decode(t, a.Files[0].Data)), "\n"), "\n")
	from := strings.Index(lines[0], "FROM")
	for _, line := range lines[1:] {
		head, _, _ := strings.Cut(line, "203.0.113.1")
		if got := safe.Width(head); got != from {
			t.Errorf("FROM stands at column %d, its title at %d: %q", got, from, line)
		}
	}
}

// TestNarrowTable: who it was is the last that a table leaves out.
func TestNarrowTable(t *testing.T) {
	t.Parallel()
	a := archives(t)["testdata/hostile.txtar"]
	for _, width := range []int{12, 20, 30} {
		out := show(t, fmt.Sprintf("sessions width=%d", width), decode(t, a.Files[0].Data))
		if head, _, _ := strings.Cut(out, "\n"); !strings.Contains(head, "PERSON") {
			t.Errorf("%d columns: %q", width, head)
		}
	}
}

// TestCSV: RFC 4180, with one header, the same number of fields in each
// record, lines that end in CRLF, and no cell that a spreadsheet computes.
func TestCSV(t *testing.T) {
	t.Parallel()
	for file, a := range archives(t) {
		events := decode(t, a.Files[0].Data)
		for _, name := range views() {
			if !strings.Contains(name, "csv") {
				continue
			}
			out := show(t, name, events)
			r := csv.NewReader(strings.NewReader(out))
			rows, err := r.ReadAll()
			if err != nil || len(rows) == 0 {
				t.Errorf("%s: %s: %d rows, %v", file, name, len(rows), err)
			}
			if !strings.HasSuffix(out, "\r\n") {
				t.Errorf("%s: %s: does not end in CRLF", file, name)
			}
			for _, row := range rows {
				for _, cell := range row {
					if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
						t.Errorf("%s: %s: a formula: %q", file, name, cell)
					}
				}
			}
			if empty := show(t, name, nil); empty != strings.SplitAfter(out, "\r\n")[0] {
				t.Errorf("%s: without events: %q", name, empty)
			}
		}
	}
}

// TestTimesketch holds the output against what Timesketch's importer demands
// (timesketch/lib/utils.py, read_and_validate_jsonl and _csv): message,
// datetime and timestamp_desc in every row, a datetime that is ISO 8601 and of
// one form throughout, a timestamp in microseconds that agrees with it, and
// none of the names that it removes.
func TestTimesketch(t *testing.T) {
	t.Parallel()
	forms := map[string]bool{}
	digit := regexp.MustCompile("[0-9]")
	for file, a := range archives(t) {
		events := decode(t, a.Files[0].Data)
		for line := range strings.Lines(show(t, "timeline format=timesketch", events)) {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, key := range []string{"message", "datetime", "timestamp_desc"} {
				if s, _ := row[key].(string); s == "" {
					t.Errorf("%s: no %s: %s", file, key, line)
				}
			}
			for _, key := range []string{"_id", "_type", "_index", "_source", "__ts_timeline_id", "tag"} {
				if _, ok := row[key]; ok {
					t.Errorf("%s: has %s", file, key)
				}
			}
			at, err := time.Parse(time.RFC3339Nano, row["datetime"].(string))
			if err != nil || at.UnixMicro() != int64(row["timestamp"].(float64)) {
				t.Errorf("%s: datetime %v, timestamp %v: %v", file, row["datetime"], row["timestamp"], err)
			}
			forms[digit.ReplaceAllString(row["datetime"].(string), "9")] = true
		}
		rows, err := csv.NewReader(strings.NewReader(show(t, "timeline format=timesketch-csv", events))).ReadAll()
		if err != nil || len(rows) != len(events)+1 {
			t.Fatalf("%s: %d rows for %d events: %v", file, len(rows), len(events), err)
		}
		if want := []string{"message", "timestamp", "datetime", "timestamp_desc"}; !slices.Equal(rows[0][:4], want) {
			t.Errorf("header %v", rows[0])
		}
		for _, row := range rows[1:] {
			forms[digit.ReplaceAllString(row[2], "9")] = true
			if row[0] == "" || row[3] == "" {
				t.Errorf("%s: %v", file, row)
			}
		}
	}
	if len(forms) != 1 {
		t.Errorf("datetime has several forms: %v", forms)
	}
}
