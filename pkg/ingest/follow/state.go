package follow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Why says in which way a state does not fit.
type Why int

// The ways in which a state does not fit. Their values are the exit codes,
// as near as may be to what ausearch --checkpoint means by them.
const (
	Old   Why = 10 // of another version, or older than the oldest file that is left
	Cut   Why = 11 // broken, or what it describes is shorter than it was
	Other Why = 12 // of another host, of other files
)

// Misfit says that a state cannot be gone on from.
type Misfit struct {
	Why  Why
	What string
}

func (m *Misfit) Error() string { return m.What }

// Version is the form of the state that this program writes and reads.
const Version = 1

// header is the first line of a state file; its body is the rest.
type header struct {
	Program string `json:"program"`
	Version int    `json:"version"`
	Length  int    `json:"length"`
	SHA256  string `json:"sha256"`
}

const program = "auditreplay follow"

// PrepareState encodes the state, as JSON, and gives the function that writes
// it: that one may be called later and elsewhere.
func PrepareState(path string, v any) (write func() error, err error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	head, err := json.Marshal(header{program, Version, len(body), hex.EncodeToString(sum[:])})
	if err != nil {
		return nil, err
	}
	return func() error { return replaceFile(path, append(append(head, '\n'), body...)) }, nil
}

// replaceFile puts data into a file, whole or not at all: it is written
// beside, synced, and renamed.
func replaceFile(path string, data []byte) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(next)
		return err
	}
	if err := os.Rename(next, path); err != nil {
		os.Remove(next)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename lasting.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadState reads what PrepareState made. ok is false where there is no state.
// The error is a *Misfit where it cannot be used.
func ReadState(path string, v any) (ok bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	first, body, cut := bytes.Cut(b, []byte("\n"))
	var h header
	if err := json.Unmarshal(first, &h); err != nil || h.Program != program || !cut {
		return false, &Misfit{Cut, fmt.Sprintf("%s: not a state of %s, or the beginning of it is lost", path, program)}
	}
	if h.Version != Version {
		return false, &Misfit{Old, fmt.Sprintf("%s: state of version %d, this program reads %d", path, h.Version, Version)}
	}
	sum := sha256.Sum256(body)
	if len(body) != h.Length || hex.EncodeToString(sum[:]) != h.SHA256 {
		return false, &Misfit{Cut, fmt.Sprintf("%s: truncated or changed: %d bytes of %d are there", path, len(body), h.Length)}
	}
	if err := json.Unmarshal(body, v); err != nil {
		return false, &Misfit{Cut, fmt.Sprintf("%s: %v", path, err)}
	}
	return true, nil
}
