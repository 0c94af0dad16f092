package replay

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/keys"
	"auditreplay/pkg/ingest/root"
	"auditreplay/pkg/schema"
)

// Evidence is what a run reads: inputs, hosts as they lay on their disks, and
// the files that name people and accounts.
type Evidence struct {
	*ingest.Inputs // of paths and roots, named together
	Roots          []*root.Root
	Keys           []keys.Key           // of KeyFiles
	Users          map[string]root.Name // of Passwd
	Groups         map[string]root.Name // of Group
}

// EvidenceOptions say where the evidence is.
type EvidenceOptions struct {
	Paths    []string // files, directories, archives, "-"
	Roots    []string // directories or archives that are one host each
	KeyFiles []string // authorized_keys, allowed_signers, "fingerprint,name" lists
	Passwd   string
	Group    string
	Ingest   ingest.Options
	Own      func(*ingest.Inputs) bool // paths that are no evidence but what the caller reads itself; may be nil
}

// OpenEvidence finds and opens the evidence. A named input that is none is an
// error, as "PATH: what".
func OpenEvidence(opt EvidenceOptions) (*Evidence, error) {
	e := &Evidence{Inputs: new(ingest.Inputs)}
	if err := e.open(opt); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *Evidence) open(opt EvidenceOptions) error {
	if len(opt.Paths) > 0 {
		in, err := ingest.Discover(opt.Paths, opt.Ingest)
		if err != nil {
			return err
		}
		e.Inputs = in
		if opt.Own != nil && opt.Own(in) && len(opt.Roots) == 0 {
			return e.names(opt)
		}
		if err := usable(in.Sources); err != nil {
			return err
		}
	}
	for i, path := range slices.Sorted(slices.Values(opt.Roots)) {
		r, err := root.Open(path, opt.Ingest)
		if err != nil {
			return fmt.Errorf("--root: %w", err)
		}
		if i > 0 && r.Path == e.Roots[i-1].Path {
			r.Close()
			return fmt.Errorf("--root: %s: named twice", path)
		}
		e.Roots = append(e.Roots, r)
		e.Sources = append(slices.Clip(e.Sources), r.Sources...)
		e.Skipped = append(slices.Clip(e.Skipped), r.Skipped...)
		e.Damaged = append(slices.Clip(e.Damaged), r.Damaged...)
	}
	if len(e.Sources) == 0 {
		return e.None(strings.Join(append(slices.Clone(opt.Paths), opt.Roots...), ", "), errors.New("no evidence found"))
	}
	if len(opt.Roots) > 0 {
		ingest.NameSources(e.Sources)
	}
	return e.names(opt)
}

// ReadNames reads only the files that name people and accounts.
func ReadNames(keyFiles []string, passwd string) (*Evidence, error) {
	e := &Evidence{Inputs: new(ingest.Inputs)}
	return e, e.names(EvidenceOptions{KeyFiles: keyFiles, Passwd: passwd})
}

// usable refuses named inputs that are no evidence.
func usable(sources []*ingest.Source) error {
	for _, s := range sources {
		switch s.Kind {
		case ingest.UnknownKind:
			return fmt.Errorf("%s: no audit log, journal or syslog file", s.Path)
		case ingest.UnusableKind:
			return fmt.Errorf("%s: %s", s.Path, s.Hint)
		}
	}
	return nil
}

// names reads the files that name people and accounts.
func (e *Evidence) names(opt EvidenceOptions) error {
	for _, path := range opt.KeyFiles {
		err := withFile(path, func(r io.Reader) error {
			found, err := keys.Parse(path, r)
			e.Keys = append(e.Keys, found...)
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("%s: no keys in it", path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("--keys: %w", err)
		}
	}
	for _, f := range []struct {
		flag, path string
		to         *map[string]root.Name
	}{{"--passwd", opt.Passwd, &e.Users}, {"--group", opt.Group, &e.Groups}} {
		if f.path == "" {
			continue
		}
		err := withFile(f.path, func(r io.Reader) (err error) {
			*f.to, err = root.ParseNames(f.path, r)
			if err == nil && len(*f.to) == 0 {
				err = fmt.Errorf("%s: no names in it", f.path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	return nil
}

func withFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		if pe := (*os.PathError)(nil); errors.As(err, &pe) {
			err = fmt.Errorf("%s: %w", path, pe.Err)
		}
		return err
	}
	defer f.Close()
	return read(f)
}

// Close closes all that was opened.
func (e *Evidence) Close() error {
	err := e.Inputs.Close()
	for _, r := range e.Roots {
		err = errors.Join(err, r.Close())
	}
	return err
}

// nameOf is whose a key is, by its fingerprint of either kind.
type nameOf struct {
	print string
	ca    bool
}

// KeyNames gives whose a key (or, with ca, a certificate authority) is: each
// name once, with the file that says so first. Keys given first go first.
func KeyNames(lists ...[]keys.Key) func(fingerprint string, ca bool) []schema.Name {
	known := make(map[nameOf][]schema.Name)
	add := func(print string, k *keys.Key) {
		at := nameOf{print, k.CA}
		if print == "" || k.Name == "" || slices.ContainsFunc(known[at], func(n schema.Name) bool { return n.Name == k.Name }) {
			return
		}
		known[at] = append(known[at], schema.Name{Name: k.Name, From: k.From})
	}
	for _, list := range lists {
		for i := range list {
			add(list[i].Fingerprint, &list[i])
			add(list[i].MD5, &list[i])
		}
	}
	return func(fingerprint string, ca bool) []schema.Name { return known[nameOf{fingerprint, ca}] }
}

// keyNames and userNames are what the tracker of a host is given: names that
// the user gave for all hosts before those of the host's own root.
func (r *run) keyNames(h *host) func(fingerprint string, ca bool) []schema.Name {
	if h.root == nil || len(h.root.Keys) == 0 {
		return KeyNames(r.opt.Keys)
	}
	return KeyNames(r.opt.Keys, h.root.Keys)
}

func (r *run) userNames(h *host) func(uid string) string {
	given, own := r.opt.Users, map[string]root.Name(nil)
	if h.root != nil {
		own = h.root.Users
	}
	return func(uid string) string {
		if n, ok := given[uid]; ok {
			return n.Name
		}
		return own[uid].Name
	}
}
