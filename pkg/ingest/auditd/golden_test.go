package auditd

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/record/*.json")

// view is an Event as the golden files show it.
type view struct {
	Node, Type, Result, Ses, AUID, UID, EUID, OldSes, OldAUID string    `json:",omitempty"`
	Serial                                                    uint32    `json:",omitempty"`
	NULs                                                      int       `json:",omitempty"`
	Records                                                   []string  `json:",omitempty"`
	Names                                                     *Names    `json:",omitempty"`
	PID, PPID                                                 int       `json:",omitempty"`
	TTY, Comm, Exe, CWD                                       string    `json:",omitempty"`
	Args                                                      []string  `json:",omitempty"`
	Keys                                                      []string  `json:",omitempty"`
	Syscall, Exit                                             string    `json:",omitempty"`
	Op, Acct, Addr, Hostname, Terminal                        string    `json:",omitempty"`
	Action, How, ObjectType, ObjectPrimary, ObjectSecondary   string    `json:",omitempty"`
	Contradictions                                            []string  `json:",omitempty"`
	Uncoalesced                                               bool      `json:",omitempty"`
	Sock                                                      *sockView `json:",omitempty"`
	Rejected                                                  []string  `json:",omitempty"`
}

type sockView struct {
	Family, Addr, Port, Path, Raw string `json:",omitempty"`
}

// show gives a Text as it is, or in hex where it is not UTF-8.
func show(t Text) string {
	if !utf8.Valid(t) {
		return "hex:" + hex.EncodeToString(t)
	}
	return string(t)
}

func viewOf(ev *Event) view {
	v := view{
		Node: ev.Node, Serial: ev.Serial, Type: ev.TypeStr, Result: ev.Result, Ses: ev.Ses, AUID: ev.AUID, UID: ev.UID, EUID: ev.EUID,
		OldSes: ev.OldSes, OldAUID: ev.OldAUID, PID: ev.PID, PPID: ev.PPID, TTY: ev.TTY,
		Comm: show(ev.Comm), Exe: show(ev.Exe), CWD: show(ev.CWD), Keys: ev.Keys, Syscall: ev.Syscall, Exit: ev.Exit,
		Op: ev.Op, Acct: show(ev.Acct), Addr: ev.Addr, Hostname: ev.Hostname, Terminal: ev.Terminal,
		Action: ev.Action, How: show(ev.How), ObjectType: ev.ObjectType,
		ObjectPrimary: show(ev.ObjectPrimary), ObjectSecondary: show(ev.ObjectSecondary),
		Contradictions: ev.Contradictions, Uncoalesced: ev.Uncoalesced,
	}
	for i := range ev.Records {
		v.Records = append(v.Records, string(ev.Records[i].TypeName))
		v.NULs += ev.Records[i].NULs
	}
	for _, a := range ev.Args {
		v.Args = append(v.Args, show(a))
	}
	if ev.Names != (Names{}) {
		v.Names = &ev.Names
	}
	if s := ev.Sock; s != nil {
		v.Sock = &sockView{s.Family, s.Addr, s.Port, show(s.Path), show(s.Raw)}
	}
	return v
}

// build makes the Events of a golden input's lines.
func build(lines []byte) (events []*Event, rejected []string) {
	b := NewBuilder()
	var order []Key
	groups := make(map[Key][]*Record)
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		var rec Record
		if err := ParseLine(line, &rec); err != nil {
			rejected = append(rejected, err.Error()+": "+string(line))
			continue
		}
		k := Key{string(rec.Node), rec.Millis, rec.Serial}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], &rec)
	}
	for _, k := range order {
		ev := new(Event)
		b.Build(groups[k], ev)
		events = append(events, ev)
	}
	return events, rejected
}

// goldenInputs gives the pairs' inputs, without their leading comment.
func goldenInputs(t *testing.T) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob("../../../testdata/record/*.txt")
	if len(names) == 0 {
		t.Fatal("no testdata/record/*.txt")
	}
	inputs := make(map[string][]byte)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		comment, rest, _ := bytes.Cut(data, []byte("\n"))
		if !bytes.HasPrefix(comment, []byte("# ")) {
			t.Errorf("%s: the first line must say what the pair pins", name)
		}
		inputs[name] = rest
	}
	return inputs
}

func TestGoldenRecords(t *testing.T) {
	t.Parallel()
	for name, lines := range goldenInputs(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			events, rejected := build(lines)
			views := make([]view, 0, len(events)+1)
			for _, ev := range events {
				views = append(views, viewOf(ev))
			}
			if rejected != nil {
				views = append(views, view{Rejected: rejected})
			}
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(views); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(name, ".txt") + ".json"
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), out.String()); d != "" {
				t.Error(d)
			}
		})
	}
}
