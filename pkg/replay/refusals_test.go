package replay

import (
	"reflect"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/sshd"
)

// fill gives every field below v a value of its own.
func fill(v reflect.Value, n *int, src *ingest.Source) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type() == reflect.TypeFor[*ingest.Source]() {
			v.Set(reflect.ValueOf(src))
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, src)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(1e9+*n), int64(*n)).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n, src)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n, src)
		}
	case reflect.String:
		v.SetString(string(rune('a'+*n%26)) + "\x00é")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) << (*n % 40) * int64(1-*n%2*2))
	default:
		panic(v.Kind().String() + ": not a kind that a login has")
	}
}

// Whatever a login comes to have is kept.
func TestLoginCode(t *testing.T) {
	src := &ingest.Source{Name: "auth.log"}
	var whole sshd.Login
	n := 0
	fill(reflect.ValueOf(&whole).Elem(), &n, src)
	var c loginCode
	for _, g := range []*sshd.Login{&whole, {}, {End: &sshd.End{}}} {
		b := c.append(nil, g)
		got, err := c.read(b)
		if err != nil || !reflect.DeepEqual(got, g) {
			t.Errorf("%+v\nbecame %+v, %v", g, got, err)
		}
		for cut := range b {
			if _, err := c.read(b[:cut]); err == nil {
				t.Errorf("%d of %d bytes are a login", cut, len(b))
			}
		}
	}
}

func TestSpool(t *testing.T) {
	var s spool
	defer s.close()
	size := func(i int) int {
		if i == 500 {
			return 3 * spoolWindow
		}
		return i * 7919 % 5000
	}
	var at []int64
	const n = 2000
	for i := range n {
		b := make([]byte, size(i))
		for j := range b {
			b[j] = byte(i + j)
		}
		at = append(at, s.add(b))
	}
	if s.file == nil {
		t.Fatal("nothing was written")
	}
	for _, step := range []int{1, 7, 611} {
		for k := range n {
			i := k * step % n
			b, err := s.get(at[i])
			if err != nil || len(b) != size(i) || len(b) > 0 && (b[0] != byte(i) || b[len(b)-1] != byte(i+len(b)-1)) {
				t.Fatalf("piece %d: %d bytes, %v", i, len(b), err)
			}
		}
	}
	s.file.Close()
	s.window = nil
	if _, err := s.get(0); err == nil {
		t.Error("no error of a file that is closed")
	}
}
