package schema

import (
	"bytes"
	"encoding/json"
	"slices"
)

// The maps of an event nearly always hold a few keys that are known
// beforehand. They are asked for those in the order of the output; only where
// that does not find everything are the keys gathered and sorted.

// Up to so many keys are sorted without allocating.
const smallMap = 24

func appendSubjects(dst []byte, m map[string]string) []byte {
	start, found := len(dst), 0
	dst = append(dst, '{')
	if v, ok := m["loggedAs"]; ok {
		dst = append(appendString(append(dst, `"loggedAs":`...), v), ',')
		found++
	}
	if v, ok := m["pid"]; ok {
		dst = append(appendString(append(dst, `"pid":`...), v), ',')
		found++
	}
	if v, ok := m["userID"]; ok {
		dst = append(appendString(append(dst, `"userID":`...), v), ',')
		found++
	}
	if found != len(m) || m == nil {
		return appendStringMap(dst[:start], m)
	}
	return closeObject(dst)
}

func appendTarget(dst []byte, m map[string]string) []byte {
	start, found := len(dst), 0
	dst = append(dst, '{')
	if v, ok := m["host"]; ok {
		dst = append(appendString(append(dst, `"host":`...), v), ',')
		found++
	}
	if v, ok := m["machine-id"]; ok {
		dst = append(appendString(append(dst, `"machine-id":`...), v), ',')
		found++
	}
	if found != len(m) || m == nil {
		return appendStringMap(dst[:start], m)
	}
	return closeObject(dst)
}

// appendStringMap writes any map, nil as null.
func appendStringMap(dst []byte, m map[string]string) []byte {
	if m == nil {
		return append(dst, "null"...)
	}
	var room [smallMap]string
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k), ':')
		dst = appendString(dst, m[k])
	}
	return append(dst, '}')
}

// anyMap writes a map of values of any kind.
func (a *appender) anyMap(dst []byte, m map[string]any) []byte {
	var room [smallMap]string
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, k), ':')
		dst = a.value(dst, m[k])
	}
	return append(dst, '}')
}

func (a *appender) sourceExtra(dst []byte, m map[string]any) []byte {
	if port, ok := m["port"].(string); ok && len(m) == 1 {
		dst = appendString(append(dst, `{"port":`...), port)
		return append(dst, '}')
	}
	return a.anyMap(dst, m)
}

// extra writes Metadata.Extra, whose members Attach has put there.
func (a *appender) extra(dst []byte, m map[string]any) []byte {
	var values [extraKeys]any
	for k, v := range m {
		slot := extraSlot(k)
		if slot < 0 || v == nil {
			return a.anyMap(dst, m)
		}
		values[slot] = v
	}
	dst = append(dst, '{')
	for slot, v := range values {
		if v != nil {
			dst = append(dst, extraKey(slot)...)
			dst = append(a.value(dst, v), ',')
		}
	}
	return closeObject(dst)
}

// extraSlot is the place of a key of Extra in the output, -1 for a foreign
// key, and extraKey the text of the place.
func extraSlot(key string) int {
	switch key {
	case "action":
		return 0
	case "credential":
		return 1
	case "event":
		return 2
	case "how":
		return 3
	case "object":
		return 4
	case "process":
		return 5
	case "process_args":
		return 6
	case "process_args_hex":
		return 7
	case "session":
		return 8
	case "user":
		return 9
	}
	return -1
}

func extraKey(slot int) string {
	return [extraKeys]string{
		`"action":`, `"credential":`, `"event":`, `"how":`, `"object":`, `"process":`,
		`"process_args":`, `"process_args_hex":`, `"session":`, `"user":`,
	}[slot]
}

// value writes a value of a map: the types of this package by themselves,
// all others as encoding/json does.
func (a *appender) value(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return appendString(dst, v)
	case []string:
		return appendStrings(dst, v)
	case json.RawMessage:
		return a.raw(dst, v)
	case *string:
		if v != nil {
			return appendString(dst, *v)
		}
	case *[]string:
		if v != nil {
			return appendStrings(dst, *v)
		}
	case *Credential:
		if v != nil {
			return appendCredential(dst, v)
		}
	case *Event:
		if v != nil {
			return appendEvent(dst, v)
		}
	case *Object:
		if v != nil {
			return appendObject(dst, v)
		}
	case *Process:
		if v != nil {
			return appendProcess(dst, v)
		}
	case *Session:
		if v != nil {
			return appendSession(dst, v)
		}
	case *Users:
		if v != nil {
			return appendUsers(dst, v)
		}
	default:
		return a.other(dst, v)
	}
	return append(dst, "null"...)
}

// other writes what encoding/json makes of v.
func (a *appender) other(dst []byte, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return a.noJSON(dst, err)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// raw writes JSON text without the blanks between its tokens.
func (a *appender) raw(dst []byte, text json.RawMessage) []byte {
	if text == nil {
		return append(dst, "null"...)
	}
	if !json.Valid(text) {
		return a.other(dst, text)
	}
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			dst = append(dst, c)
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		dst = append(dst, text[i])
	}
	return dst
}
