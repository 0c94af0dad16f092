package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// errClosed is the end of a run whose output had nowhere to go.
var errClosed = errors.New("standard output is closed")

// checkOpen refuses a standard output that was closed when the program began
// ("auditreplay file audit.log >&-"). Go's runtime opens /dev/null in its
// place, for reading and writing, so that nothing written ever fails. A shell
// opens its /dev/null for writing alone. Programs that start others may open
// it for both; they mostly do for more than the one descriptor.
func checkOpen(stdout io.Writer) error {
	if f, ok := stdout.(*os.File); ok && opensBoth(f) && !opensBoth(os.Stdin) && !opensBoth(os.Stderr) {
		return errClosed
	}
	return nil
}

// opensBoth reports whether f is /dev/null, opened for reading and writing.
func opensBoth(f *os.File) bool {
	var st, null unix.Stat_t
	fd := int(f.Fd())
	if unix.Fstat(fd, &st) != nil || unix.Stat(os.DevNull, &null) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != null.Rdev {
		return false
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}
