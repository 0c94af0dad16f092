package schema_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"

	"auditreplay/pkg/schema"
)

// validator is as much of draft 2020-12 as event.schema.json uses; a keyword
// that it does not know is a failure of the test, so that none is ignored.
type validator struct{ root map[string]any }

type node = map[string]any

func loadSchema(t *testing.T) validator {
	t.Helper()
	var v validator
	if err := json.Unmarshal([]byte(schema.JSONSchema()), &v.root); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v validator) resolve(ref string) node {
	at := v.root
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at[step].(node)
	}
	return at
}

// check returns what is wrong with the value at path.
func (v validator) check(path string, s node, value any) (wrong []string) {
	bad := func(format string, args ...any) {
		wrong = append(wrong, path+": "+fmt.Sprintf(format, args...))
	}
	for _, keyword := range slices.Sorted(mapKeys(s)) {
		arg := s[keyword]
		switch keyword {
		case "$schema", "$id", "$defs", "title", "description", "format", "then", "else", "additionalProperties":
		case "$ref":
			wrong = append(wrong, v.check(path, v.resolve(arg.(string)), value)...)
		case "allOf":
			for _, one := range arg.([]any) {
				wrong = append(wrong, v.check(path, one.(node), value)...)
			}
		case "if":
			branch := "then"
			if len(v.check(path, arg.(node), value)) > 0 {
				branch = "else"
			}
			if next, ok := s[branch].(node); ok {
				wrong = append(wrong, v.check(path, next, value)...)
			}
		case "type":
			if !hasType(value, arg.(string)) {
				bad("not of type %s", arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), value) {
				bad("%v is none of %v", value, arg)
			}
		case "const":
			if value != arg {
				bad("%v is not %v", value, arg)
			}
		case "pattern":
			if text, ok := value.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(text) {
				bad("%q does not match %s", text, arg)
			}
		case "minLength":
			if text, ok := value.(string); ok && float64(utf8.RuneCountInString(text)) < arg.(float64) {
				bad("too short")
			}
		case "minimum":
			if n, ok := value.(float64); ok && n < arg.(float64) {
				bad("%v is below %v", n, arg)
			}
		case "minItems", "items":
			wrong = append(wrong, v.checkList(path, keyword, arg, value)...)
		case "required":
			for _, key := range arg.([]any) {
				if _, there := value.(node)[key.(string)]; !there {
					bad("%s is missing", key)
				}
			}
		case "properties":
			wrong = append(wrong, v.checkMembers(path, s, value)...)
		default:
			bad("the validator does not know %q", keyword)
		}
	}
	return wrong
}

func (v validator) checkList(path, keyword string, arg, value any) (wrong []string) {
	list, _ := value.([]any)
	if keyword == "minItems" {
		if float64(len(list)) < arg.(float64) {
			return []string{path + ": too few"}
		}
		return nil
	}
	for i, one := range list {
		wrong = append(wrong, v.check(fmt.Sprintf("%s[%d]", path, i), arg.(node), one)...)
	}
	return wrong
}

func (v validator) checkMembers(path string, s node, value any) (wrong []string) {
	members, _ := value.(node)
	known := s["properties"].(node)
	for _, key := range slices.Sorted(mapKeys(members)) {
		at := path + "." + key
		if one, ok := known[key].(node); ok {
			wrong = append(wrong, v.check(at, one, members[key])...)
		} else if rest, ok := s["additionalProperties"].(node); ok {
			wrong = append(wrong, v.check(at, rest, members[key])...)
		}
	}
	return wrong
}

func mapKeys(m node) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
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

func TestJSONSchema(t *testing.T) {
	t.Parallel()
	v := loadSchema(t)
	cases := []struct {
		name   string
		change func(*auditevent.AuditEvent, *schema.Extra)
		want   []string
	}{
		{"typical", func(*auditevent.AuditEvent, *schema.Extra) {}, nil},
		{"type", func(e *auditevent.AuditEvent, _ *schema.Extra) { e.Type = "Login" },
			[]string{"event.type: Login is none of [UserLogin UserAction UserLogout SystemAction]"}},
		{"component", func(e *auditevent.AuditEvent, _ *schema.Extra) { e.Type = schema.TypeLogin },
			[]string{"event.component: auditd is not sshd"}},
		{"null subjects", func(e *auditevent.AuditEvent, _ *schema.Extra) { e.Subjects = nil },
			[]string{"event.subjects: not of type object"}},
		{"attribution without evidence", func(_ *auditevent.AuditEvent, x *schema.Extra) { x.Session.Evidence = nil },
			[]string{"event.metadata.extra.session: evidence is missing"}},
		{"none without reason", func(_ *auditevent.AuditEvent, x *schema.Extra) { x.Session.Attribution = schema.None },
			[]string{"event.metadata.extra.session: reason is missing"}},
		{"position", func(_ *auditevent.AuditEvent, x *schema.Extra) { x.Event.Pos = "" },
			[]string{"event.metadata.extra.event.pos: too short"}},
		{"fingerprint", func(_ *auditevent.AuditEvent, x *schema.Extra) { x.Credential.Fingerprint = "abc" },
			[]string{`event.metadata.extra.credential.fingerprint: "abc" does not match ^(SHA256:|MD5:|SHA1:)`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := action()
			c.change(e, schema.Of(e))
			var value any
			if err := json.Unmarshal(schema.AppendJSON(nil, e), &value); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, v.check("event", v.root, value)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The schema has exactly the members that the types have, and requires those
// that are always written.
func TestJSONSchemaIsComplete(t *testing.T) {
	t.Parallel()
	v := loadSchema(t)
	v.compare(t, "extra", v.resolve("#/$defs/extra"), reflect.TypeFor[schema.Extra]())
}

func (v validator) compare(t *testing.T, path string, s node, typ reflect.Type) {
	t.Helper()
	for s["$ref"] != nil {
		s = v.resolve(s["$ref"].(string))
	}
	switch typ.Kind() {
	case reflect.Pointer:
		v.compare(t, path, s, typ.Elem())
		return
	case reflect.Slice:
		v.compare(t, path+"[]", s["items"].(node), typ.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	var keys, required []string
	members, _ := s["properties"].(node)
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		keys = append(keys, name)
		if options == "" {
			required = append(required, name)
		}
		if one, ok := members[name].(node); ok {
			v.compare(t, path+"."+name, one, typ.Field(i).Type)
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(keys)), slices.Sorted(mapKeys(members))); diff != "" {
		t.Errorf("%s: -type +schema:\n%s", path, diff)
	}
	list, _ := s["required"].([]any)
	if fmt.Sprint(required) != fmt.Sprint(list) {
		t.Errorf("%s: required are %v, the schema says %v", path, required, list)
	}
}
