// Package schematest holds outputs of the program against the JSON Schemas that
// it publishes for them. It serves tests alone.
package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Validator is as much of draft 2020-12 as the program's schemas use; a keyword
// that it does not know is found wrong, so that none is ignored.
type Validator struct{ Root map[string]any }

type node = map[string]any

// Resolve gives the part of the schema that a reference names.
func (v *Validator) Resolve(ref string) node {
	at := v.Root
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at[step].(node)
	}
	return at
}

// Check returns what is wrong with the value at path.
func (v *Validator) Check(path string, s node, value any) (wrong []string) {
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		arg := s[keyword]
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "format", "then", "else", "additionalProperties":
		case "$ref":
			wrong = append(wrong, v.Check(path, v.Resolve(arg.(string)), value)...)
		case "allOf":
			for _, one := range arg.([]any) {
				wrong = append(wrong, v.Check(path, one.(node), value)...)
			}
		case "if":
			branch := "then"
			if len(v.Check(path, arg.(node), value)) > 0 {
				branch = "else"
			}
			if next, ok := s[branch].(node); ok {
				wrong = append(wrong, v.Check(path, next, value)...)
			}
		case "minItems", "items":
			wrong = append(wrong, v.checkList(path, keyword, arg, value)...)
		case "properties":
			wrong = append(wrong, v.checkMembers(path, s, value)...)
		default:
			if what := checkPlain(keyword, arg, value); what != "" {
				wrong = append(wrong, path+": "+what)
			}
		}
	}
	return wrong
}

// checkPlain says what one keyword finds wrong with a value without looking
// into its members; "" where nothing.
func checkPlain(keyword string, arg, value any) string {
	text, isText := value.(string)
	n, isNumber := value.(float64)
	switch keyword {
	case "type":
		if !hasType(value, arg.(string)) {
			return fmt.Sprintf("not of type %s", arg)
		}
	case "enum":
		if !slices.Contains(arg.([]any), value) {
			return fmt.Sprintf("%v is none of %v", value, arg)
		}
	case "const":
		if value != arg {
			return fmt.Sprintf("%v is not %v", value, arg)
		}
	case "pattern":
		if isText && !regexp.MustCompile(arg.(string)).MatchString(text) {
			return fmt.Sprintf("%q does not match %s", text, arg)
		}
	case "minLength":
		if isText && float64(utf8.RuneCountInString(text)) < arg.(float64) {
			return "too short"
		}
	case "minimum":
		if isNumber && n < arg.(float64) {
			return fmt.Sprintf("%v is below %v", n, arg)
		}
	case "required":
		var missing []string
		for _, key := range arg.([]any) {
			if _, there := value.(node)[key.(string)]; !there {
				missing = append(missing, key.(string))
			}
		}
		if len(missing) > 0 {
			return strings.Join(missing, ", ") + " is missing"
		}
	default:
		return fmt.Sprintf("the validator does not know %q", keyword)
	}
	return ""
}

func (v *Validator) checkList(path, keyword string, arg, value any) (wrong []string) {
	list, _ := value.([]any)
	if keyword == "minItems" {
		if float64(len(list)) < arg.(float64) {
			return []string{path + ": too few"}
		}
		return nil
	}
	for i, one := range list {
		wrong = append(wrong, v.Check(fmt.Sprintf("%s[%d]", path, i), arg.(node), one)...)
	}
	return wrong
}

func (v *Validator) checkMembers(path string, s node, value any) (wrong []string) {
	members, _ := value.(node)
	known := s["properties"].(node)
	for _, key := range slices.Sorted(maps.Keys(members)) {
		at := path + "." + key
		if one, ok := known[key].(node); ok {
			wrong = append(wrong, v.Check(at, one, members[key])...)
		} else if rest, ok := s["additionalProperties"].(node); ok {
			wrong = append(wrong, v.Check(at, rest, members[key])...)
		}
	}
	return wrong
}

func hasType(value any, want string) bool {
	switch value := value.(type) {
	case string:
		return want == "string"
	case []any:
		return want == "array"
	case node:
		return want == "object"
	case float64:
		return want == "number" || want == "integer" && value == float64(int64(value))
	case bool:
		return want == "boolean"
	}
	return false
}

// New reads a schema.
func New(text string) (*Validator, error) {
	v := new(Validator)
	return v, json.Unmarshal([]byte(text), &v.Root)
}

// Lines returns what is wrong with an output of one JSON value a line. Members
// that the schema does not name are wrong: a schema must be complete.
func Lines(schema string, output []byte) (wrong []string, err error) {
	v, err := New(schema)
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range bytes.Lines(output) {
		var value any
		if err := json.Unmarshal(line, &value); err != nil {
			return nil, err
		}
		n++
		wrong = append(wrong, v.Check(fmt.Sprintf("line %d", n), v.Root, value)...)
		wrong = append(wrong, v.unknown(fmt.Sprintf("line %d", n), v.Root, value)...)
	}
	if n == 0 {
		return nil, fmt.Errorf("no output")
	}
	return wrong, nil
}

// unknown lists the members that the schema does not name.
func (v *Validator) unknown(path string, s node, value any) (wrong []string) {
	if ref, ok := s["$ref"].(string); ok {
		s = v.Resolve(ref)
	}
	switch value := value.(type) {
	case node:
		known, closed := s["properties"].(node)
		if !closed {
			return nil
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if one, ok := known[key].(node); ok {
				wrong = append(wrong, v.unknown(path+"."+key, one, value[key])...)
			} else if _, ok := s["additionalProperties"]; !ok {
				wrong = append(wrong, path+"."+key+": not in the schema")
			}
		}
	case []any:
		if items, ok := s["items"].(node); ok {
			for i, one := range value {
				wrong = append(wrong, v.unknown(fmt.Sprintf("%s[%d]", path, i), items, one)...)
			}
		}
	}
	return wrong
}
