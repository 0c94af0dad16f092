package journal

import (
	"math"
	"time"
)

// decimal reads an unsigned decimal number that fills b.
func decimal(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// number reads a PID or user id.
func number(b []byte) (int, bool) {
	n, ok := decimal(b)
	if !ok || n >= 1<<32-1 {
		return 0, false
	}
	return int(n), true
}

// hexadecimal reads an unsigned number in hex that fills b.
func hexadecimal(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		d := hexDigit(c)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	return n, true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// validTime is VALID_REALTIME of systemd's sd-journal: microseconds below 2^55.
func validTime(micros uint64) bool { return micros > 0 && micros < 1<<55 }

func microTime(micros uint64) time.Time {
	return time.UnixMicro(int64(micros)).UTC()
}
