package auditd

import (
	"bytes"
	"strconv"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// firstArg gives the number of the first argument that an EXECVE record's body
// holds, for the order of the records of a long command line.
//
// A record that goes on with a command line begins with a blank.
func firstArg(body []byte) uint32 {
	if len(body) > 5 && string(body[:5]) == "argc=" {
		return 0
	}
	body = bytes.TrimLeft(body, " ")
	at, frag, ok := argName(body)
	if !ok {
		return 0
	}
	if at > 1<<20 || frag > 1<<11 { // far beyond what a kernel writes
		return 1<<32 - 1
	}
	return at<<11 | frag
}

// argName reads "a12=", "a12[3]=" or "a12_len=" at the start of b.
func argName(b []byte) (arg, fragment uint32, ok bool) {
	if len(b) < 2 || b[0] != 'a' || !isDigit(b[1]) {
		return 0, 0, false
	}
	arg = digits(b[1:])
	i := 1
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i < len(b) && b[i] == '[' {
		fragment = digits(b[i+1:])
	}
	return arg, fragment, true
}

// argv reads the arguments of the EXECVE records that start at ev.Records[at]
// and gives how many there are.
//
// The kernel writes a0="plain" or a0=HEX. An argument that does not fit is cut
// into a1_len=DIGITS a1[0]=... a1[1]=..., and a command line that does not fit
// one record goes on in the next one, in the middle of an argument too.
func (b *Builder) argv(ev *Event, at int) (records int) {
	var a args
	for ; at+records < len(ev.Records) && ev.Records[at+records].Type == auparse.AUDIT_EXECVE; records++ {
		f := fields{b: ev.Records[at+records].Body}
		for {
			if v, ok := f.argument(); ok {
				a.finish(ev)
				ev.Args = append(ev.Args, ev.text(v))
				continue
			}
			name, v, ok := f.next()
			if !ok {
				break
			}
			switch {
			case len(name) > 1 && name[0] == 'a' && isDigit(name[1]):
				a.add(ev, name, v)
			case string(name) == "argc":
				a.argc, a.counted = digits(v), true
			}
		}
	}
	a.finish(ev)
	if a.counted && int64(a.argc) != int64(len(ev.Args)) {
		ev.Contradictions = append(ev.Contradictions, "argc "+strconv.Itoa(int(a.argc))+" != "+strconv.Itoa(len(ev.Args))+" arguments")
	}
	return records
}

// argument goes on over a whole argument as the kernel writes it (" a12=..."),
// where that comes next.
func (f *fields) argument() (value []byte, ok bool) {
	b, i := f.b, f.pos+3
	if i >= len(b) || b[i-3] != ' ' || b[i-2] != 'a' || !isDigit(b[i-1]) {
		return nil, false
	}
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i+1 >= len(b) || b[i] != '=' {
		return nil, false
	}
	first := i + 1
	end := first + valueEnd(b[first:], nil)
	if first == end || b[end-1] == ',' || b[end-1] == ')' {
		return nil, false
	}
	f.pos = end
	return b[first:end], true
}

// args puts a split argument together.
type args struct {
	argc    uint32
	counted bool

	open    bool   // pieces of argument number "which" were seen
	which   uint32 //
	start   int    // in ev.arena
	literal bool   // a piece stood in quotes
}

func (a *args) add(ev *Event, name, v []byte) {
	bracket := bytes.IndexByte(name, '[')
	if bracket < 0 {
		a.finish(ev)
		if bytes.IndexByte(name, '_') < 0 { // a1_len= only announces
			ev.Args = append(ev.Args, ev.text(v))
		}
		return
	}
	if which := digits(name[1:]); !a.open || which != a.which {
		a.finish(ev)
		a.open, a.which, a.start, a.literal = true, which, len(ev.arena), false
	}
	if len(v) > 0 && v[0] == '"' {
		a.literal = true
	}
	ev.arena = append(ev.arena, plain(v)...)
}

// finish decodes the pieces as one: a piece may end between two digits.
func (a *args) finish(ev *Event) {
	if a.open {
		a.decode(ev)
	}
}

func (a *args) decode(ev *Event) {
	a.open = false
	whole := ev.arena[a.start:]
	if !a.literal && isHex(whole) {
		ev.arena = appendHex(ev.arena[:a.start], whole) // never overtakes what it reads
		whole = ev.arena[a.start:]
	}
	ev.Args = append(ev.Args, whole[:len(whole):len(whole)])
}
