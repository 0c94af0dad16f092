package auditd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTear(t *testing.T) {
	t.Parallel()
	const (
		cmd  = `type=USER_CMD msg=audit(2.000:11): pid=5 uid=0 auid=1000 ses=4 msg='cwd="/" cmd="ls" exe="/usr/bin/sudo" res=success'`
		sys  = `type=SYSCALL msg=audit(1.000:7): arch=c000003e syscall=59 success=yes tty=pts`
		path = `node=web1 type=PATH msg=audit(1.000:7): item=0 name="/etc"`
	)
	piece := func(why, text string) string { return why + ": " + text }
	for _, test := range []struct {
		line string
		want []string
	}{
		{cmd, []string{cmd}},
		{path, []string{path}},
		{`type=EXECVE msg=audit(1.000:7): argc=2 a0="x" a1="type=LOGIN" a2="msg=audit(1.000:8):"`,
			[]string{`type=EXECVE msg=audit(1.000:7): argc=2 a0="x" a1="type=LOGIN" a2="msg=audit(1.000:8):"`}},
		{sys + "\x00\x00" + cmd, []string{piece(tornByReset, sys), cmd}},
		{sys + "\x00", []string{piece(tornByReset, sys)}},
		{sys + cmd, []string{piece(tornByNext, sys), cmd}},
		{path[:50] + path, []string{piece(tornByNext, path[:50]), path}},
		{path[:50] + " " + path, []string{piece(tornByNext, path[:50]+" "), path}},
		{path + " i" + path, []string{piece(tornByNext, path+" i"), path}},
		{sys + "\x00" + sys + cmd, []string{piece(tornByReset, sys), piece(tornByNext, sys), cmd}},
		{cmd[:90] + cmd, []string{piece(inItsText, cmd[:90]+cmd)}},
		{strings.Replace(cmd, "ls", "type=LOGIN msg=audit(3.000:1): ses=5", 1),
			[]string{piece(inItsText, strings.Replace(cmd, "ls", "type=LOGIN msg=audit(3.000:1): ses=5", 1))}},
		{cmd[:90] + "\x00\x00" + cmd, []string{piece(tornByReset, cmd[:90]), cmd}},
	} {
		var got []string
		for line := []byte(test.line); len(line) > 0; {
			first, rest, _, why := Tear(line, false)
			if why == "" {
				got = append(got, string(first))
			} else {
				got = append(got, piece(why, string(first)))
			}
			line = rest
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, diff)
		}
	}
}

// No line of a recorded host is torn, and every two of its records on one line
// are, wherever the first is cut.
func TestTearLinesOfHosts(t *testing.T) {
	t.Parallel()
	n := 0
	for name, data := range hostLogs(t) {
		var last []byte
		for line := range bytes.Lines(data) {
			line = bytes.Trim(line, "\x00\n")
			if _, _, _, why := Tear(line, false); why != "" {
				t.Fatalf("%s: %s: %q", name, why, line)
			}
			if n++; n%5 == 0 && len(last) > 0 {
				head := bytes.Index(last, []byte("):")) + 2
				cut := head + n%(len(last)-head)
				first, rest, _, why := Tear(append(bytes.Clone(last[:cut]), line...), false)
				user := bytes.Contains(last[:cut], []byte("msg='"))
				if user && why != inItsText || !user && (why != tornByNext || !bytes.Equal(first, last[:cut]) || !bytes.Equal(rest, line)) {
					t.Fatalf("%q + %q: %q, %q and %q", last[:cut], line, why, first, rest)
				}
			}
			last = line
		}
	}
}

// TestTornHead: where all that is left of a record is a part of its head, the
// next one behind it is read with its own node and type: it is not another
// host's.
func TestTornHead(t *testing.T) {
	t.Parallel()
	const rest = "msg=audit(1.002:3): pid=1 auid=5 ses=6"
	for _, node := range []string{"", "node=web1 "} {
		first := node + "type=SYSCALL msg=audit(1.001:2): arch=c000003e ses=7"
		head := len(node + "type=SYSCALL msg=audit(")
		for cut := range head { // a second "audit(" is for Tear
			for _, typ := range []string{"LOGIN", "PATH"} {
				line := first[:cut] + node + "type=" + typ + " " + rest
				var rec Record
				var h hint
				for _, how := range []string{"alone", "after another"} {
					if how != "alone" {
						if err := h.parse([]byte(first), &rec); err != nil {
							t.Fatal(err)
						}
					}
					if err := h.parse([]byte(line), &rec); err != nil {
						t.Errorf("%q %s: %v", line, how, err)
						continue
					}
					if "node="+string(rec.Node)+" " != node && node+string(rec.Node) != "" || string(rec.TypeName) != typ || rec.Serial != 3 {
						t.Errorf("%q %s: node %q, type %q, serial %d", line, how, rec.Node, rec.TypeName, rec.Serial)
					}
				}
			}
		}
	}
}
