package schema_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/metal-toolbox/auditevent"

	"auditreplay/pkg/schema"
	"auditreplay/pkg/schema/schematest"
)

type node = map[string]any

func loadSchema(t *testing.T) *schematest.Validator {
	t.Helper()
	v, err := schematest.New(schema.JSONSchema())
	if err != nil {
		t.Fatal(err)
	}
	return v
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
			if diff := cmp.Diff(c.want, v.Check("event", v.Root, value)); diff != "" {
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
	compare(t, v, "extra", v.Resolve("#/$defs/extra"), reflect.TypeFor[schema.Extra]())
}

func compare(t *testing.T, v *schematest.Validator, path string, s node, typ reflect.Type) {
	t.Helper()
	for s["$ref"] != nil {
		s = v.Resolve(s["$ref"].(string))
	}
	switch typ.Kind() {
	case reflect.Pointer:
		compare(t, v, path, s, typ.Elem())
		return
	case reflect.Slice:
		compare(t, v, path+"[]", s["items"].(node), typ.Elem())
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
			compare(t, v, path+"."+name, one, typ.Field(i).Type)
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(keys)), slices.Sorted(maps.Keys(members))); diff != "" {
		t.Errorf("%s: -type +schema:\n%s", path, diff)
	}
	list, _ := s["required"].([]any)
	if fmt.Sprint(required) != fmt.Sprint(list) {
		t.Errorf("%s: required are %v, the schema says %v", path, required, list)
	}
}
