package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// OutputOptions say where an output goes.
type OutputOptions struct {
	Force  bool   // an existing file is replaced
	Golden string // the output is compared with this file instead
	Update bool   // the golden file is rewritten
}

// Output is where a view writes: standard output, or a file that appears when
// it is complete. An Abort before Commit leaves no file.
type Output struct {
	w    io.Writer
	file *os.File // written beside path, or for the comparison with golden
	dev  *os.File // a device or pipe, which is written as it comes
	path string
	opt  OutputOptions
}

// CreateOutput opens the output named path; "-" and "" are stdout.
func CreateOutput(path string, stdout io.Writer, opt OutputOptions) (*Output, error) {
	o := &Output{w: stdout, path: path, opt: opt}
	dir := ""
	switch {
	case opt.Golden != "":
		o.path, dir = opt.Golden, os.TempDir()
		if opt.Update {
			dir = filepath.Dir(opt.Golden)
		} else if _, err := os.Stat(opt.Golden); err != nil {
			return nil, fmt.Errorf("--golden: %w", err)
		}
	case path == "" || path == "-":
		return o, nil
	case special(path):
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		o.dev, o.w = f, f
		return o, nil
	default:
		if info, err := os.Lstat(path); err == nil && !opt.Force {
			return nil, fmt.Errorf("%s: exists (--force overwrites it)", path)
		} else if err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s: is a directory", path)
		}
		dir = filepath.Dir(path)
	}
	f, err := os.CreateTemp(dir, ".auditreplay-*")
	if err != nil {
		var why *os.PathError // the temporary name is nobody's business
		if errors.As(err, &why) {
			err = fmt.Errorf("%s: %w", o.path, why.Err)
		}
		return nil, err
	}
	o.file, o.w = f, f
	return o, nil
}

func (o *Output) Write(p []byte) (int, error) { return o.w.Write(p) }

// special reports whether path is there and no regular file or directory: a
// device, a pipe, a terminal. It cannot be replaced, only written to.
func special(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// Commit puts a file in its place, or compares it with the golden file and
// gives the first differences, as a text, where there are any.
func (o *Output) Commit() (diff string, err error) {
	if o.dev != nil {
		err, o.dev = o.dev.Close(), nil
		return "", err
	}
	if o.file == nil {
		return "", nil
	}
	if o.opt.Golden != "" && !o.opt.Update {
		diff, err = diffFiles(o.opt.Golden, o.file)
		o.Abort()
		return diff, err
	}
	name := o.file.Name()
	if err := o.file.Chmod(0o644); err != nil {
		return "", err
	}
	if err := errors.Join(o.file.Sync(), o.file.Close()); err != nil {
		os.Remove(name)
		o.file = nil
		return "", err
	}
	o.file = nil
	if err := os.Rename(name, o.path); err != nil {
		os.Remove(name)
		return "", err
	}
	return "", nil
}

// Abort removes what was written, unless it was committed.
func (o *Output) Abort() {
	if o.dev != nil {
		o.dev.Close()
		o.dev = nil
	}
	if o.file != nil {
		o.file.Close()
		os.Remove(o.file.Name())
		o.file = nil
	}
}

// maxDiffs is how many differing lines are shown.
const maxDiffs = 10

// diffFiles compares the golden file with what was written, line by line.
func diffFiles(golden string, got *os.File) (string, error) {
	if _, err := got.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	want, err := os.Open(golden)
	if err != nil {
		return "", err
	}
	defer want.Close()
	a, b := bufio.NewReaderSize(want, 1<<16), bufio.NewReaderSize(got, 1<<16)
	text, n := "", 0
	for line := 1; ; line++ {
		x, errX := a.ReadString('\n')
		y, errY := b.ReadString('\n')
		if errX != nil && errX != io.EOF {
			return "", errX
		}
		if errY != nil && errY != io.EOF {
			return "", errY
		}
		if x == "" && y == "" {
			break
		}
		if x == y {
			continue
		}
		if n++; n <= maxDiffs {
			text += fmt.Sprintf("%s:%d:\n%s%s", golden, line, signed("-", x), signed("+", y))
		}
	}
	if n > maxDiffs {
		text += fmt.Sprintf("... and %d lines more\n", n-maxDiffs)
	}
	return text, nil
}

func signed(sign, line string) string {
	if line == "" {
		return ""
	}
	if line[len(line)-1] != '\n' {
		line += "\n"
	}
	return sign + line
}
