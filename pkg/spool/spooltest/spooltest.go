// Package spooltest helps to hold that whatever a struct comes to have is kept
// in a spool.
package spooltest

import (
	"reflect"
	"time"

	"auditreplay/pkg/ingest"
)

// Fill gives every field below what p points to a value of its own, and every
// place the source src.
func Fill(p any, src *ingest.Source) {
	n := 0
	fill(reflect.ValueOf(p).Elem(), &n, src)
}

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
	case reflect.Uint32:
		v.SetUint(uint64(*n) << (*n % 24))
	default:
		panic(v.Kind().String() + ": no way to fill it")
	}
}
