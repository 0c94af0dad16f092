package follow

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"syscall"
)

// headSize is how many of a file's first bytes tell it from others.
const headSize = 4096

// Ident says which file it is, whatever its name and even if it was copied or
// compressed. With Len 0 nothing was read of it and only the inode is known.
type Ident struct {
	Dev  uint64 `json:"dev"`
	Ino  uint64 `json:"ino"`
	Len  int    `json:"len"`            // of the first bytes that Head is the hash of
	Head string `json:"head,omitempty"` // SHA-256 in hex
}

func identOf(info os.FileInfo, head []byte) Ident {
	var id Ident
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Dev, id.Ino = uint64(st.Dev), st.Ino
	}
	id.Len, id.Head = len(head), hashOf(head)
	return id
}

func hashOf(head []byte) string {
	if len(head) == 0 {
		return ""
	}
	sum := sha256.Sum256(head)
	return hex.EncodeToString(sum[:])
}

// linksOf is how many names the file has.
func linksOf(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// tellingHead is how many first bytes tell a file from all others. Fewer are
// less than a line with its time; then the inode has to be the same too.
const tellingHead = 64

// is reports whether a file that begins with head and has the given inode is
// the one that id names.
func (id Ident) is(info os.FileInfo, head []byte) bool {
	if len(head) < id.Len || hashOf(head[:id.Len]) != id.Head {
		return false
	}
	return id.Len >= tellingHead || id.sameInode(info)
}

func (id Ident) sameInode(info os.FileInfo) bool {
	o := identOf(info, nil)
	return o.Dev == id.Dev && o.Ino == id.Ino
}

// readHead reads the first bytes of r.
func readHead(r io.ReaderAt, n int) ([]byte, error) {
	b := make([]byte, n)
	n, err := r.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}
