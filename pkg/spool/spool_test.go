package spool

import "testing"

func TestSpool(t *testing.T) {
	var s Spool
	defer s.Close()
	size := func(i int) int {
		if i == 500 {
			return 3 * Window
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
		at = append(at, s.Add(b))
	}
	if s.file == nil {
		t.Fatal("nothing was written")
	}
	for _, step := range []int{1, 7, 611} {
		for k := range n {
			i := k * step % n
			b, err := s.Get(at[i])
			if err != nil || len(b) != size(i) || len(b) > 0 && (b[0] != byte(i) || b[len(b)-1] != byte(i+len(b)-1)) {
				t.Fatalf("piece %d: %d bytes, %v", i, len(b), err)
			}
		}
	}
	s.file.Close()
	s.window = nil
	if _, err := s.Get(0); err == nil {
		t.Error("no error of a file that is closed")
	}
}
