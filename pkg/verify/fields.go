package verify

import (
	"bytes"
	"strconv"
)

// field finds NAME=value among the outer fields of a record's body: what a
// program claims inside msg='...' is not looked at.
func field(body []byte, name string) string {
	if i := bytes.Index(body, []byte("msg='")); i >= 0 {
		body = body[:i]
	}
	for len(body) > 0 {
		if body[0] == ' ' || body[0] == ',' {
			body = body[1:]
			continue
		}
		word := body
		end := bytes.IndexByte(body, ' ')
		if eq := bytes.IndexByte(body, '='); eq >= 0 && eq+1 < len(body) && body[eq+1] == '"' && (end < 0 || eq < end) {
			if q := bytes.IndexByte(body[eq+2:], '"'); q >= 0 {
				end = eq + 3 + q
			}
		}
		if end < 0 || end > len(body) {
			end = len(body)
		}
		word, body = body[:end], body[end:]
		if key, value, ok := bytes.Cut(word, []byte("=")); ok && string(key) == name {
			return string(bytes.Trim(value, `"`))
		}
	}
	return ""
}

// number gives a decimal's value, -1 where it is none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// unset reports whether an audit id was never set.
func unset(id string) bool {
	return id == "" || id == "4294967295" || id == "-1" || id == "unset"
}
