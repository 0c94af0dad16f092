package journal

import "bytes"

// cursorParts are what a cursor says: s=SEQNUM_ID;i=SEQNUM;b=BOOT;m=MONOTONIC;
// t=REALTIME;x=HASH, the numbers in hex (sd_journal_get_cursor). Ids are nil
// and numbers 0 where it does not say.
type cursorParts struct {
	seqID, boot     []byte
	seq, mono, real uint64
}

func parseCursor(b []byte) cursorParts {
	var c cursorParts
	for len(b) > 0 {
		part, rest, _ := bytes.Cut(b, []byte{';'})
		b = rest
		if len(part) < 3 || part[1] != '=' {
			continue
		}
		value := part[2:]
		switch part[0] {
		case 's':
			c.seqID = ifID(value)
		case 'b':
			c.boot = ifID(value)
		case 'i':
			c.seq, _ = hexadecimal(value)
		case 'm':
			c.mono, _ = hexadecimal(value)
		case 't':
			c.real, _ = hexadecimal(value)
		}
	}
	return c
}

// ifID gives b back where it is a 128-bit id in hex.
func ifID(b []byte) []byte {
	if len(b) != 32 {
		return nil
	}
	for _, c := range b {
		if hexDigit(c) < 0 {
			return nil
		}
	}
	return b
}
