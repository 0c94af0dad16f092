package report_test

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"auditreplay/pkg/report"

	"github.com/google/go-cmp/cmp"
)

// outline writes processes as "pid program(chain)", children in brackets.
func outline(list []*report.Process) string {
	var parts []string
	for _, p := range list {
		s := strconv.Itoa(p.PID)
		if p.Missing {
			s += "?"
		}
		for _, one := range p.Execs {
			s += " " + strings.Join(one.Args, ",") + "(" + strings.Join(one.Chain, ">") + ")"
		}
		if len(p.Children) > 0 {
			s += "[" + outline(p.Children) + "]"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

func TestForest(t *testing.T) {
	t.Parallel()
	sudo, d := "/usr/bin/sudo", "1005"
	cases := []struct {
		name   string
		events *stream
		want   string
	}{
		{"exec again in one process is one process",
			session("1").exec(1, 10, 9, d, d, "/bin/sh", "sh").exec(2, 10, 9, d, d, "/bin/ls", "ls"),
			"9?[10 sh(alice>deploy) ls(alice>deploy)]"},
		{"another parent is another process",
			session("1").exec(1, 10, 9, d, d, "/bin/a", "a").exec(2, 10, 8, d, d, "/bin/b", "b"),
			"9?[10 a(alice>deploy)] 8?[10 b(alice>deploy)]"},
		{"pids came round: the same parent's next child",
			session("1").exec(1, 900, 9, d, d, "/bin/a", "a").exec(2, 950, 9, d, d, "/bin/b", "b").
				exec(3, 310, 9, d, d, "/bin/c", "c").exec(9, 900, 9, d, d, "/bin/e", "e"),
			"9?[900 a(alice>deploy) 950 b(alice>deploy) 310 c(alice>deploy) 900 e(alice>deploy)]"},
		{"after exit_group it is another process",
			session("1").exec(1, 10, 9, d, d, "/bin/a", "a").call(2, 10, 9, "/bin/a", "exit_group", "").exec(3, 10, 9, d, d, "/bin/b", "b"),
			"9?[10 a(alice>deploy) 10 b(alice>deploy)]"},
		{"fork returns the pid again: another process",
			session("1").exec(1, 9, 8, d, d, "/bin/sh", "sh").call(2, 9, 8, "/bin/sh", "clone", "10").exec(3, 10, 9, d, d, "/bin/a", "a").
				call(4, 9, 8, "/bin/sh", "clone", "10").exec(5, 10, 9, d, d, "/bin/b", "b"),
			"8?[9 sh(alice>deploy)[10 a(alice>deploy) 10 b(alice>deploy)]]"},
		{"a vfork is recorded after its child's exec",
			session("1").exec(1, 9, 8, d, d, "/bin/sh", "sh").exec(2, 10, 9, d, d, "/bin/a", "a").call(2, 9, 8, "/bin/sh", "vfork", "10"),
			"8?[9 sh(alice>deploy)[10 a(alice>deploy)]]"},
		{"sudo puts a process between",
			session("1").exec(1, 9, 8, d, d, "/bin/sh", "sh").exec(2, 10, 9, d, "0", sudo, "sudo", "cat", "a b").
				command(2.1, 10, sudo, "/usr/bin/cat a b").exec(3, 12, 11, "0", "0", "/usr/bin/cat", "cat", "a b"),
			"8?[9 sh(alice>deploy)[10 sudo,cat,a b(alice>deploy>root)[11?[12 cat,a b(alice>deploy>root)]]]]"},
		{"two sudos that announced the same: no guess",
			session("1").exec(2, 10, 9, d, "0", sudo, "sudo", "id").command(2.1, 10, sudo, "id").
				exec(2, 20, 9, d, "0", sudo, "sudo", "id").command(2.1, 20, sudo, "id").exec(3, 12, 11, "0", "0", "/bin/id", "id"),
			"9?[10 sudo,id(alice>deploy>root) 20 sudo,id(alice>deploy>root)] 11?[12 id(alice>deploy>root)]"},
		{"sudo -u and su give root up again",
			session("1").exec(1, 10, 9, d, "0", sudo, "sudo", "-u", "w", "id").exec(2, 10, 9, "33", "33", "/bin/id", "id").
				exec(3, 20, 9, d, "0", "/bin/su", "su").exec(4, 21, 20, "1001", "1001", "/bin/bash", "-bash").
				exec(5, 22, 21, "1001", "0", sudo, "sudo", "id").exec(6, 22, 21, "0", "0", "/bin/id", "id"),
			"9?[10 sudo,-u,w,id(alice>deploy>root) id(alice>deploy>33) 20 su(alice>deploy>root)[21 -bash(alice>deploy>1001)" +
				"[22 sudo,id(alice>deploy>1001>root) id(alice>deploy>1001>root)]]]"},
		{"an orphan keeps what it is",
			session("1").exec(1, 10, 9, d, d, "/bin/a", "a").call(2, 10, 1, "/bin/a", "openat", "3"),
			"9?[10 a(alice>deploy)]"},
		{"its own parent",
			session("1").exec(1, 10, 10, d, d, "/bin/a", "a"),
			"10 a(alice>deploy)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := trees(t, c.events)
			if diff := cmp.Diff(c.want, outline(got[0].Roots)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestForestSessions: a pid that another session used since is another
// process, and a parent of another session is none.
func TestForestSessions(t *testing.T) {
	t.Parallel()
	one, two, back := session("1"), session("2"), session("1")
	one.exec(1, 10, 9, "1005", "1005", "/bin/a", "a")
	two.exec(2, 10, 9, "1005", "1005", "/bin/b", "b").exec(3, 11, 10, "1005", "1005", "/bin/c", "c")
	back.exec(4, 12, 10, "1005", "1005", "/bin/d", "d")
	var got []string
	for _, tree := range trees(t, one, two, back) {
		got = append(got, tree.Row.Session+": "+outline(tree.Roots))
	}
	want := []string{
		"1: 9?[10 a(alice>deploy)] 10?[12 d(alice>deploy)]",
		"2: 9?[10 b(alice>deploy)[11 c(alice>deploy)]]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDeepTree: processes nested without end exhaust neither time nor stack
// nor the width of a terminal.
func TestDeepTree(t *testing.T) {
	t.Parallel()
	const depth = 20_000
	s := session("1")
	for i := range depth {
		s.exec(float64(i)/1000, 1000+i, 999+i, "1005", strconv.Itoa(1005+i%2), "/bin/sh", "sh")
	}
	for _, format := range []string{report.Text, report.JSON} {
		v := report.NewTree(io.Discard, report.TreeOptions{Format: format})
		for _, e := range s.events {
			if err := v.Encode(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
