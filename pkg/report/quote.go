package report

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// commandLine writes argv as a POSIX shell with $'...' would read it back:
// every argument can be told from its neighbours, and no byte of it does
// anything to a terminal. hexed, where there is one, has the exact bytes of
// all arguments and is preferred.
func commandLine(args, hexed []string) string {
	if len(hexed) == len(args) && len(hexed) > 0 {
		exact := make([]string, len(hexed))
		for i, h := range hexed {
			b, err := hex.DecodeString(h)
			if err != nil {
				return commandLine(args, nil)
			}
			exact[i] = string(b)
		}
		args = exact
	}
	var b strings.Builder
	for i, a := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		quote(&b, a)
	}
	return b.String()
}

const bareBytes = "%+,-./:=@_^~"

// quote appends arg to b: bare where a shell takes it so, else in single
// quotes, else in $'...'.
func quote(b *strings.Builder, arg string) {
	bare, plain := arg != "", true
	for _, r := range arg {
		switch {
		case r == utf8.RuneError, !unicode.IsPrint(r), r == '\'', unicode.Is(unicode.Bidi_Control, r):
			bare, plain = false, false
		case r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z':
		case r < utf8.RuneSelf && !strings.ContainsRune(bareBytes, r):
			bare = false
		}
	}
	switch {
	case bare && !strings.HasPrefix(arg, "~"):
		b.WriteString(arg)
	case plain:
		b.WriteString("'" + arg + "'")
	default:
		ansiQuote(b, arg)
	}
}

func ansiQuote(b *strings.Builder, arg string) {
	b.WriteString("$'")
	for i := 0; i < len(arg); {
		r, n := utf8.DecodeRuneInString(arg[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(b, `\x%02x`, arg[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(b, `\x%02x`, r)
		case !unicode.IsPrint(r) && r > 0xffff:
			fmt.Fprintf(b, `\U%08x`, r)
		case !unicode.IsPrint(r), unicode.Is(unicode.Bidi_Control, r):
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	b.WriteByte('\'')
}
